"""The first tables: events, labels, changes, reports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "events",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("request_id", sa.String(160), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("problem", sa.String(64), nullable=False),
        sa.Column("model", sa.String(128)),
        sa.Column("version", sa.BigInteger),
        sa.Column("digest", sa.String(80)),
        sa.Column("slot", sa.String(16)),
        sa.Column("mode", sa.String(16)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("latency_ms", sa.Float),
        sa.Column("routing", sa.String(80)),
        sa.Column("caller", sa.String(128)),
        sa.Column("content", sa.String(80)),
        sa.Column("fingerprint", sa.String(80)),
        sa.Column("features", sa.JSON),
        sa.Column("output", sa.JSON),
        sa.Column("confidence", sa.Float),
        sa.Column("warnings", sa.JSON),
    )
    op.create_index("ix_events_problem_at", "events", ["problem", "at"])
    op.create_index("ix_events_at", "events", ["at"])
    op.create_table(
        "labels",
        sa.Column(
            "event_id", sa.String(200), sa.ForeignKey("events.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("caller", sa.String(128)),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("replaced", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "changes",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("expected", sa.BigInteger),
        sa.Column("target", sa.BigInteger),
        sa.Column("rollout", sa.JSON),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("verdict", sa.JSON),
        sa.Column("idempotency_key", sa.String(200), unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("closed_at", sa.String(32)),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_changes_model", "changes", ["model", "sequence"])
    op.create_index(
        "uq_changes_one_open",
        "changes",
        ["model"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("problem", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("ix_reports_kind_problem", "reports", ["kind", "problem", "id"])


def downgrade() -> None:
    """Drop the tables."""
    for name in ("labels", "events", "changes", "reports"):
        op.drop_table(name)
