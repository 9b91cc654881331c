"""What is known of one model, put together for people: versions, aliases, changes and their reasons.

Belongs here: reading and joining, for ``artpulse models show`` and the like. It changes nothing.
"""

from __future__ import annotations

from typing import Any

from artpulse_core.control import lineage
from artpulse_core.control.registry import Registry
from artpulse_core.store import changes
from artpulse_core.store.database import Database


def describe(db: Database, registry: Registry, model: str, *, limit: int = 50) -> dict[str, Any]:
    """Versions (newest first) with digest, aliases, tags and verdict; aliases; the newest ``limit`` changes.

    ``unaudited`` is true when the champion alias was moved by another hand than ours; ``chain`` is the first
    broken sequence of the whole change table or None, ``frozen`` the change that froze the model, ``rollout`` the
    state of now.
    """
    rows = changes.history(db, model)
    aliases = registry.aliases(model)
    away = lineage.rejected(rows)
    frozen = lineage.frozen_by(rows)
    verdicts = {row.target: row for row in reversed(rows) if row.verdict is not None}
    return {
        "model": model,
        "aliases": aliases,
        "unaudited": not lineage.audited(rows, aliases.get(lineage.CHAMPION)),
        "chain": changes.verify_chain(db),
        "frozen": frozen.to_dict() if frozen else None,
        "rollout": lineage.state_of(rows).to_dict(),
        "versions": [
            {
                "version": info.version,
                "digest": info.digest,
                "aliases": list(info.aliases),
                "rejected": info.version in away,
                "tags": dict(info.tags),
                "created_at": info.created_at,
                "run_id": info.run_id,
                "verdict": verdicts[info.version].verdict if info.version in verdicts else None,
                "verdict_reason": verdicts[info.version].reason if info.version in verdicts else None,
            }
            for info in registry.versions(model)
        ],
        "changes": [row.to_dict() for row in rows[:limit]],
    }
