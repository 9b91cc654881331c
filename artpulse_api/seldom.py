"""Saying a thing once a minute, however often it happens; counters tell how often.

Belongs here: that one limit. Does not belong here: what is said.
"""

from __future__ import annotations

import time
from collections.abc import Hashable

SECONDS = 60.0


class Seldom:
    """Ask ``now`` before a log line that every request could cause; keys are a closed set."""

    def __init__(self) -> None:
        self._said: dict[Hashable, float] = {}

    def now(self, key: Hashable) -> bool:
        """True for the first time, and again when a minute has passed since it was last true."""
        moment = time.monotonic()
        if moment - self._said.get(key, -SECONDS) < SECONDS:
            return False
        self._said[key] = moment
        return True
