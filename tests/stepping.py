"""A registry and a database that count their steps, and die before or after one of them.

A step is a call of a public method of the registry, or a transaction that writes. They are found and not listed, so
a step that is added to a change is walked by the tests of killed changes the same day.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from artpulse_core.control.registry import Registry
from artpulse_core.settings import Settings
from artpulse_core.store.database import Database

READING = ("alias", "aliases", "version", "versions", "find_by_key", "experiment")


@dataclass
class Steps:
    """Counts both sides of every step, and calls ``die`` at number ``at`` (0: never)."""

    die: Callable[[str], None]
    at: int = 0
    whole: bool = True
    count: int = 0

    def __call__(self, name: str) -> None:
        """One side of a step; only those that change something count unless ``whole``."""
        if not self.whole and name.rsplit(maxsplit=1)[-1] in READING:
            return
        self.count += 1
        if self.count == self.at:
            self.die(name)


class SteppingRegistry(Registry):
    """A registry of which every public method is a step."""

    def __init__(self, settings: Settings, steps: Steps) -> None:
        super().__init__(settings)
        for name, method in inspect.getmembers(self, inspect.ismethod):
            if not name.startswith("_"):
                setattr(self, name, _stepping(name, method, steps))


class SteppingDatabase(Database):
    """A database of which every transaction that writes is a step."""

    def __init__(self, url: str, steps: Steps) -> None:
        super().__init__(url)
        self._steps = steps

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As the real one."""
        self._steps("before write")
        with super().write() as connection:
            yield connection
        self._steps("after write")


def _stepping(name: str, method: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    def call(*args: Any, **fields: Any) -> Any:
        steps(f"before {name}")
        answer = method(*args, **fields)
        steps(f"after {name}")
        return answer

    return call
