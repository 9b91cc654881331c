"""Events as a whole: all of them for other tools, and how many there are of what.

Belongs here: reading without end and counting. Does not belong here: writing events, windows of the newest, and what
a rollout is judged by (``events``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database
from artpulse_core.store.tables import events, labels

STATES = ("ok", "error", "shadow")
PAGE = 500


def export(
    db: Database, problem: str | None = None, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[dict[str, Any]]:
    """Every event (of ``problem``, at ``since`` or later, before ``until``), oldest first, one at a time.

    Each is the event with ``label``, ``labelled_at`` and ``replaced``, None where no truth came. The database sees
    one statement: what is inserted meanwhile is left out, and memory holds some hundred rows.
    """
    query = select(events, labels.c.label, labels.c.at.label("labelled_at"), labels.c.replaced).join(
        labels, labels.c.event_id == events.c.id, isouter=True
    )
    if problem is not None:
        query = query.where(events.c.problem == problem)
    if since is not None:
        query = query.where(events.c.at >= stamp(since))
    if until is not None:
        query = query.where(events.c.at < stamp(until))
    with db.read() as connection:
        paged = connection.execution_options(yield_per=PAGE)
        with paged.execute(query.order_by(events.c.at, events.c.id)) as rows:
            names = [str(name) for name in rows.keys()]  # noqa: SIM118 - plain text, which JSON writers insist on
            for row in rows:
                yield dict(zip(names, row, strict=True))


def stats(db: Database, problem: str | None = None) -> list[dict[str, Any]]:
    """What is stored, by problem, version and slot: ``{problem, version, slot, n, ok, error, shadow, labelled,
    first, last, p50_ms, p95_ms}``.

    Latencies are of the lines that have one, as the nearest rank: the smallest value that at least that share of
    them does not exceed.
    """
    slots = (events.c.problem, events.c.version, events.c.slot)
    states = [func.sum(case((events.c.status == name, 1), else_=0)).label(name) for name in STATES]
    seen = select(
        *slots,
        func.count().label("n"),
        *states,
        func.count(labels.c.event_id).label("labelled"),
        func.min(events.c.at).label("first"),
        func.max(events.c.at).label("last"),
    ).join_from(events, labels, labels.c.event_id == events.c.id, isouter=True)
    ranked = select(
        *slots,
        events.c.latency_ms,
        func.row_number().over(partition_by=slots, order_by=events.c.latency_ms).label("rank"),
        func.count().over(partition_by=slots).label("n"),
    ).where(events.c.latency_ms.is_not(None))
    if problem is not None:
        seen, ranked = (query.where(events.c.problem == problem) for query in (seen, ranked))
    inner = ranked.subquery()
    # 100·rank ≥ share·n in whole numbers: the first rank that is not below the share
    shares = [
        func.min(case((100 * inner.c.rank >= share * inner.c.n, inner.c.latency_ms))).label(f"p{share}_ms")
        for share in (50, 95)
    ]
    by_slot = (inner.c.problem, inner.c.version, inner.c.slot)
    with db.read() as connection:
        late = {
            tuple(row[:3]): {"p50_ms": row[3], "p95_ms": row[4]}
            for row in connection.execute(select(*by_slot, *shares).group_by(*by_slot))
        }
        rows = [dict(row) for row in connection.execute(seen.group_by(*slots)).mappings()]
    rows.sort(key=lambda row: (row["problem"], row["version"] or 0, row["slot"] or ""))
    nothing = {"p50_ms": None, "p95_ms": None}
    return [row | late.get((row["problem"], row["version"], row["slot"]), nothing) for row in rows]
