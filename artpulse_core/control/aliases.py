"""The aliases in MLflow, and what else there follows the change table.

Belongs here: making them true to the rows. Does not belong here: the champion's alias, which only a change of champion
moves (``promotion``), and which stays where another hand put it.
"""

from __future__ import annotations

from collections.abc import Iterable

from artpulse_core.control import lineage, notes
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ChangeConflict
from artpulse_core.store.changes import Change

FOLLOWERS = tuple(alias for alias in lineage.ALIASES if alias != lineage.CHAMPION)


def align(registry: Registry, model: str, rows: Iterable[Change], champion: int | None = None) -> None:
    """Make every alias but the champion's, the ``rejected`` tags and the note true to ``rows``; reads them back.

    With ``champion`` the champion alias must stand there, before and after. Raises ``ChangeConflict`` when it does not,
    or another hand moved an alias at the same moment, and ``RegistryError``.
    """
    rows = list(rows)
    versions = {info.version: info for info in registry.versions(model)}
    existing = {info.version for info in versions.values() if info.digest}
    wanted: dict[str, int | None] = {**lineage.aliases_of(rows, existing)}
    found = registry.aliases(model)
    _agree(model, lineage.CHAMPION, found.get(lineage.CHAMPION), champion or found.get(lineage.CHAMPION))
    for alias in FOLLOWERS:
        if found.get(alias) != wanted.get(alias):
            point(registry, model, alias, wanted.get(alias))
    away = lineage.rejected(rows)
    for version, info in versions.items():
        if (info.tags.get("rejected") == "true") != (version in away):
            registry.set_tag(model, version, "rejected", "true" if version in away else "false")
    before, found = found, registry.aliases(model)
    wanted[lineage.CHAMPION] = champion or before.get(lineage.CHAMPION)
    for alias in lineage.ALIASES:
        _agree(model, alias, found.get(alias), wanted.get(alias))
    served = versions.get(found.get(lineage.CHAMPION, 0))
    if served is not None:
        notes.follow(registry.settings, model, served)


def _agree(model: str, alias: str, found: int | None, wanted: int | None) -> None:
    if found != wanted:
        has = "nothing" if found is None else f"version {found}"
        raise ChangeConflict(f"The {alias} of {model} became {has} at the same moment, by another hand.")


def point(registry: Registry, model: str, alias: str, version: int | None) -> None:
    """Set an alias, or remove it when ``version`` is None."""
    if version is None:
        registry.delete_alias(model, alias)
    else:
        registry.set_alias(model, alias, version)
