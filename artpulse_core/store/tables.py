"""The tables as SQLAlchemy Core objects.

Belongs here: columns, keys and indexes as the newest migration leaves them; a test compares the two. Times are
text of one fixed form (``clock.stamp``: UTC with microseconds), so that both databases sort them alike and a
person can read them.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

HEAD = "0003"
metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("request_id", String(160), nullable=False),
    Column("row", Integer, nullable=False),
    Column("problem", String(64), nullable=False),
    Column("model", String(128)),
    Column("version", BigInteger),
    Column("digest", String(80)),
    Column("slot", String(16)),
    Column("mode", String(16)),
    Column("status", String(16), nullable=False),
    Column("latency_ms", Float),
    Column("routing", String(80)),
    Column("caller", String(128)),
    Column("content", String(80)),
    Column("fingerprint", String(80)),
    Column("features", JSON(none_as_null=True)),
    Column("output", JSON(none_as_null=True)),
    Column("confidence", Float),
    Column("warnings", JSON(none_as_null=True)),
    Index("ix_events_problem_at", "problem", "at"),
    Index("ix_events_at", "at"),
)

labels = Table(
    "labels",
    metadata,
    Column("event_id", String(200), ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    Column("label", Text, nullable=False),
    Column("caller", String(128)),
    Column("at", String(32), nullable=False),
    Column("replaced", Integer, nullable=False, server_default="0"),
)

changes = Table(
    "changes",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("model", String(128), nullable=False),
    Column("action", String(16), nullable=False),
    Column("expected", BigInteger),
    Column("target", BigInteger),
    Column("rollout", JSON(none_as_null=True)),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("verdict", JSON(none_as_null=True)),
    Column("idempotency_key", String(200), unique=True),
    Column("state", String(16), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("closed_at", String(32)),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("closing", BigInteger),
    Column("seal", String(64)),
    Column("outcome", Text),
    Index("ix_changes_model", "model", "sequence"),
    Index("uq_changes_closing", "closing", unique=True),
    # One open change a model: the lock that stops two promotions is this row.
    Index(
        "uq_changes_one_open",
        "model",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("problem", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("document", JSON, nullable=False),
    Index("ix_reports_kind_problem", "kind", "problem", "id"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", String(128), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("document", JSON, nullable=False),
)
