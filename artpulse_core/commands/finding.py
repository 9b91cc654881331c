"""What a command needs before it begins: the database, the registry, the problem that was named.

Belongs here: finding these by what a person typed. Does not belong here: doing something with them, or which version is
meant (``artpulse_core.control.verdicts``).
"""

from __future__ import annotations

from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.settings import Settings
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
