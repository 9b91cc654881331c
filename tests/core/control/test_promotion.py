"""The champion moves only through one row, and every failure leaves the old one or the new one whole."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.control import promotion
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ChangeConflict, ChangeRefused, RegistryError
from artpulse_core.model import bundle
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, NOW, Breaking, House


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of ours may catch it."""


def states(house: House) -> list[tuple[str, int | None, str]]:
    return [(row.action, row.target, row.state) for row in changes.history(house.db, MODEL)][::-1]


@pytest.mark.smoke
def test_versions_are_registered_promoted_and_rolled_back_through_the_table(house: House) -> None:
    assert house.register(0) == 1
    assert house.aliases == {}
    house.promote(1, None)
    assert house.register(1) == 2
    assert house.aliases == {"champion": 1, "challenger": 2}
    done = house.promote(2, 1)
    assert (done.state, done.expected, done.target) == ("done", 1, 2)
    assert house.aliases == {"champion": 2, "previous": 1}
    house.rollback()
    assert house.aliases == {"champion": 1}
    assert states(house) == [
        ("register", 1, "done"),
        ("promote", 1, "done"),
        ("register", 2, "done"),
        ("promote", 2, "done"),
        ("rollback", 1, "done"),
    ]
    assert changes.verify_chain(house.db) is None


def test_digest_and_contract_are_recorded_in_the_row_that_registered_them(
    three: House, tmp_path: Path
) -> None:
    row = changes.registration(three.db, MODEL, 3)
    info = three.registry.version(MODEL, 3)
    assert row is not None
    assert info is not None
    contract = bundle.verify(three.registry.download(MODEL, 3, tmp_path / "fetched")).files["contract.json"]
    assert row.rollout == {
        "digest": info.digest,
        "key": "key-2",
        "problem": "art_core5",
        "contract": contract,
    }


def test_a_second_rollback_goes_further_back_and_not_forward(three: House) -> None:
    three.promote(3, 2)
    assert three.aliases == {"champion": 3, "previous": 2}
    assert three.rollback().target == 2
    assert three.aliases == {"champion": 2, "previous": 1}
    assert three.rollback().target == 1
    assert three.aliases == {"champion": 1}
    with pytest.raises(ChangeRefused, match="no earlier champion"):
        three.rollback()
    assert states(three)[-1] == ("rollback", None, "refused")
    assert {
        info.version for info in three.registry.versions(MODEL) if info.tags.get("rejected") == "true"
    } == {2, 3}


def test_a_rejected_version_that_is_promoted_again_counts_again(three: House) -> None:
    three.promote(3, 2)
    three.rollback()
    three.promote(3, 2, override=True, verdict=None, reason="the fault was elsewhere")
    three.promote(1, 3, override=True, verdict=None, reason="a step back by hand")
    assert three.rollback().target == 3


def test_a_promotion_needs_the_verdict_or_an_override_with_a_reason(three: House) -> None:
    verdict = {
        "decision": "reject",
        "rules": [
            {"name": "margin", "passed": False},
            {"name": "rows", "passed": True},
            {"name": "ece", "passed": None},
        ],
    }
    with pytest.raises(ChangeRefused, match="reject: margin, ece"):
        three.promote(3, 2, verdict=verdict)
    with pytest.raises(ChangeRefused, match="needs the gate's verdict"):
        three.promote(3, 2, verdict=None)
    with pytest.raises(ChangeRefused, match="needs a reason"):
        three.promote(3, 2, verdict=None, override=True, reason="  ")
    assert three.aliases["champion"] == 2
    assert [state for _, target, state in states(three) if target == 3] == [
        "done",
        "refused",
        "refused",
        "refused",
    ]
    assert (
        three.promote(3, 2, verdict=verdict, override=True, reason="agreed with the owner").verdict == verdict
    )


def test_the_expected_champion_must_be_the_current_one(three: House) -> None:
    for expected in (None, 1, 3):
        with pytest.raises(ChangeConflict, match="is version 2, not"):
            three.promote(3, expected)
    with pytest.raises(ChangeConflict, match="is version 2, not version 1"):
        three.rollback(expected=1)
    assert three.aliases == {"champion": 2, "previous": 1, "challenger": 3}


def test_a_version_that_is_missing_foreign_or_altered_is_not_promoted(three: House) -> None:
    with pytest.raises(ChangeRefused, match="no version 9"):
        three.promote(9, 2)
    three.registry.set_tag(MODEL, 3, "digest", "sha256:" + "0" * 64)
    with pytest.raises(ChangeRefused, match="not the one that was registered"):
        three.promote(3, 2)
    three.registry.set_tag(MODEL, 3, "digest", "")
    with pytest.raises(ChangeRefused, match="has no digest"):
        three.promote(3, 2)
    with pytest.raises(ChangeRefused, match="champion already"):
        three.promote(2, 2)


def test_of_racing_promotions_one_wins(three: House) -> None:
    three.register(7)

    def work(version: int) -> bool:
        try:
            three.promote(version, 2)
        except ChangeConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(work, (3, 4, 3, 4)))
    assert sum(won) == 1
    assert changes.open_rows(three.db) == []
    assert three.aliases["champion"] == (3, 4)[won.index(True) % 2]


def test_a_killed_change_is_settled_by_the_next_change_too(three: House) -> None:
    with pytest.raises(Killed):
        three.promote(3, 2, Breaking(three.settings, "set_alias", Killed, after=True))
    assert three.rollback().expected == 3
    assert three.aliases == {"champion": 2, "previous": 1}


def test_a_change_of_a_living_process_is_left_alone(three: House) -> None:
    with three.db.lock(f"change of {MODEL}"):
        row = changes.open_change(
            three.db, model=MODEL, action="promote", expected=2, target=3, actor="other", reason="r",
            verdict=None, idempotency_key=None, now=NOW,
        )  # fmt: skip
        assert promotion.recover(three.db, three.registry, NOW) == []
        with pytest.raises(ChangeConflict, match="under way"):
            three.promote(3, 2)
    assert [done.sequence for done in promotion.recover(three.db, three.registry, NOW)] == [row.sequence]


def test_what_cannot_be_undone_now_stays_open_and_is_settled_later(three: House, monkeypatch: Any) -> None:
    away = Registry(three.settings)

    def fail(*_: Any) -> None:
        raise RegistryError("away")

    real = away.set_alias

    def once(*args: Any) -> None:
        real(*args)
        monkeypatch.setattr(away, "alias", fail)
        monkeypatch.setattr(away, "aliases", fail)

    monkeypatch.setattr(away, "set_alias", once)
    with pytest.raises(RegistryError, match="away"):
        three.promote(3, 2, away)
    assert states(three)[-1] == ("promote", 3, "open")
    promotion.recover(three.db, three.registry, NOW)
    assert three.aliases == {"champion": 3, "previous": 2}


def test_an_alias_moved_by_hand_in_between_is_not_overwritten(three: House) -> None:
    moved = Registry(three.settings)
    real = moved.set_alias

    def and_somebody_else(model: str, alias: str, version: int) -> None:
        real(model, alias, version)
        real(model, alias, 1)

    moved.set_alias = and_somebody_else  # type: ignore[method-assign]  # the test stands in for a failing part
    with pytest.raises(ChangeConflict, match="became version 1"):
        three.promote(3, 2, moved)
    assert three.aliases["champion"] == 1
    assert states(three)[-1] == ("promote", 3, "undone")


@pytest.mark.parametrize(
    ("method", "after", "state"),
    [
        ("register", False, "undone"),
        ("register", True, "done"),
        ("set_alias", False, "done"),
        ("set_alias", True, "done"),
    ],
)
def test_a_killed_registration_is_settled(three: House, method: str, after: bool, state: str) -> None:
    with pytest.raises(Killed):
        three.register(9, Breaking(three.settings, method, Killed, after=after))
    assert states(three)[-1] == ("register", 4, "open")
    (row,) = promotion.recover(three.db, three.registry, NOW)
    assert row.state == state
    assert three.aliases["challenger"] == (4 if state == "done" else 3)
    assert (three.registry.find_by_key(MODEL, "key-9") is not None) == (state == "done")


def test_a_registration_whose_number_was_taken_before_is_recorded_under_its_own(three: House) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(three.settings.tracking_uri, three.settings.registry_uri)
    taken = client.create_model_version(MODEL, source=str(client.get_model_version(MODEL, "3").source))
    client.delete_model_version(MODEL, taken.version)  # MLflow never gives its number again
    assert three.register(9) == 5
    assert states(three)[-2:] == [("register", 4, "undone"), ("register", 5, "done")]
    assert three.rows[1].outcome == "The registry made it version 5."
    assert three.aliases["challenger"] == 5


def test_a_rejected_version_comes_back_by_an_override_only_whatever_its_old_verdict_said(
    three: House,
) -> None:
    three.promote(3, 2)
    three.rollback()
    for again in (three.promote, three.start):
        with pytest.raises(ChangeRefused, match="was rejected in service"):
            again(3, 2)
    row = three.start(3, 2, override=True, reason="the fault was elsewhere")
    assert row.rollout is not None
    assert row.rollout["asked"]["override"] is True
    three.promote(3, 2, verdict={"decision": "pass", "rules": []})  # it has passed what the override allowed


def test_a_process_that_lost_its_lock_leaves_the_champion_to_whoever_came_after(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A connection to PostgreSQL that breaks takes the lock with it, and the process does not know.
    monkeypatch.setattr(promotion, "alone", lambda _db, _model: contextlib.nullcontext())

    class Overtaken(Registry):
        slow = True

        def set_alias(self, model: str, alias: str, version: int) -> None:
            if self.slow:
                self.slow = False
                three.promote(1, 2)
            super().set_alias(model, alias, version)

    with pytest.raises(ChangeConflict, match="not open any more"):
        three.promote(3, 2, registry=Overtaken(three.settings))
    assert three.aliases["champion"] == three.state.primary == 1
    assert states(three)[-2:] == [("promote", 3, "undone"), ("promote", 1, "done")]


def test_a_version_that_is_not_there_is_named_before_its_missing_verdict(three: House) -> None:
    with pytest.raises(ChangeRefused, match="has no version 9"):
        three.promote(9, 2, verdict=None)
    with pytest.raises(ChangeRefused, match="is the champion already"):
        three.promote(2, 2, verdict=None)


def test_a_rollout_is_stopped_while_a_new_version_is_being_uploaded(three: House) -> None:
    three.start(3, 2)

    class Uploading(Registry):
        def log_bundle(self, bundle_dir: Path, *, run_id: str, model: str) -> str:
            three.abort()
            return super().log_bundle(bundle_dir, run_id=run_id, model=model)

    assert three.register(7, registry=Uploading(three.settings)) == 4
    assert three.aliases["challenger"] == 4
