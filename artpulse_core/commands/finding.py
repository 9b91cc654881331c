"""What a command needs before it begins: the database, the registry, the problem that was named, the gate's word.

Belongs here: finding these by what a person typed, or left out. Does not belong here: doing something with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.settings import Settings
from artpulse_core.store import changes, reports
from artpulse_core.store.database import Database


def opened(settings: Settings) -> tuple[Database, Registry]:
    """The database, migrated, and the registry."""
    return database(settings), Registry(settings)


def database(settings: Settings) -> Database:
    """The database, migrated, for what needs no registry."""
    found = Database(settings.database)
    found.migrate()
    return found


def resolve(settings: Settings, name: str) -> Problem:
    """A problem by its name or by the name of its registered model."""
    known = problems.load(settings)
    by_model = {problem.model: problem for problem in known.values()}
    return known.get(name) or by_model.get(name) or problems.get(settings, name)


@dataclass(frozen=True)
class Meant:
    """The champion a request goes from and the version it is about (None: there is none), with the gate's verdict."""

    champion: int | None
    version: int | None
    verdict: Mapping[str, Any] | None


def meant(
    db: Database,
    registry: Registry,
    problem: Problem,
    *,
    version: int | None,
    expected: int | None,
    key: str | None,
) -> Meant:
    """What a request means that may leave out its version (then the challenger) and the champion it expects.

    A request that was made before with the same idempotency key means what it meant then: its challenger may be
    champion by now. With neither champion nor challenger every version was held back, and the newest is meant.
    """
    first = changes.by_key(db, key) if key is not None else None
    if first is not None:
        return Meant(first.expected, first.target if version is None else version, first.verdict)
    aliases = registry.aliases(problem.model)
    champion = aliases.get("champion")
    if version is None:
        version = aliases.get("challenger")
    if version is None and champion is None:
        version = next((info.version for info in registry.versions(problem.model)), None)
    verdict = verdict_of(db, problem.name, version, champion) if version is not None else None
    return Meant(champion if expected is None else expected, version, verdict)


def verdict_of(db: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest gate verdict on ``version`` against the champion of now; None when there is none."""
    for row in reports.history(db, "gate", problem, 50):
        document = row["document"]
        if (document["version"], document["champion"]) == (version, champion):
            return dict(document["verdict"])
    return None
