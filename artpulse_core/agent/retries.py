"""Versions this host could not take over, and when each is tried again.

Belongs here: the pause that doubles, with jitter so that the hosts do not all come back at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

FIRST_RETRY = timedelta(seconds=15)
LAST_RETRY = timedelta(minutes=10)
DOUBLINGS = 20


@dataclass(frozen=True)
class Failure:
    """A version that could not be taken over, and what was said."""

    version: int
    message: str
    attempts: int
    next_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "next_at": self.next_at.isoformat()}


class Retries:
    """The failures of one slot by problem; a failure counts for one version only."""

    def __init__(self, clock: Callable[[], datetime], jitter: Callable[[], float]) -> None:
        """``jitter`` gives a factor for each pause, about 1."""
        self._clock = clock
        self._jitter = jitter
        self._failures: dict[str, Failure] = {}

    def waits(self, problem: str, version: int) -> bool:
        """Whether this version failed and its pause is not over."""
        failed = self._failures.get(problem)
        if failed is None or failed.version != version:
            return False
        # A clock that was set back must not make the pause longer than it can be.
        return timedelta() < failed.next_at - self._clock() <= LAST_RETRY * 2

    def failed(self, problem: str, version: int, message: str) -> Failure:
        """Remember one more failure."""
        before = self._failures.get(problem)
        attempts = before.attempts + 1 if before is not None and before.version == version else 1
        pause = min(FIRST_RETRY * 2 ** min(attempts - 1, DOUBLINGS), LAST_RETRY) * self._jitter()
        self._failures[problem] = Failure(version, message, attempts, self._clock() + pause)
        return self._failures[problem]

    def forget(self, problem: str) -> None:
        """It serves what it should."""
        self._failures.pop(problem, None)

    def all(self) -> Mapping[str, Failure]:
        """Failures by problem."""
        return dict(self._failures)
