"""How changes ended: the order in which rows closed, a seal over each closing, and the sentence that was said."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and seal the rows that closed before, in the order of their times."""
    op.add_column("changes", sa.Column("closing", sa.BigInteger))
    op.add_column("changes", sa.Column("seal", sa.String(64)))
    op.add_column("changes", sa.Column("outcome", sa.Text))
    op.create_index("uq_changes_closing", "changes", ["closing"], unique=True)
    connection = op.get_bind()
    closed = connection.execute(
        sa.text(
            "SELECT sequence, hash, state, closed_at FROM changes WHERE state <> 'open' ORDER BY closed_at, sequence"
        )
    ).all()
    seal = "0" * 64
    for closing, row in enumerate(closed, start=1):
        # The form of artpulse_core.store.chain at this revision: sorted keys, no spaces.
        document = {
            "closed_at": row.closed_at,
            "closing": closing,
            "hash": row.hash,
            "outcome": None,
            "prev_seal": seal,
            "sequence": row.sequence,
            "state": row.state,
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        seal = hashlib.sha256(text.encode()).hexdigest()
        connection.execute(
            sa.text("UPDATE changes SET closing = :closing, seal = :seal WHERE sequence = :sequence"),
            {"closing": closing, "seal": seal, "sequence": row.sequence},
        )


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("uq_changes_closing", "changes")
    for name in ("closing", "seal", "outcome"):
        op.drop_column("changes", name)
