"""Before a promotion: which version is meant, what the gate said of it, and whether promoting it would pass.

Belongs here: reading and joining, for the command line and the agent alike. Does not belong here: a verdict of its own
(``artpulse_core.gates``), or any change (``promotion``).
"""

from __future__ import annotations

from typing import Any

from artpulse_core.control import rules
from artpulse_core.control.lineage import CHALLENGER, CHAMPION
from artpulse_core.control.registry import Registry
from artpulse_core.control.rules import Seen
from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.store import changes, reports
from artpulse_core.store.database import Database

LOOKED_THROUGH = 50  # gate reports, newest first


def candidate(
    db: Database, registry: Registry, model: str, version: int | None, idempotency_key: str | None = None
) -> int:
    """The version that is meant: ``version``, else that of the change this key made before, else the challenger.

    Without any champion every version was held back, and the newest is the one to decide about. Raises
    ``ChangeRefused`` when there is none, ``RegistryError``, ``StoreError``.
    """
    if version is not None:
        return version
    first = changes.by_key(db, idempotency_key) if idempotency_key is not None else None
    if first is not None and first.target is not None:
        return first.target
    aliases = registry.aliases(model)
    found = aliases.get(CHALLENGER)
    if found is None and CHAMPION not in aliases:
        found = next((info.version for info in registry.versions(model)), None)
    if found is None:
        raise ChangeRefused(f"{model} has no challenger; train one first.")
    return found


def report_of(db: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest report of the gate on ``version`` against ``champion``: ``{at, document, …}``, or None."""
    for row in reports.history(db, "gate", problem, LOOKED_THROUGH):
        if (row["document"]["version"], row["document"]["champion"]) == (version, champion):
            return row
    return None


def verdict_of(db: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest gate verdict on ``version`` against the champion of now; None when there is none."""
    found = report_of(db, problem, version, champion)
    return None if found is None else dict(found["document"]["verdict"])


def check(db: Database, registry: Registry, problem: str, model: str, version: int | None) -> dict[str, Any]:
    """What the gate said of ``version`` (default: the challenger), and what a promotion would say now.

    ``{model, champion, version, judged_at, verdict, allowed, message}``. Raises as ``candidate`` does.
    """
    chosen = candidate(db, registry, model, version)
    seen = Seen(db, registry, model)
    found = report_of(db, problem, chosen, seen.champion)
    verdict = None if found is None else dict(found["document"]["verdict"])
    message = f"Version {chosen} may become the champion in place of {rules.named(seen.champion)}."
    allowed = True
    try:
        rules.check_promotion(seen, chosen, verdict, override=False)
        for row in changes.open_rows(db, model):
            raise ChangeConflict(
                f"Change {row.sequence} ({row.action} of {model} by {row.actor}) is still open."
            )
    except (ChangeRefused, ChangeConflict) as no:
        allowed, message = False, no.message
    return {
        "model": model,
        "champion": seen.champion,
        "version": chosen,
        "judged_at": None if found is None else found["at"],
        "verdict": verdict,
        "allowed": allowed,
        "message": message,
    }
