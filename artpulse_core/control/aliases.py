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


def align(registry: Registry, model: str, rows: Iterable[Change]) -> int | None:
    """Make every alias but the champion's, the ``rejected`` tags and the note true to ``rows``; reads them back.

    Returns the version the champion alias points to. Raises ``ChangeConflict`` when another hand moved an alias at the
    same moment, ``RegistryError``.
    """
    rows = list(rows)
    versions = {info.version: info for info in registry.versions(model)}
    wanted = lineage.aliases_of(rows, {info.version for info in versions.values() if info.digest})
    followers = [alias for alias in lineage.ALIASES if alias != lineage.CHAMPION]
    found = registry.aliases(model)
    for alias in followers:
        if found.get(alias) != wanted.get(alias):
            point(registry, model, alias, wanted.get(alias))
    away = lineage.rejected(rows)
    for version, info in versions.items():
        if (info.tags.get("rejected") == "true") != (version in away):
            registry.set_tag(model, version, "rejected", "true" if version in away else "false")
    found = registry.aliases(model)
    for alias in followers:
        if found.get(alias) != wanted.get(alias):
            raise ChangeConflict(
                f"The alias {alias} of {model} was moved by somebody else at the same moment."
            )
    champion = found.get(lineage.CHAMPION)
    if champion in versions:
        notes.follow(registry.settings, model, versions[champion])
    return champion


def point(registry: Registry, model: str, alias: str, version: int | None) -> None:
    """Set an alias, or remove it when ``version`` is None."""
    if version is None:
        registry.delete_alias(model, alias)
    else:
        registry.set_alias(model, alias, version)
