"""What counts for one model now, for people who are about to change it: aliases, rollout, freeze, newest changes.

Belongs here: pure functions over the rows of the table and the aliases as they were found, or the table alone while the
registry is away. Does not belong here: the versions one by one (``describe``), or what the workers of a host answer
with (``artpulse_core.agent.status``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artpulse_core.control import lineage
from artpulse_core.store.changes import Change


def overview(rows: Sequence[Change], aliases: Mapping[str, int] | None) -> dict[str, Any]:
    """One document about the model of ``rows`` (newest first); ``aliases`` None: the registry is away.

    ``{champion, challenger, previous, blue, green, unaudited, rollout, frozen, open, newest}``: versions or None, by the
    table while the registry is away. ``unaudited`` says that the champion's alias was moved by hand, None: unknown.
    """
    found = _by_the_table(rows) if aliases is None else aliases
    frozen = lineage.frozen_by(rows)
    opened = next((row for row in rows if row.state == "open"), None)
    return {
        **{alias: found.get(alias) for alias in lineage.ALIASES},
        "unaudited": None if aliases is None else not lineage.audited(rows, aliases.get(lineage.CHAMPION)),
        "rollout": lineage.state_of(rows).to_dict(),
        "frozen": None if frozen is None else _frozen(frozen),
        "open": None if opened is None else opened.to_dict(),
        "newest": rows[0].to_dict() if rows else None,
    }


def _frozen(row: Change) -> dict[str, Any]:
    return {"sequence": row.sequence, "by": row.actor, "since": row.opened_at, "reason": row.reason}


def _by_the_table(rows: Sequence[Change]) -> dict[str, int]:
    registered = {row.target for row in rows if (row.action, row.state) == ("register", "done")}
    return lineage.aliases_of(rows, {version for version in registered if version is not None})
