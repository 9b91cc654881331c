"""The change table: one open row a model, keys that repeat safely, and a chain that shows tampering."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.store import chain, changes, tables
from artpulse_core.store.chain import Head
from artpulse_core.store.changes import Change
from artpulse_core.store.database import MIGRATIONS, Database

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


def test_an_idempotency_key_finds_its_row_and_opens_no_other(db: Database) -> None:
    first = opened(db, idempotency_key="k")
    found = changes.by_key(db, "k")
    assert found == first
    assert (first.replayed, getattr(found, "replayed", None)) == (False, True)
    changes.close(db, first, NOW)
    with pytest.raises(ChangeConflict, match="key was used"):
        opened(db, target=5, idempotency_key="k")
    assert changes.by_key(db, "other") is None


def refused(db: Database, **over: Any) -> Change:
    request: dict[str, Any] = {
        "model": "m", "action": "promote", "expected": 1, "target": 2, "actor": "a", "reason": "r",
        "verdict": {"decision": "reject"}, "idempotency_key": None, "outcome": "The gate says reject.", "now": NOW, **over,
    }  # fmt: skip
    return changes.record(db, "refused", **request)


def test_a_refused_request_is_recorded_with_its_sentence_and_without_a_lock(db: Database) -> None:
    row = refused(db)
    assert (row.state, row.closed_at, row.outcome) == ("refused", row.opened_at, "The gate says reject.")
    assert changes.history(db) == [row]
    assert opened(db).state == "open"


def test_a_row_says_why_it_was_undone_and_in_which_order_rows_closed(db: Database) -> None:
    first, second = opened(db, "one"), opened(db, "two")
    done = changes.close(db, second, NOW)
    undone = changes.undo(db, first, NOW, "the registry failed")
    assert (done.closing, undone.closing) == (1, 2)
    assert (done.outcome, undone.outcome) == (None, "the registry failed")
    assert changes.history(db) == [done, undone]
    assert changes.head(db) == (2, second.hash, undone.seal)


def test_a_row_is_replaced_by_one_for_another_target_in_one_step(db: Database) -> None:
    first = opened(db, target=3)
    second = changes.reopen(db, first, 4, NOW, "it became version 4")
    assert [(row.target, row.state, row.outcome) for row in changes.history(db)] == [
        (4, "open", None),
        (3, "undone", "it became version 4"),
    ]
    assert changes.close(db, second, NOW).reason == first.reason
    assert changes.verify_chain(db) is None


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


def tell(db: Database) -> Head:
    """Five rows that ended in every way; returns the head after them."""
    changes.close(db, opened(db, target=1), NOW)
    changes.undo(db, opened(db, target=2), NOW, "the registry failed")
    refused(db)
    changes.close(db, opened(db, target=4), NOW)
    opened(db, "other", target=5)
    return changes.head(db)


COLUMNS = {
    "model": "'third'", "action": "'rollback'", "expected": "7", "target": "9", "rollout": "'{}'", "actor": "'nobody'",
    "reason": "'better'", "verdict": "'{}'", "idempotency_key": "'stolen'", "opened_at": "'2020'", "hash": "'x'",
    "prev_hash": "'x'", "state": "'done'", "closed_at": "'2020'", "outcome": "'it was fine'", "seal": "'x'",
    "closing": "99",
}  # fmt: skip


@pytest.mark.parametrize("column", list(COLUMNS))
@pytest.mark.parametrize("sequence", [2, 5])
def test_any_altered_column_of_a_closed_or_open_row_is_found(
    db: Database, sequence: int, column: str
) -> None:
    tell(db)
    assert changes.verify_chain(db) is None
    with db.write() as connection:
        connection.execute(
            text(f"UPDATE changes SET {column} = {COLUMNS[column]} WHERE sequence = {sequence}")
        )
    # A closing that is moved is missed at its place, which is the next row's.
    assert changes.verify_chain(db) == (sequence + (column == "closing" and sequence == 2))


def test_every_column_is_covered_by_one_of_the_chains() -> None:
    assert {*COLUMNS, "sequence"} == {column.name for column in tables.changes.columns}


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("DELETE FROM changes WHERE sequence = 1", 1),
        ("DELETE FROM changes WHERE sequence = 3", 3),
        ("DELETE FROM changes WHERE sequence = 4", 4),
        ("UPDATE changes SET sequence = 9 WHERE sequence = 3", 3),
        (
            "UPDATE changes SET state = 'open', closed_at = NULL, closing = NULL, seal = NULL, outcome = NULL "
            "WHERE sequence = 2",
            3,
        ),
        ("UPDATE changes SET closing = 9 WHERE sequence = 4", 4),
        (
            "INSERT INTO changes (sequence, model, action, actor, reason, state, opened_at, prev_hash, hash) "
            "SELECT 6, 'm2', action, actor, reason, 'open', opened_at, hash, hash FROM changes WHERE sequence = 5",
            6,
        ),
    ],
)
def test_a_removed_moved_reopened_or_inserted_row_is_found(db: Database, statement: str, broken: int) -> None:
    tell(db)
    with db.write() as connection:
        connection.execute(text(statement))
    assert changes.verify_chain(db) == broken


def test_rows_cut_off_the_end_are_found_against_a_head_noted_earlier(db: Database) -> None:
    noted = [changes.head(db), tell(db)]
    assert Head.parse(str(noted[1])) == noted[1]
    with pytest.raises(ChangeRefused, match="sequence:hash:seal"):
        Head.parse("17:abc")
    changes.close(db, changes.open_rows(db)[0], NOW)
    noted.append(changes.head(db))
    assert [changes.verify_chain(db, head) for head in noted] == [None, None, None]
    with db.write() as connection:  # the last closing is taken back as if it never was
        connection.execute(
            text(
                "UPDATE changes SET state = 'open', closed_at = NULL, closing = NULL, seal = NULL WHERE sequence = 5"
            )
        )
    assert [changes.verify_chain(db, head) for head in noted] == [None, None, 4]
    with db.write() as connection:
        connection.execute(text("DELETE FROM changes WHERE sequence = 5"))
    assert changes.verify_chain(db) is None
    assert [changes.verify_chain(db, head) for head in noted] == [None, 5, 5]


def test_a_table_that_was_made_anew_is_found_against_a_head_noted_earlier(db: Database) -> None:
    noted = tell(db)
    with db.write() as connection:
        connection.execute(text("DELETE FROM changes"))
    opened(db, actor="forger")
    for model in "abcde":
        changes.close(db, opened(db, model, actor="forger"), NOW)
    assert changes.verify_chain(db) is None
    assert changes.verify_chain(db, noted) is not None


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


def test_rows_of_the_first_release_are_sealed_in_the_order_in_which_they_closed(url: str) -> None:
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    rows: list[dict[str, Any]] = []
    for sequence, (state, closed_at) in enumerate(
        [("done", "2026-03"), ("open", None), ("undone", "2026-02"), ("refused", "2026-04")], start=1
    ):
        row: dict[str, Any] = {
            "sequence": sequence, "model": f"m{sequence}", "action": "promote", "expected": None, "target": 1,
            "rollout": None, "actor": "ä", "reason": "r", "verdict": None, "idempotency_key": None,
            "opened_at": "2026-01", "prev_hash": rows[-1]["hash"] if rows else chain.FIRST,
        }  # fmt: skip
        rows.append({**row, "hash": chain.digest(row), "state": state, "closed_at": closed_at})
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in rows:
            connection.execute(tables.changes.insert().values(**row))
    database.migrate()
    assert changes.verify_chain(database) is None
    assert [row.closing for row in changes.history(database)][::-1] == [2, None, 1, 3]
    changes.close(database, changes.open_rows(database)[0], NOW)
    assert changes.verify_chain(database) is None
    database.dispose()


def test_a_database_is_asked_to_keep_a_row_before_a_change_goes_on(db: Database) -> None:
    if db.dialect == "sqlite":
        with db.read() as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
    else:
        with db.read() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
