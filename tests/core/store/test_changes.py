"""The change table: one open row a model, keys that repeat safely, and a chain that shows tampering."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from artpulse_core.errors import ChangeConflict
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def opened(db: Database, model: str = "m", **over: Any) -> Change:
    request: dict[str, Any] = {
        "action": "promote",
        "expected": None,
        "target": 1,
        "actor": "a",
        "reason": "r",
        "verdict": None,
        "idempotency_key": None,
        "now": NOW,
        **over,
    }
    return changes.open_change(db, model=model, **request)


@pytest.mark.smoke
def test_a_model_has_one_open_row_and_other_models_their_own(db: Database) -> None:
    first = opened(db)
    with pytest.raises(ChangeConflict, match="still open"):
        opened(db, target=2)
    assert opened(db, "other").sequence == first.sequence + 1
    changes.close(db, first, NOW)
    assert opened(db, target=2).sequence == first.sequence + 2


def test_a_row_is_finished_once(db: Database) -> None:
    row = opened(db)
    assert changes.undo(db, row, NOW).state == "undone"
    with pytest.raises(ChangeConflict, match="not open"):
        changes.close(db, row, NOW)


def test_an_idempotency_key_finds_the_first_row(db: Database) -> None:
    first = opened(db, idempotency_key="k")
    again = opened(db, idempotency_key="k")
    assert again == first
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(ChangeConflict, match="was used"):
        opened(db, target=5, idempotency_key="k")


def test_a_refused_request_is_recorded_without_a_lock(db: Database) -> None:
    row = changes.refuse(
        db,
        model="m",
        action="promote",
        expected=1,
        target=2,
        actor="a",
        reason="r",
        verdict={"decision": "reject"},
        idempotency_key=None,
        now=NOW,
    )
    assert (row.state, row.closed_at) == ("refused", row.opened_at)
    assert opened(db).state == "open"


def test_the_verdict_is_kept_as_plain_json(db: Database) -> None:
    row = opened(db, verdict={"rules": ({"value": np.float64(0.5)},), "n": np.int64(3)})
    (found,) = changes.history(db, "m", 1)
    assert found == row
    assert found.verdict == {"rules": [{"value": 0.5}], "n": 3}


def test_sequences_are_strict_and_the_chain_holds_under_concurrency(db: Database) -> None:
    def work(number: int) -> int:
        row = opened(db, f"model-{number % 5}-{number}")
        changes.close(db, row, NOW)
        return row.sequence

    with ThreadPoolExecutor(8) as pool:
        sequences = list(pool.map(work, range(40)))
    assert sorted(sequences) == list(range(1, 41))
    assert changes.verify_chain(db) is None


def test_of_many_openers_of_one_model_one_wins(db: Database) -> None:
    def work(number: int) -> bool:
        try:
            opened(db, target=number)
        except ChangeConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(work, range(16)))
    assert sum(won) == 1
    assert len(changes.open_rows(db)) == 1


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE changes SET target = 9 WHERE sequence = 2", 2),
        ("UPDATE changes SET actor = 'nobody' WHERE sequence = 3", 3),
        ("DELETE FROM changes WHERE sequence = 2", 2),
        ("UPDATE changes SET hash = 'x' WHERE sequence = 1", 1),
    ],
)
def test_an_altered_or_removed_row_is_found(db: Database, statement: str, broken: int) -> None:
    for number in range(3):
        changes.close(db, opened(db, target=number), NOW)
    assert changes.verify_chain(db) is None
    with db.write() as connection:
        connection.execute(text(statement))
    assert changes.verify_chain(db) == broken


def test_the_last_champion_and_the_registration_are_found_by_done_rows_only(db: Database) -> None:
    changes.close(db, opened(db, action="register", target=1, rollout={"digest": "d1"}), NOW)
    changes.undo(db, opened(db, action="register", target=2, rollout={"digest": "d2"}), NOW)
    changes.close(db, opened(db, target=1), NOW)
    changes.undo(db, opened(db, target=2), NOW)
    champion = changes.last_champion(db, "m")
    registered = changes.registration(db, "m", 1)
    assert champion is not None
    assert champion.target == 1
    assert registered is not None
    assert registered.rollout == {"digest": "d1"}
    assert changes.registration(db, "m", 2) is None
    assert changes.last_champion(db, "other") is None
