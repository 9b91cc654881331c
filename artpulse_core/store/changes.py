"""Changes: one row for each change of what is served, opened before an alias moves and closed after.

Belongs here: the rows, the one-open-row lock, idempotency keys and the chains (computed by ``chain``). Does not belong
here: what a change does (``artpulse_core.control.promotion``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, exc, insert, select, text, update

from artpulse_core.errors import ChangeConflict
from artpulse_core.store import chain
from artpulse_core.store.chain import FIRST, Head
from artpulse_core.store.clock import stamp
from artpulse_core.store.database import LOCK_SPACE, Database
from artpulse_core.store.tables import changes

ACTIONS = ("register", "promote", "rollback", "rollout", "freeze", "adopt")
MAKES_CHAMPION = ("promote", "rollback", "adopt")
CHANNEL = "artpulse_changes"  # of PostgreSQL's NOTIFY; the payload is the model


@dataclass(frozen=True)
class Change:
    """One row.

    ``closing`` is its place in the order in which rows closed, ``outcome`` why it was refused or undone (None when it
    was done). ``replayed`` is true when an idempotency key found this row.
    """

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
    closing: int | None = None
    seal: str | None = None
    outcome: str | None = None
    replayed: bool = field(default=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, every column."""
        return {name: value for name, value in asdict(self).items() if name != "replayed"}


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
) -> Change:
    """Open a row. Raises ``ChangeConflict`` when another row of the model is open, or the key was used before."""
    request = _request(
        now,
        model=model,
        action=action,
        expected=expected,
        target=target,
        rollout=rollout,
        actor=actor,
        reason=reason,
        verdict=verdict,
        idempotency_key=idempotency_key,
    )
    with _writing(db) as connection:
        return _open(connection, request)


def record(db: Database, state: str, *, now: datetime, outcome: str | None = None, **request: Any) -> Change:
    """A row opened and closed at once, beside any open one: ``refused`` with why, or ``done`` where no alias moves."""
    with _writing(db) as connection:
        values = _insert(connection, _request(now, **request), state)
        return _finish(db, connection, values["sequence"], state, state, now, outcome)


def reopen(db: Database, change: Change, target: int, now: datetime, outcome: str) -> Change:
    """Undo an open row and open one like it for another target, in one transaction."""
    names = ("model", "action", "expected", "rollout", "actor", "reason", "verdict", "idempotency_key")
    with _writing(db) as connection:
        _finish(db, connection, change.sequence, "open", "undone", now, outcome)
        again = {name: getattr(change, name) for name in names}
        return _open(connection, _request(now, **again, target=target))


def close(db: Database, change: Change, now: datetime) -> Change:
    """The change was carried out. Raises ``ChangeConflict`` when the row is not open any more."""
    with _writing(db) as connection:
        return _finish(db, connection, change.sequence, "open", "done", now, None)


def undo(db: Database, change: Change, now: datetime, outcome: str = "") -> Change:
    """The change was taken back; nothing of it remains. Raises ``ChangeConflict`` when it is not open."""
    with _writing(db) as connection:
        return _finish(db, connection, change.sequence, "open", "undone", now, outcome)


def history(
    db: Database,
    model: str | None = None,
    limit: int | None = None,
    *,
    before: int | None = None,
    states: Collection[str] = (),
) -> list[Change]:
    """The newest ``limit`` rows (of one model, with a sequence below ``before``, in one of ``states``), newest first."""
    query = select(changes).order_by(changes.c.sequence.desc()).limit(limit)
    if model is not None:
        query = query.where(changes.c.model == model)
    if before is not None:
        query = query.where(changes.c.sequence < before)
    if states:
        query = query.where(changes.c.state.in_(states))
    with db.read() as connection:
        return [Change(**row) for row in connection.execute(query).mappings()]


def open_rows(db: Database, model: str | None = None) -> list[Change]:
    """Rows that are open, oldest first: at work now, or left behind by a process that died."""
    query = select(changes).where(changes.c.state == "open").order_by(changes.c.sequence)
    if model is not None:
        query = query.where(changes.c.model == model)
    with db.read() as connection:
        return [Change(**row) for row in connection.execute(query).mappings()]


def still_open(row: Change) -> ChangeConflict:
    """What is raised for a change of a model while ``row`` is open."""
    return ChangeConflict(
        f"Change {row.sequence} ({row.action} of {row.model} by {row.actor}) is still open."
    )


def get(db: Database, sequence: int) -> Change | None:
    """One row, or None."""
    return _newest(db, select(changes).where(changes.c.sequence == sequence))


def by_key(db: Database, key: str) -> Change | None:
    """The row an idempotency key opened (then ``replayed`` is true), or None."""
    found = _newest(db, select(changes).where(changes.c.idempotency_key == key))
    return None if found is None else Change(**{**vars(found), "replayed": True})


def last_champion(db: Database, model: str) -> Change | None:
    """The newest row that made a champion of ``model``, or None."""
    query = select(changes).where(changes.c.action.in_(MAKES_CHAMPION))
    return _newest(db, query.where(changes.c.model == model, changes.c.state == "done"))


def registration(db: Database, model: str, version: int) -> Change | None:
    """The row that registered ``version``, or None when it came another way."""
    query = select(changes).where(changes.c.action == "register", changes.c.target == version)
    return _newest(db, query.where(changes.c.model == model, changes.c.state == "done"))


def head(db: Database) -> Head:
    """The ends of both chains; noted elsewhere, it lets ``verify_chain`` see rows that were cut off."""
    last = select(changes.c.sequence, changes.c.hash).order_by(changes.c.sequence.desc()).limit(1)
    closed = select(changes.c.seal).where(changes.c.closing.is_not(None)).order_by(changes.c.closing.desc())
    with db.read() as connection:
        row = connection.execute(last).first()
        sealed = connection.execute(closed.limit(1)).scalar()
    return Head(row.sequence if row else 0, row.hash if row else FIRST, sealed or FIRST)


def verify_chain(db: Database, head: Head | None = None) -> int | None:
    """The first sequence whose row was altered, removed or inserted; None when both chains hold.

    Rows cut off the end are seen against a ``head`` noted earlier. Reads the whole table.
    """
    with db.read() as connection:
        rows = connection.execute(select(changes).order_by(changes.c.sequence)).mappings()
        return chain.first_broken([dict(row) for row in rows], head)


@contextlib.contextmanager
def _writing(db: Database) -> Iterator[Connection]:
    with db.write() as connection:
        if db.dialect == "postgresql":  # SQLite's write lock already lets one in at a time
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, 0)"))
        yield connection


def _request(
    now: datetime,
    *,
    action: str,
    verdict: Mapping[str, Any] | None,
    rollout: Mapping[str, Any] | None = None,
    **columns: Any,
) -> dict[str, Any]:
    if action not in ACTIONS:
        raise ValueError(f"an action is one of {', '.join(ACTIONS)}, not {action!r}")
    return {
        **columns,
        "action": action,
        "rollout": None if rollout is None else _plain(rollout),
        "verdict": None if verdict is None else _plain(verdict),
        "opened_at": stamp(now),
    }


def _open(connection: Connection, request: Mapping[str, Any]) -> Change:
    query = select(changes).where(changes.c.model == request["model"], changes.c.state == "open")
    other = connection.execute(query).mappings().first()
    if other is not None:
        raise still_open(Change(**other))
    return Change(**_insert(connection, request, "open"))


def _insert(connection: Connection, request: Mapping[str, Any], state: str) -> dict[str, Any]:
    newest = select(changes.c.sequence, changes.c.hash).order_by(changes.c.sequence.desc()).limit(1)
    last = connection.execute(newest).first()
    values: dict[str, Any] = {
        **request,
        "sequence": last.sequence + 1 if last else 1,
        "prev_hash": last.hash if last else FIRST,
        "state": state,
        "closed_at": None,
    }
    values["hash"] = chain.digest(values)
    try:
        connection.execute(insert(changes).values(**values))
    except exc.IntegrityError as error:
        raise ChangeConflict(
            f"Another change of {request['model']} was opened at the same time, or the idempotency key was used."
        ) from error
    return values


def _finish(
    db: Database,
    connection: Connection,
    sequence: int,
    before: str,
    state: str,
    now: datetime,
    outcome: str | None,
) -> Change:
    this = (changes.c.sequence == sequence, changes.c.state == before, changes.c.closing.is_(None))
    row = connection.execute(select(changes).where(*this)).mappings().first()
    if row is None:
        raise ChangeConflict(f"Change {sequence} is not open any more.")
    last = connection.execute(
        select(changes.c.closing, changes.c.seal)
        .where(changes.c.closing.is_not(None))
        .order_by(changes.c.closing.desc())
        .limit(1)
    ).first()
    values: dict[str, Any] = {
        "state": state,
        "closed_at": stamp(now),
        "closing": last.closing + 1 if last else 1,
        "outcome": outcome or None,
    }
    values["seal"] = chain.seal(last.seal if last else FIRST, {**row, **values})
    connection.execute(update(changes).where(*this).values(**values))
    if db.dialect == "postgresql":  # told to the listeners when this transaction is committed
        connection.execute(
            text("SELECT pg_notify(:channel, :model)"), {"channel": CHANNEL, "model": row["model"]}
        )
    return Change(**{**row, **values})


def _newest(db: Database, query: Select[Any]) -> Change | None:
    with db.read() as connection:
        row = connection.execute(query.order_by(changes.c.sequence.desc()).limit(1)).mappings().first()
        return None if row is None else Change(**row)


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    # What is hashed must be what comes back from the column: numpy values and tuples become plain JSON first.
    document: dict[str, Any] = orjson.loads(orjson.dumps(dict(value), option=orjson.OPT_SERIALIZE_NUMPY))
    return document
