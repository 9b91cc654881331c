"""Hosts: the last report of each serving host, one row a host.

Belongs here: putting a report in the place of the one before, and reading the recent ones. What a report says is the
agent's business.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database
from artpulse_core.store.tables import hosts


def put(db: Database, host: str, document: dict[str, Any], at: datetime) -> None:
    """Keep ``document`` as the report of ``host``; raises ``StoreError``."""
    dialect = postgresql if db.dialect == "postgresql" else sqlite
    values = {"at": stamp(at), "document": document}
    statement = dialect.insert(hosts).values(host=host, **values)
    with db.write() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["host"], set_=values))


def remove(db: Database, host: str) -> None:
    """Forget ``host``: it was stopped on purpose."""
    with db.write() as connection:
        connection.execute(delete(hosts).where(hosts.c.host == host))


def recent(db: Database, since: datetime) -> list[dict[str, Any]]:
    """Reports not older than ``since`` as ``{host, at, document}``, by host."""
    query = select(hosts).where(hosts.c.at >= stamp(since)).order_by(hosts.c.host)
    with db.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def forget(db: Database, before: datetime) -> int:
    """Delete reports older than ``before``; returns how many."""
    with db.write() as connection:
        return int(connection.execute(delete(hosts).where(hosts.c.at < stamp(before))).rowcount)
