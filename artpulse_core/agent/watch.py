"""Watching running rollouts: the agent may stop one, and only that.

Belongs here: ticking the rollouts this host takes part in. Does not belong here: the judgement
(``artpulse_core.control.delivery``), and steps forward, which a sensor takes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from artpulse_core.control import delivery
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError
from artpulse_core.exchange.release import Release
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)


class Watch:
    """One host's look at its rollouts; used from one thread."""

    def __init__(self, db: Database, registry: Registry, actor: str, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._registry = registry
        self._actor = actor
        self._clock = clock
        self._away: str | None = None

    def look(self, release: Release | None) -> Mapping[str, Any] | None:
        """Tick each rollout of ``release`` once: what was said by problem, None when none runs.

        A database or registry that is away is said once, until it answers again.
        """
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
                self._unable(error.message)
                said[name] = error.message
                continue
            self._unable(None)
            said[name] = tick.sentence
            if tick.change is not None and not tick.change.replayed:
                fields = {"problem": name, "change": tick.change.sequence, "reason": tick.sentence}
                log.error("rollout stopped", extra={"fields": fields})
        return said

    def _unable(self, reason: str | None) -> None:
        if reason is not None and self._away is None:
            log.error("rollouts cannot be watched", extra={"fields": {"reason": reason}})
        elif reason is None and self._away is not None:
            log.info("rollouts are watched again")
        self._away = reason
