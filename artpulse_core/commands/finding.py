"""What a command needs before it begins: the database, the registry, the problem that was named, the gate's word.

Belongs here: finding these by what a person typed. Does not belong here: doing something with them.
"""

from __future__ import annotations

from typing import Any

from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.settings import Settings
from artpulse_core.store import reports
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


def verdict_of(db: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest gate verdict on ``version`` against the champion of now; None when there is none."""
    for row in reports.history(db, "gate", problem, 50):
        document = row["document"]
        if (document["version"], document["champion"]) == (version, champion):
            return dict(document["verdict"])
    return None
