"""What counts for one model now, for people who are about to change it: aliases, rollout, freeze, newest changes.

Belongs here: reading and joining, with the table alone while the registry is away. Does not belong here: the versions
one by one (``describe``), or what the workers of a host answer with (``artpulse_core.agent.status``).
"""

from __future__ import annotations

from typing import Any

from artpulse_core.control import lineage
from artpulse_core.control.registry import Registry
from artpulse_core.errors import RegistryError
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database


def overview(db: Database, registry: Registry | None, model: str) -> dict[str, Any]:
    """One document about ``model``; without a registry, or when it fails, aliases are those of the table.

    ``{model, champion, challenger, previous, blue, green, registry, unaudited, rollout, frozen, open, newest}``:
    versions or None; ``registry`` is why it was not asked, ``unaudited`` (None: unknown) that the champion's alias was
    moved by hand. Raises ``StoreError``.
    """
    rows = changes.history(db, model)
    found, away = _aliases(registry, model)
    if found is None:
        registered = {row.target for row in rows if (row.action, row.state) == ("register", "done")}
        found = lineage.aliases_of(rows, {version for version in registered if version is not None})
    frozen = lineage.frozen_by(rows)
    opened = next((row for row in rows if row.state == "open"), None)
    return {
        "model": model,
        **{alias: found.get(alias) for alias in lineage.ALIASES},
        "registry": away,
        "unaudited": None if away else _unaudited(rows, opened, found.get(lineage.CHAMPION)),
        "rollout": lineage.state_of(rows).to_dict(),
        "frozen": None
        if frozen is None
        else {
            "sequence": frozen.sequence,
            "by": frozen.actor,
            "since": frozen.opened_at,
            "reason": frozen.reason,
        },
        "open": None if opened is None else opened.to_dict(),
        "newest": rows[0].to_dict() if rows else None,
    }


def _aliases(registry: Registry | None, model: str) -> tuple[dict[str, int] | None, str | None]:
    if registry is None:
        return None, "The registry is away; these are the versions of the change table."
    try:
        return registry.aliases(model), None
    except RegistryError as error:
        return None, error.message


def _unaudited(rows: list[Change], opened: Change | None, champion: int | None) -> bool:
    # Between the alias and the end of its row the champion is the one that the open row is about.
    moving = {opened.target} if opened is not None and opened.action in changes.MAKES_CHAMPION else set()
    return champion not in {lineage.champion_of(rows), *moving}
