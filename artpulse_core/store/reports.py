"""Reports: one JSON document of a kind for a problem at a time.

Belongs here: adding and reading them back. What is in a document is the business of whoever makes it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database
from artpulse_core.store.tables import reports

KINDS = ("drift", "training", "gate", "performance")


def add(db: Database, kind: str, problem: str, document: dict[str, Any], at: datetime) -> int:
    """Keep ``document``; returns its number, which grows. Raises ``ValueError`` for an unknown kind."""
    _known(kind)
    with db.write() as connection:
        values = {"kind": kind, "problem": problem, "at": stamp(at), "document": document}
        return int(connection.execute(insert(reports).values(values).returning(reports.c.id)).scalar_one())


def latest(db: Database, kind: str, problem: str) -> dict[str, Any] | None:
    """The newest report as ``{id, kind, problem, at, document}``, or None."""
    rows = history(db, kind, problem, 1)
    return rows[0] if rows else None


def history(db: Database, kind: str, problem: str, limit: int) -> list[dict[str, Any]]:
    """The newest ``limit`` reports, newest first."""
    _known(kind)
    query = (
        select(reports)
        .where(reports.c.kind == kind, reports.c.problem == problem)
        .order_by(reports.c.id.desc())
        .limit(limit)
    )
    with db.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"a report is of one of the kinds {', '.join(KINDS)}, not {kind!r}")
