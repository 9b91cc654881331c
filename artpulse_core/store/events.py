"""Events and labels: one row a predicted row, and the ground truth that came for it later.

Belongs here: writing them once, reading windows of them, joining labels. Does not belong here: judging them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, and_, case, delete, exc, func, literal, or_, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects import postgresql, sqlite

from artpulse_core.control.rollout import Counts, Stage, Window
from artpulse_core.errors import FeedbackRefused
from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database
from artpulse_core.store.tables import events, labels

OPTIONAL_TEXTS = ("model", "digest", "slot", "mode", "routing", "caller", "content", "fingerprint")
DOCUMENTS = ("features", "output", "warnings")
SLOTS = ("primary", "secondary")
CLOCK_AHEAD = timedelta(
    hours=1
)  # a host whose clock is fast: what its slots did counts now, not when we catch up
LONGEST_JUMP, SHORTEST_WAIT = timedelta(days=1), timedelta(hours=1)
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


def slot_counts(
    db: Database,
    model: str,
    problem: str,
    versions: tuple[int, int],
    stages: Sequence[Stage],
    *,
    budget_ms: float,
    now: datetime,
) -> tuple[Window, ...]:
    """What the slots of a rollout of ``model`` did in each of ``stages``: one query, one window a stage, in order.

    ``versions`` are those of primary and secondary; lines of another version, and lines that blame no slot (the
    contract refused the row), are left out. The first row stands for its request: rows of one request share a caller
    and a model call, and a test that took them for independent would see a thousand failures in one bad batch. A
    request without output failed; one that took longer than ``budget_ms`` was slow. A shadow's answers are the
    secondary's, with the latency of its model alone.

    A stage begins at its own time and ends where the next begins; the last ends at ``now``. There is no margin for
    hosts that still route by the percent before: a line names the slot and version that answered, so the counts are
    true whatever the percent was. Raises ``StoreError``.
    """
    if not stages:
        return ()
    counts: dict[tuple[int, str], dict[str, Any]] = {}
    with db.read() as connection:
        for stage, slot, label, n, errors, slow in connection.execute(
            _slot_query(model, problem, versions, [stage.began for stage in stages], budget_ms, now)
        ):
            found = counts.setdefault((stage, slot), {"n": 0, "errors": 0, "slow": 0, "labels": {}})
            for name, value in (("n", n), ("errors", errors), ("slow", slow)):
                found[name] += int(value)
            if label is not None:
                found["labels"][label] = int(n)
    slots = [[Counts(**counts.get((place, slot), {})) for slot in SLOTS] for place in range(len(stages))]
    return tuple(Window(stage.percent, *pair) for stage, pair in zip(stages, slots, strict=True))


def _slot_query(
    model: str,
    problem: str,
    versions: tuple[int, int],
    begins: Sequence[str],
    budget_ms: float,
    now: datetime,
) -> Any:
    at = events.c.at
    # The newest stage first: the first that began before the line is its own, also when a clock was set back.
    later = [(at >= began, place) for place, began in enumerate(begins)][:0:-1]
    stage = case(*later, else_=0) if later else literal(0)
    label = events.c.output["label"].as_string()
    of_slots = [
        and_(events.c.slot == slot, events.c.version == version)
        for slot, version in zip(SLOTS, versions, strict=True)
    ]
    return (
        select(
            stage.label("stage"),
            events.c.slot,
            label.label("given"),
            func.count(),
            func.sum(case((events.c.output.is_(None), 1), else_=0)),
            func.sum(case((events.c.latency_ms > budget_ms, 1), else_=0)),
        )
        .where(
            events.c.problem == problem,  # with the time, the index
            events.c.model == model,
            events.c.row == 0,
            at >= min(begins),
            at < stamp(now + CLOCK_AHEAD),
            or_(*of_slots),
        )
        .group_by("stage", events.c.slot, "given")
    )


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


def believable(db: Database, now: datetime) -> bool:
    """Whether events may be deleted by a clock that says ``now``: one that jumped ahead makes all of them old.

    PostgreSQL is asked for its own time, which must not be more than a day behind. SQLite lives by the same clock; here
    an event must lie between an hour and a day before ``now``, since those that came after a jump are younger. A jump
    that nobody mends for an hour is believed there; and where nobody asked for a day, nothing is deleted until
    somebody has. Raises ``StoreError``.
    """
    if db.dialect == "postgresql":
        with db.read() as connection:
            there: datetime = connection.execute(select(func.now())).scalar_one()
        return now - there <= LONGEST_JUMP
    recent = events.c.at.between(stamp(now - LONGEST_JUMP), stamp(now - SHORTEST_WAIT))
    with db.read() as connection:
        return connection.execute(select(events.c.id).where(recent).limit(1)).first() is not None


def purge(db: Database, older_than: datetime, *, limit: int | None = None) -> int:
    """Delete events before ``older_than`` with their labels; returns how many events went.

    With ``limit`` at most so many, the oldest first, so that nobody waits long for the write lock.
    """
    old = events.c.at < stamp(older_than)
    if limit is not None:
        old = events.c.id.in_(select(events.c.id).where(old).order_by(events.c.at).limit(limit))
    with db.write() as connection:
        return int(connection.execute(delete(events).where(old)).rowcount)


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
