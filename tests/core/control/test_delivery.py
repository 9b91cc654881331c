"""Progressive delivery on a real database and a real MLflow store: looked at, and carried out."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from artpulse_core.control import delivery, lineage, promotion, traffic
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ChangeRefused, RegistryError, StoreError
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.core.control.conftest import MODEL, Breaking, House
from tests.core.control.rolling import PLAN, Rolling, impatient


@pytest.fixture
def rolling(three: House) -> Rolling:
    return Rolling(three)


def test_without_a_rollout_a_tick_says_so(rolling: Rolling) -> None:
    found = rolling.tick()
    assert (found.decision, found.verdict, found.change) == ("hold", None, None)
    assert "no rollout" in found.sentence


def test_a_good_secondary_walks_all_steps_and_becomes_champion(rolling: Rolling) -> None:
    rolling.start()
    seen = [rolling.state.percent]
    for _ in range(4):
        rolling.asks()
        found = rolling.tick()
        assert found.decision == "advance", found.sentence
        assert found.change is not None
        assert found.change.verdict == found.verdict
        assert found.change.actor == "ticker"
        seen.append(rolling.state.percent)
    assert seen == [1, 5, 25, 50, 100]
    assert [stage.percent for stage in rolling.state.stages] == seen
    rolling.asks(primary=0)
    last = rolling.tick()
    assert last.decision == "finish", last.sentence
    assert last.change is not None
    assert (last.change.action, last.change.target, last.change.state) == ("promote", 3, "done")
    verdict = last.change.verdict or {}
    assert verdict["decision"] == "pass"
    assert verdict["gate"]["decision"] == "promote"  # what the gate had said when it began
    assert verdict["rules"] == (last.verdict or {})["rules"]
    assert rolling.house.aliases == {"champion": 3, "previous": 2}
    assert (rolling.state.mode, rolling.state.outcome) == ("single", "promoted")
    assert changes.verify_chain(rolling.house.db) is None
    assert "no rollout" in rolling.tick().sentence


@pytest.mark.parametrize("may", ["step", "abort"])
def test_a_secondary_that_fails_is_stopped_rejected_and_its_alias_is_gone(
    rolling: Rolling, may: delivery.May
) -> None:
    before = rolling.house.aliases
    rolling.start()
    rolling.asks(secondary=20, failing=12)
    found = rolling.tick(may)
    assert found.decision == "abort", found.sentence
    assert found.change is not None
    assert found.change.state == "done"
    assert (found.change.verdict or {})["decision"] == "fail"
    state = rolling.state
    assert (state.mode, state.percent, state.outcome, state.primary) == ("single", 0, "failed", 2)
    assert lineage.rejected(rolling.rows) == {3}
    assert rolling.house.aliases == {name: version for name, version in before.items() if version != 3}
    assert changes.verify_chain(rolling.house.db) is None


def test_a_slow_secondary_is_stopped(rolling: Rolling) -> None:
    rolling.start()
    rolling.asks(slow=300)
    assert rolling.tick().decision == "abort"


def test_without_answers_of_the_secondary_a_rollout_stays_where_it_is(rolling: Rolling) -> None:
    rolling.start()
    for _ in range(3):
        rolling.asks(secondary=0)
        found = rolling.tick()
        assert (found.decision, found.change) == ("hold", None)
        assert (found.verdict or {})["decision"] == "inconclusive"
    assert rolling.state.percent == 1


def test_the_agent_stops_but_never_steps(rolling: Rolling) -> None:
    rolling.start()
    rolling.asks()
    found = rolling.tick("abort")
    assert (found.decision, found.change) == ("hold", None)
    assert "sensor" in found.sentence
    assert rolling.tick("step").decision == "advance"


def test_a_paused_rollout_is_not_stepped_but_stopped_when_it_fails(rolling: Rolling) -> None:
    house = rolling.house
    rolling.start()
    traffic.pause(house.db, house.registry, MODEL, actor="bob", reason="lunch", now=rolling.now)
    rolling.asks()
    found = rolling.tick()
    assert (found.decision, found.change) == ("hold", None)
    rolling.asks(failing=300)
    assert rolling.tick().decision == "abort"


@pytest.mark.parametrize(
    ("promotes", "verdict", "why"),
    [
        (True, {"decision": "inconclusive", "rules": []}, "the gate has not approved"),
        (False, {"decision": "promote", "rules": []}, "as its plan says"),
    ],
)
def test_at_the_end_of_the_steps_it_waits_for_a_person_and_says_why(
    rolling: Rolling, promotes: bool, verdict: dict[str, Any], why: str
) -> None:
    rolling.start(plan=impatient(steps=(50.0,), promote=promotes), verdict=verdict)
    rolling.asks()
    found = rolling.tick()
    assert (found.decision, found.change) == ("hold", None)
    assert why in found.sentence
    assert (found.verdict or {})["decision"] == "pass"
    assert rolling.house.aliases["champion"] == 2


def test_a_shadow_is_never_stepped_and_is_stopped_when_it_fails(rolling: Rolling) -> None:
    rolling.start(mode="shadow")
    rolling.asks()
    assert (rolling.tick().decision, rolling.state.percent) == ("hold", 0)
    rolling.asks(failing=300)
    assert rolling.tick("abort").decision == "abort"


def test_a_rollout_of_colours_ends_with_the_other_colour_active(rolling: Rolling) -> None:
    rolling.start(mode="blue_green", plan=impatient(steps=(50.0,)))
    assert rolling.state.active == "blue"
    rolling.asks()
    assert rolling.tick().decision == "finish"
    assert (rolling.state.active, rolling.state.green) == ("green", 3)
    assert rolling.house.aliases["green"] == rolling.house.aliases["champion"] == 3


def test_a_database_that_is_away_is_named(rolling: Rolling) -> None:
    rolling.start()
    away = Database("sqlite:////nowhere/at/all/artpulse.db")
    with pytest.raises(StoreError, match="database"):
        rolling.tick(db=away)
    away.dispose()


@pytest.mark.parametrize(
    ("what", "method", "after"),
    [
        ("advance", "aliases", False),
        ("advance", "versions", True),
        ("finish", "set_alias", False),
        ("finish", "set_alias", True),
        ("finish", "delete_alias", False),
        ("abort", "versions", False),
        ("abort", "delete_alias", True),
    ],
)
def test_a_registry_that_goes_away_leaves_nothing_between_two_states(
    rolling: Rolling, what: str, method: str, after: bool
) -> None:
    house = rolling.house
    rolling.start(plan=impatient(steps=(50.0,)) if what == "finish" else PLAN)
    rolling.asks(failing=100 if what == "abort" else 0)
    before = rolling.state
    registry = Breaking(house.settings, method, RegistryError, after=after)
    # An abort never waits for the registry; what else cannot be done is named.
    with contextlib.nullcontext() if what == "abort" else pytest.raises(RegistryError, match="by the test"):
        assert rolling.tick(registry=registry).decision == "abort"
    assert registry.broken
    assert rolling.state.running is (what != "abort")
    promotion.recover(house.db, house.registry, rolling.now)
    assert changes.open_rows(house.db, MODEL) == []
    assert changes.verify_chain(house.db) is None
    if rolling.state == before:
        again = rolling.tick()  # the next look does it
        assert (again.decision, again.change is not None) == (what, True), again.sentence
    ends = {"advance": (5, 2, ""), "finish": (0, 3, "promoted"), "abort": (0, 2, "failed")}
    assert (rolling.state.percent, rolling.state.primary, rolling.state.outcome) == ends[what]
    existing = {info.version for info in house.registry.versions(MODEL)}
    assert house.aliases == lineage.aliases_of(rolling.rows, existing)


def test_a_champion_that_was_moved_by_hand_stops_the_steps(rolling: Rolling) -> None:
    house = rolling.house
    rolling.start()
    rolling.asks()
    house.registry.set_alias(MODEL, "champion", 1)
    found = rolling.tick()
    assert (found.decision, found.change) == ("hold", None)
    assert "champion" in found.sentence
    assert rolling.state.percent == 1


def test_a_champion_that_is_moved_while_a_step_is_made_holds_it_once_and_not_for_ever(
    rolling: Rolling,
) -> None:
    house = rolling.house
    rolling.start()
    rolling.asks()

    class Moving(Registry):
        asked = 0

        def alias(self, model: str, alias: str) -> int | None:
            self.asked += 1
            return super().alias(model, alias) if self.asked == 1 else 1

    assert "look again" in rolling.tick(registry=Moving(house.settings)).sentence
    assert rolling.tick().decision == "advance"


def test_a_rejected_version_is_not_rolled_out_again_by_itself(rolling: Rolling) -> None:
    rolling.start()
    rolling.asks(failing=300)
    assert rolling.tick().decision == "abort"
    rows = len(rolling.rows)
    rolling.asks()
    assert rolling.tick().change is None
    assert len(rolling.rows) == rows
    with pytest.raises(ChangeRefused):
        rolling.start(verdict=None)
