"""Events and labels: one row a predicted row, and the ground truth that came for it later.

Belongs here: writing them once, reading windows of them, joining labels. Does not belong here: judging them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import String, delete, exc, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects import postgresql, sqlite

from artpulse_core.errors import FeedbackRefused
from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database
from artpulse_core.store.tables import events, labels

OPTIONAL_TEXTS = ("model", "digest", "slot", "mode", "routing", "caller", "content", "fingerprint")
DOCUMENTS = ("features", "output", "warnings")
WIDTHS = {item.name: item.type.length or 0 for item in events.columns if isinstance(item.type, String)}


def insert(db: Database, rows: list[dict[str, Any]]) -> int:
    """Store event lines; those whose id is there already are left alone. Returns how many were new.

    Raises ``ValueError`` when a line is no event (nothing is stored then) and ``StoreError``.
    """
    if not rows:
        return 0
    values = [normal(row) for row in rows]
    dialect = postgresql if db.dialect == "postgresql" else sqlite
    statement = dialect.insert(events).on_conflict_do_nothing(index_elements=["id"]).returning(events.c.id)
    try:
        with db.write() as connection:
            return len(connection.execute(statement, values).all())
    except exc.DataError as error:
        raise ValueError(f"the database refuses an event: {str(error.orig)[:200]}") from None


def normal(row: Mapping[str, Any]) -> dict[str, Any]:
    """An event line as the columns it fills; raises ``ValueError`` naming the field that is wrong."""
    try:
        return {
            "id": _text(row, "id"),
            "at": stamp(str(row["at"])),
            "request_id": _text(row, "request_id"),
            "row": _whole(row["row"], "row"),
            "problem": _text(row, "problem"),
            "version": None if row.get("version") is None else _whole(row["version"], "version"),
            "status": _text(row, "status"),
            "latency_ms": _number(row.get("latency_ms"), "latency_ms"),
            "confidence": _number(row.get("confidence"), "confidence"),
            **{name: None if row.get(name) is None else _text(row, name) for name in OPTIONAL_TEXTS},
            **{name: row.get(name) for name in DOCUMENTS},
        }
    except KeyError as error:
        raise ValueError(f"an event has no {error.args[0]}") from None
    except TypeError as error:
        raise ValueError(f"an event has a wrong type: {error}") from None


def window(
    db: Database,
    problem: str,
    *,
    limit: int,
    since: datetime | None = None,
    version: int | None = None,
) -> list[dict[str, Any]]:
    """The newest ``limit`` answered events of ``problem`` (of one model version), oldest first."""
    query = select(events).where(events.c.problem == problem, events.c.status == "ok")
    if since is not None:
        query = query.where(events.c.at >= stamp(since))
    if version is not None:
        query = query.where(events.c.version == version)
    query = query.order_by(events.c.at.desc(), events.c.id.desc()).limit(limit)
    with db.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()][::-1]


def count(db: Database, problem: str) -> int:
    """How many events of ``problem`` are stored, whatever their status."""
    with db.read() as connection:
        query = select(func.count()).select_from(events).where(events.c.problem == problem)
        return int(connection.execute(query).scalar_one())


def get(db: Database, event_id: str) -> dict[str, Any] | None:
    """One event by its id ``request_id:row``, or None."""
    with db.read() as connection:
        row = connection.execute(select(events).where(events.c.id == event_id)).mappings().first()
        return None if row is None else dict(row)


def add_label(
    db: Database, *, request_id: str, row: int, label: str, caller: str | None, at: datetime
) -> None:
    """Keep the ground truth of one predicted row.

    Saying the same again changes nothing; another label replaces the first and is counted. Raises
    ``FeedbackRefused`` when there is no such answered row or another key asked for it (both alike, so that
    nobody learns of others' requests).
    """
    event_id = f"{request_id}:{row}"
    with db.write() as connection:
        asked = connection.execute(
            select(events.c.caller, events.c.status).where(events.c.id == event_id)
        ).first()
        if asked is None or asked.status != "ok" or asked.caller != caller:
            raise FeedbackRefused(f"No answered row {row} of request {request_id} belongs to this key.")
        known = connection.execute(
            select(labels.c.label).where(labels.c.event_id == event_id).with_for_update()
        ).first()
        if known is None:
            connection.execute(
                plain_insert(labels).values(event_id=event_id, label=label, caller=caller, at=stamp(at))
            )
        elif known.label != label:
            connection.execute(
                labels.update()
                .where(labels.c.event_id == event_id)
                .values(label=label, at=stamp(at), replaced=labels.c.replaced + 1)
            )


def labelled(
    db: Database, problem: str, *, since: datetime | None = None, limit: int
) -> list[dict[str, Any]]:
    """The newest ``limit`` events with ground truth, oldest label first.

    Each is the event with ``label``, ``labelled_at`` and ``replaced``; ``since`` bounds the time of the label.
    """
    query = (
        select(events, labels.c.label, labels.c.at.label("labelled_at"), labels.c.replaced)
        .join(labels, labels.c.event_id == events.c.id)
        .where(events.c.problem == problem)
    )
    if since is not None:
        query = query.where(labels.c.at >= stamp(since))
    query = query.order_by(labels.c.at.desc(), events.c.id.desc()).limit(limit)
    with db.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()][::-1]


def purge(db: Database, older_than: datetime) -> int:
    """Delete events before ``older_than`` with their labels; returns how many events went."""
    with db.write() as connection:
        return int(connection.execute(delete(events).where(events.c.at < stamp(older_than))).rowcount)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r:.40}")
    # PostgreSQL keeps neither NUL nor lone surrogates, and refuses what is wider than its column.
    return value.replace("\x00", "").encode("utf-8", "replace").decode()[: WIDTHS[name]]


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise TypeError(f"{name} is {value!r:.40}")
    return value


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r:.40}")
    return float(value)
