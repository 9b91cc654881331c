"""The first champion of an empty registry.

Belongs here: the one promotion the graph makes by itself. Does not belong here: what leads to a challenger
(``govern``); every later promotion is made by people or a rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from artpulse_core.control import lineage, notes, promotion
from artpulse_core.data.problem import Problem
from artpulse_core.errors import ChangeRefused
from artpulse_core.settings import Settings
from artpulse_core.store import changes

if TYPE_CHECKING:
    from artpulse_core.control.registry import Registry
    from artpulse_core.store.database import Database


def crown(
    problem: Problem,
    challenger: Mapping[str, Any],
    *,
    settings: Settings,
    database: Database,
    registry: Registry,
    now: datetime,
    actor: str,
) -> dict[str, Any]:
    """Promote the challenger when there is no champion yet; otherwise say which version counts.

    Raises ``ChangeRefused`` when a first model does not reach the floors of the policy, or when the alias of a champion
    was removed by hand.
    """
    current = registry.alias(problem.model, "champion")
    verdict = challenger["verdict"]
    rows = changes.history(database, problem.model)
    before = lineage.champion_of(rows)
    if current is None and before is not None and registry.version(problem.model, before):
        raise ChangeRefused(
            f"The champion alias of {problem.model} is gone, though version {before} is champion by the table of "
            f"changes: `artpulse rollback {problem.name}` puts it back. Nothing was promoted."
        )
    if current is None:
        if verdict["decision"] != "promote":
            raise ChangeRefused(
                f"Version {challenger['version']} of {problem.model} is not good enough for a first champion: "
                f"{verdict['summary']} Add data, or promote it yourself with `artpulse promote {problem.name} "
                f"--version {challenger['version']} --override --reason …`."
            )
        promotion.promote(
            database,
            registry,
            problem.model,
            challenger["version"],
            expected=None,
            actor=actor,
            reason="first champion of an empty registry",
            verdict=verdict,
            now=now,
        )
        current = challenger["version"]
        sentence = f"version {current} is the first champion"
    elif current == challenger["version"]:
        sentence = f"version {current} is the champion; nothing has changed"
    elif challenger["version"] in lineage.rejected(rows):
        sentence = (
            f"version {current} stays champion; version {challenger['version']} is what comes of these pictures, and "
            "it was rejected in service"
        )
    else:
        sentence = (
            f"version {current} stays champion; challenger {challenger['version']} waits: {verdict['decision']}. "
            f"{verdict['summary']}"
        )
    notes.write_uri(settings, problem.name, problem.model, current)
    info = registry.version(problem.model, current)
    return {
        "model": problem.model,
        "version": current,
        "digest": info.digest if info else "",
        "challenger": challenger["version"] if challenger["version"] != current else None,
        "rejected": challenger["version"] in lineage.rejected(rows),
        "sentence": sentence,
    }
