"""Rollouts as changes: what each writes, what it refuses, and the aliases after any sequence of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.control import lineage, promotion, traffic
from artpulse_core.control.rollout import Plan, Rollout, check_plan
from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.store import changes
from artpulse_core.store.clock import stamp
from tests.bundles import make_bundle
from tests.core.control.conftest import MODEL, NOW, Away, House
from tests.core.control.walks import agree

REJECT = {"decision": "reject", "rules": [{"name": "margin", "passed": False}]}
UNSURE = {"decision": "inconclusive", "rules": []}
Ask = Callable[[], object]


@pytest.mark.smoke
def test_a_canary_goes_on_pauses_and_ends_in_a_promotion(three: House) -> None:
    begun = three.start(3, 2)
    assert (begun.action, begun.expected, begun.target, begun.state) == ("rollout", 2, 3, "done")
    first = three.state
    assert (first.mode, first.primary, first.secondary, first.percent) == ("canary", 2, 3, 1.0)
    assert (first.approved, first.paused, len(first.salt)) == (True, False, 16)
    three.set_percent(25, expected=2)
    three.pause()
    assert (three.state.percent, three.state.paused) == (25.0, True)
    three.set_percent(50)
    state = three.state
    assert (state.percent, state.paused, state.salt) == (50.0, False, first.salt)
    assert [(stage.percent, stage.began) for stage in state.stages] == [
        (1.0, stamp(NOW)),
        (25.0, stamp(NOW)),
        (50.0, stamp(NOW)),
    ]
    three.promote(3, 2)
    over = three.state
    assert (over.mode, over.primary, over.secondary, over.percent) == ("single", 3, None, 0.0)
    assert over.outcome == "promoted"
    assert three.aliases == {"champion": 3, "previous": 2}
    assert three.start(2, 3).rollout["salt"] != first.salt


def test_a_failed_rollout_rejects_its_secondary_and_restores_the_aliases(three: House) -> None:
    before = three.aliases
    three.start(3, 2, percent=50)
    done = three.abort(failed=True, verdict={"decision": "fail"}, reason="errors")
    assert (done.target, done.verdict, done.rollout["outcome"]) == (3, {"decision": "fail"}, "failed")
    assert lineage.rejected(three.rows) == {3}
    assert three.aliases == {name: version for name, version in before.items() if version != 3}
    info = three.registry.version(MODEL, 3)
    assert info is not None
    assert info.tags["rejected"] == "true"
    three.promote(3, 2, override=True, reason="the fault was elsewhere")
    assert lineage.rejected(three.rows) == set()
    info = three.registry.version(MODEL, 3)
    assert info is not None
    assert info.tags["rejected"] == "false"


def test_an_aborted_rollout_rejects_nobody(three: House) -> None:
    before = three.aliases
    three.start(3, 2)
    three.abort()
    assert (three.aliases, lineage.rejected(three.rows), three.state.outcome) == (before, set(), "aborted")


def test_colours_flip_with_a_promotion_and_are_restored_by_an_abort(three: House) -> None:
    three.start(3, 2, mode="blue_green", percent=100)
    assert {name: three.aliases[name] for name in ("blue", "green", "challenger")} == {
        "blue": 2,
        "green": 3,
        "challenger": 3,
    }
    three.abort()
    assert not {"blue", "green"} & set(three.aliases)
    three.start(3, 2, mode="blue_green")
    three.promote(3, 2)
    assert (three.state.active, three.aliases["blue"], three.aliases["green"]) == ("green", 2, 3)
    three.register(8)
    three.start(4, 3, mode="blue_green")
    assert (three.state.active, three.aliases["blue"], three.aliases["green"]) == ("green", 4, 3)
    three.abort(failed=True)
    assert (three.state.active, three.aliases["blue"], three.aliases["green"]) == ("green", 2, 3)
    three.rollback()
    assert (three.state.active, three.state.primary, three.aliases["blue"]) == ("blue", 2, 2)
    three.promote(1, 2, override=True)
    assert (three.state.active, three.aliases["blue"], three.aliases["green"]) == ("blue", 1, 3)


@pytest.mark.parametrize("end", ["rollback", "promote another", "adopt"])
def test_any_other_champion_ends_the_rollout(three: House, end: str) -> None:
    three.start(3, 2, mode="blue_green")
    if end == "rollback":
        three.rollback()
    elif end == "adopt":
        three.registry.set_alias(MODEL, "champion", 1)
        three.adopt()
    else:
        three.promote(1, 2, override=True)
    state = three.state
    assert (state.mode, state.primary, state.secondary, state.outcome) == ("single", 1, None, "ended")
    agree(three)
    with pytest.raises(ChangeRefused, match="No rollout"):
        three.set_percent(5)


def test_the_secondary_is_challenger_and_what_is_registered_meanwhile_waits(three: House) -> None:
    three.start(3, 2)
    three.register(8)
    assert three.aliases["challenger"] == 3
    three.abort()
    assert three.aliases["challenger"] == 4


def test_a_shadow_has_no_share(three: House) -> None:
    three.start(3, 2, mode="shadow")
    assert (three.state.mode, three.state.percent) == ("shadow", 0.0)
    with pytest.raises(ChangeRefused, match="answers nobody"):
        three.set_percent(5)
    three.abort()
    with pytest.raises(ChangeRefused, match="answers nobody"):
        three.start(3, 2, mode="shadow", percent=5)


def test_a_rollout_starts_on_an_open_verdict_and_is_approved_by_a_favourable_one_only(three: House) -> None:
    three.start(3, 2, verdict=UNSURE)
    assert three.state.approved is False
    passed = {"decision": "pass", "rules": []}
    with pytest.raises(ChangeRefused, match="The gate says pass"):
        three.promote(3, 2, verdict=passed)
    three.abort()
    three.start(3, 2, verdict=REJECT, override=True, reason="agreed with the owner")
    assert lineage.state_of(three.rows).approved
    with pytest.raises(ChangeRefused, match="The gate says pass"):
        three.promote(1, 2, verdict=passed)
    assert three.promote(3, 2, verdict=passed).state == "done"


def test_what_may_not_be_rolled_out_is_refused_by_name(three: House) -> None:
    requests: dict[str, Ask] = {
        "The gate says reject: margin": lambda: three.start(3, 2, verdict=REJECT),
        "needs the gate's verdict": lambda: three.start(3, 2, verdict=None),
        "needs a reason": lambda: three.start(3, 2, verdict=REJECT, override=True, reason=""),
        "is the champion already": lambda: three.start(2, 2),
        "has no version 9": lambda: three.start(9, 2),
        "is one of canary": lambda: three.start(3, 2, mode="single"),
        "between 0 and 100, not 101": lambda: three.start(3, 2, percent=101),
        "between 0 and 100, not nan": lambda: three.start(3, 2, percent=float("nan")),
        "percents must rise": lambda: three.start(3, 2, plan=Plan(steps=(5, 5))),
        "min_samples: at least 1": lambda: three.start(3, 2, plan=Plan(min_samples=0)),
        "No rollout .* is running": three.pause,
        "No rollout of": three.abort,
    }
    for says, request in requests.items():
        with pytest.raises(ChangeRefused, match=says):
            request()
    with pytest.raises(ChangeConflict, match="is version 2, not version 1"):
        three.start(3, 1)
    assert {row.state for row in three.rows[: len(requests) + 1]} == {"refused"}
    three.start(3, 2)
    with pytest.raises(ChangeRefused, match="runs already"):
        three.start(3, 2)
    with pytest.raises(ChangeConflict, match="is version 2, not version 1"):
        three.set_percent(5, expected=1)
    three.pause()
    with pytest.raises(ChangeRefused, match="paused already"):
        three.pause()


def test_a_first_version_has_no_champion_to_stand_beside(house: House) -> None:
    house.register()
    with pytest.raises(ChangeRefused, match="no champion"):
        house.start(1, None)


def test_a_version_with_another_contract_is_not_put_beside_the_champion(three: House, tmp_path: Path) -> None:
    digest = make_bundle(tmp_path / "other", labels=("minimal", "vibrant"), seed=9)
    version = three.register_folder(tmp_path / "other", digest, "other")
    with pytest.raises(ChangeRefused, match="different contracts"):
        three.start(version, 2)
    assert three.start(3, 2).state == "done"


def test_a_contract_that_was_not_recorded_is_read_from_the_bundle(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = changes.history

    def older(*args: object, **fields: object) -> list[changes.Change]:
        rows = real(*args, **fields)  # type: ignore[arg-type]  # passed on as they came
        keys = ("digest", "key", "problem")
        return [
            replace(row, rollout={key: (row.rollout or {})[key] for key in keys})
            if row.action == "register"
            else row
            for row in rows
        ]

    monkeypatch.setattr(changes, "history", older)
    assert three.start(3, 2).state == "done"


def test_nothing_starts_or_steps_beside_a_champion_moved_by_hand_but_it_can_be_aborted(three: House) -> None:
    three.start(3, 2)
    three.registry.set_alias(MODEL, "champion", 1)
    with pytest.raises(ChangeRefused, match="moved by hand to version 1; the table says version 2"):
        three.set_percent(50)
    three.abort()
    with pytest.raises(ChangeRefused, match="moved by hand"):
        three.start(3, 1)
    assert three.aliases["champion"] == 1  # it is served, and nobody but adopt or a promotion answers for it


def test_an_abort_counts_while_the_registry_is_away_and_the_aliases_follow(three: House) -> None:
    three.start(3, 2)
    row = three.abort(Away(three.settings), failed=True, idempotency_key="k")
    assert row.state == "open"
    assert (three.state.running, lineage.rejected(three.rows)) == (False, {3})
    assert three.aliases["challenger"] == 3
    (closed,) = promotion.recover(three.db, three.registry, NOW)
    assert (closed.sequence, closed.state) == (row.sequence, "done")
    assert three.abort(failed=True, idempotency_key="k") == closed
    agree(three)


def test_the_state_of_rows_older_than_rollouts_is_the_champion_alone(three: House) -> None:
    older = [replace(row, rollout=None) if row.action == "promote" else row for row in three.rows]
    assert lineage.state_of(older) == Rollout(primary=2)
    assert lineage.state_of([]) == Rollout()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", (1.0, math.nan)),
        ("steps", (math.nan,)),
        ("steps", (math.inf,)),
        ("steps", ("1", "5")),
        ("steps", tuple(number / 100 for number in range(1, 10_001))),
        ("alpha", 1e-320),
        ("alpha", True),
        ("hard_errors", math.nan),
        ("min_samples", math.inf),
        ("min_samples", 10**400),
        ("min_samples", "9"),
        ("promote", "no"),
    ],
)
def test_a_plan_of_odd_numbers_is_refused_by_the_name_of_its_field(field: str, value: Any) -> None:
    with pytest.raises(ChangeRefused, match=f"^{field}: "):
        check_plan(replace(Plan(), **{field: value}))


def test_a_rollout_has_a_bounded_number_of_shares_and_can_be_stopped_after_them(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "MOST_STAGES", 2)
    three.start(3, 2)
    three.set_percent(5)
    with pytest.raises(ChangeRefused, match="has had 2 shares"):
        three.set_percent(1)
    assert three.abort().state == "done"
