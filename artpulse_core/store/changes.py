"""Changes: one row for each change of what is served, opened before an alias moves and closed after.

Belongs here: the rows, their hash chain, the one-open-row lock and idempotency keys. Does not belong here: what
a change does (``artpulse_core.control.promotion``). The hash covers all that is known when a row is opened;
``state`` and ``closed_at`` follow later and stay outside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, exc, insert, select, text, update

from artpulse_core.errors import ChangeConflict
from artpulse_core.store.clock import stamp
from artpulse_core.store.database import LOCK_SPACE, Database
from artpulse_core.store.tables import changes

ACTIONS = ("register", "promote", "rollback", "rollout", "freeze", "adopt")
FIRST = "0" * 64
HASHED = (
    "sequence",
    "model",
    "action",
    "expected",
    "target",
    "rollout",
    "actor",
    "reason",
    "verdict",
    "idempotency_key",
    "opened_at",
    "prev_hash",
)


@dataclass(frozen=True)
class Change:
    """One row. ``replayed`` is true when an idempotency key found this row instead of opening one."""

    sequence: int
    model: str
    action: str
    expected: int | None
    target: int | None
    rollout: Mapping[str, Any] | None
    actor: str
    reason: str
    verdict: Mapping[str, Any] | None
    idempotency_key: str | None
    state: str
    opened_at: str
    closed_at: str | None
    prev_hash: str
    hash: str
    replayed: bool = field(default=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, every column."""
        document = asdict(self)
        del document["replayed"]
        return document


def open_change(
    db: Database,
    *,
    model: str,
    action: str,
    expected: int | None,
    target: int | None,
    actor: str,
    reason: str,
    verdict: Mapping[str, Any] | None,
    idempotency_key: str | None,
    now: datetime,
    rollout: Mapping[str, Any] | None = None,
    state: str = "open",
) -> Change:
    """Open a row, or find the one that ``idempotency_key`` opened before (then ``replayed`` is true).

    Raises ``ChangeConflict`` when another row of the model is open, or the key belongs to another request.
    """
    if action not in ACTIONS:
        raise ValueError(f"an action is one of {', '.join(ACTIONS)}, not {action!r}")
    with db.write() as connection:
        if db.dialect == "postgresql":  # SQLite's write lock already lets one in at a time
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, 0)"))
        if idempotency_key is not None and (first := _by_key(connection, idempotency_key)):
            return _same(first, model, action, target)
        if state == "open" and (other := _open_row(connection, model)):
            raise ChangeConflict(
                f"Change {other.sequence} ({other.action} of {model} by {other.actor}) is still open."
            )
        values: dict[str, Any] = {
            **_next(connection),
            "model": model,
            "action": action,
            "expected": expected,
            "target": target,
            "rollout": None if rollout is None else _plain(rollout),
            "actor": actor,
            "reason": reason,
            "verdict": None if verdict is None else _plain(verdict),
            "idempotency_key": idempotency_key,
            "state": state,
            "opened_at": stamp(now),
            "closed_at": None if state == "open" else stamp(now),
        }
        values["hash"] = digest(values)
        try:
            connection.execute(insert(changes).values(**values))
        except exc.IntegrityError as error:
            raise ChangeConflict(f"Another change of {model} was opened at the same time.") from error
        return Change(**values)


def refuse(db: Database, **request: Any) -> Change:
    """Record a request that was refused; takes what ``open_change`` takes and locks nothing."""
    return open_change(db, **request, state="refused")


def close(db: Database, change: Change, now: datetime) -> Change:
    """The change was carried out. Raises ``ChangeConflict`` when the row is not open any more."""
    return _finish(db, change, "done", now)


def undo(db: Database, change: Change, now: datetime) -> Change:
    """The change was taken back; nothing of it remains. Raises ``ChangeConflict`` when it is not open."""
    return _finish(db, change, "undone", now)


def history(db: Database, model: str | None = None, limit: int | None = None) -> list[Change]:
    """The newest ``limit`` rows (of one model), newest first."""
    query = select(changes).order_by(changes.c.sequence.desc()).limit(limit)
    if model is not None:
        query = query.where(changes.c.model == model)
    with db.read() as connection:
        return [Change(**row) for row in connection.execute(query).mappings()]


def open_rows(db: Database, model: str | None = None) -> list[Change]:
    """Rows that are open, oldest first: at work now, or left behind by a process that died."""
    query = select(changes).where(changes.c.state == "open").order_by(changes.c.sequence)
    if model is not None:
        query = query.where(changes.c.model == model)
    with db.read() as connection:
        return [Change(**row) for row in connection.execute(query).mappings()]


def by_key(db: Database, key: str) -> Change | None:
    """The row an idempotency key opened, or None."""
    with db.read() as connection:
        return _by_key(connection, key)


def last_champion(db: Database, model: str) -> Change | None:
    """The newest row that made a champion of ``model``, or None."""
    query = select(changes).where(changes.c.action.in_(("promote", "rollback")))
    return _newest(db, query.where(changes.c.model == model, changes.c.state == "done"))


def registration(db: Database, model: str, version: int) -> Change | None:
    """The row that registered ``version``, or None when it came another way."""
    query = select(changes).where(changes.c.action == "register", changes.c.target == version)
    return _newest(db, query.where(changes.c.model == model, changes.c.state == "done"))


def verify_chain(db: Database) -> int | None:
    """The first sequence whose row was altered, removed or inserted; None when the chain holds.

    What a row said when it was opened is covered; ``state`` and ``closed_at``, which come later, are not.
    """
    expected, previous = 1, FIRST
    with db.read() as connection:
        for row in connection.execute(select(changes).order_by(changes.c.sequence)).mappings():
            if (
                row["sequence"] != expected
                or row["prev_hash"] != previous
                or row["hash"] != digest(dict(row))
            ):
                return expected
            expected, previous = expected + 1, row["hash"]
    return None


def digest(row: Mapping[str, Any]) -> str:
    """sha256 (hex) over the canonical JSON of what was known when the row was opened."""
    document = {name: row[name] for name in HASHED}
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _next(connection: Connection) -> dict[str, Any]:
    last = connection.execute(
        select(changes.c.sequence, changes.c.hash).order_by(changes.c.sequence.desc()).limit(1)
    ).first()
    return (
        {"sequence": last.sequence + 1, "prev_hash": last.hash}
        if last
        else {"sequence": 1, "prev_hash": FIRST}
    )


def _by_key(connection: Connection, key: str) -> Change | None:
    row = connection.execute(select(changes).where(changes.c.idempotency_key == key)).mappings().first()
    return None if row is None else Change(**row, replayed=True)


def _open_row(connection: Connection, model: str) -> Change | None:
    query = select(changes).where(changes.c.model == model, changes.c.state == "open")
    row = connection.execute(query).mappings().first()
    return None if row is None else Change(**row)


def _newest(db: Database, query: Select[Any]) -> Change | None:
    with db.read() as connection:
        row = connection.execute(query.order_by(changes.c.sequence.desc()).limit(1)).mappings().first()
        return None if row is None else Change(**row)


def _same(first: Change, model: str, action: str, target: int | None) -> Change:
    # A rollback chooses its target by itself, so a repeated one cannot be told by its target.
    if (first.model, first.action) != (model, action) or (action != "rollback" and first.target != target):
        raise ChangeConflict(
            f"The idempotency key was used for change {first.sequence} ({first.action} of {first.model})."
        )
    return first


def _finish(db: Database, change: Change, state: str, now: datetime) -> Change:
    with db.write() as connection:
        statement = (
            update(changes)
            .where(changes.c.sequence == change.sequence, changes.c.state == "open")
            .values(state=state, closed_at=stamp(now))
        )
        if connection.execute(statement).rowcount != 1:
            raise ChangeConflict(f"Change {change.sequence} is not open any more.")
        row = (
            connection.execute(select(changes).where(changes.c.sequence == change.sequence)).mappings().one()
        )
        return Change(**row)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    # What is hashed must be what comes back from the column: numpy values and tuples become plain JSON first.
    document: dict[str, Any] = orjson.loads(orjson.dumps(dict(value), option=orjson.OPT_SERIALIZE_NUMPY))
    return document
