"""Watching running rollouts: the agent may stop one, and only that.

Belongs here: ticking the rollouts this host takes part in. Does not belong here: the judgement
(``artpulse_core.control.delivery``), and steps forward, which a sensor takes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from artpulse_core.control import delivery
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError
from artpulse_core.exchange.release import Release
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
WATCH_SECONDS = 2.0
REST = 20.0  # as many times the last look: it costs a twentieth of a core at most


class Watch:
    """One host's look at its rollouts; used from one thread. ``pause`` is how long it rests before the next, in seconds."""

    def __init__(self, db: Database, registry: Registry, actor: str, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._registry = registry
        self._actor = actor
        self._clock = clock
        self._unwatched: dict[str, str] = {}
        self.pause = WATCH_SECONDS

    def look(self, release: Release | None) -> Mapping[str, Any] | None:
        """Tick each rollout of ``release`` once: what was said by problem, None when none runs.

        A database or registry that is away is said once, until it answers again. Whatever else goes wrong with one
        rollout, as a row of the table that another hand has altered, ends neither the agent nor the watch of the others.
        """
        begun = time.monotonic()
        try:
            return self._look(release)
        finally:  # the evidence of a long rollout is read anew each time
            self.pause = max(WATCH_SECONDS, REST * (time.monotonic() - begun))

    def _look(self, release: Release | None) -> Mapping[str, Any] | None:
        running = [name for name, item in (release.problems if release else {}).items() if item.secondary]
        if release is None or not running:
            return None
        said: dict[str, Any] = {}
        for name in running:
            model = release.problems[name].model
            try:
                tick = delivery.tick(
                    self._db, self._registry, model, name, may="abort", actor=self._actor, now=self._clock()
                )
            except ArtPulseError as error:
                said[name] = self._unable(name, error.message)
                continue
            except Exception as error:  # noqa: BLE001 - the agent has more to do than this rollout
                said[name] = self._unable(name, f"{type(error).__name__}: {error}")
                continue
            if self._unwatched.pop(name, None) is not None:
                log.info("rollout is watched again", extra={"fields": {"problem": name}})
            said[name] = tick.sentence
            if tick.change is not None and not tick.change.replayed:
                fields = {"problem": name, "change": tick.change.sequence, "reason": tick.sentence}
                log.error("rollout stopped", extra={"fields": fields})
        return said

    def _unable(self, name: str, reason: str) -> str:
        if name not in self._unwatched:
            log.error("rollout cannot be watched", extra={"fields": {"problem": name, "reason": reason}})
        self._unwatched[name] = reason
        return reason
