"""The first rollout of the default problem, from the environment variables this field knows.

Belongs here: ROLLOUT_MODE and its three companions as one ordinary change, made once. As soon as any rollout stands in
the table they mean nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from artpulse_core.control import traffic, verdicts
from artpulse_core.control.lineage import CHALLENGER, CHAMPION
from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
ACTOR = "settings"


class Seed:
    """Starts that rollout when there are a champion and a challenger; used from one thread."""

    def __init__(self, settings: Settings, db: Database, registry: Registry) -> None:
        self._settings = settings
        self._db = db
        self._registry = registry
        self._over = settings.rollout_mode == "single"
        self._refused: tuple[int, int] | None = None

    def sow(self, now: datetime) -> bool:
        """Start it if it is time; True when this was done now. Raises ``StoreError`` or ``RegistryError``."""
        if self._over:
            return False
        problem = problems.get(self._settings, self._settings.default_problem)
        rows = changes.history(self._db, problem.model)
        if any(row.action == "rollout" and row.state in ("done", "open") for row in rows):
            self._over = True
            return False
        aliases = self._registry.aliases(problem.model)
        champion, challenger = aliases.get(CHAMPION), aliases.get(CHALLENGER)
        if champion is None or challenger is None or (champion, challenger) == self._refused:
            return False
        verdict = verdicts.verdict_of(self._db, problem.name, challenger, champion)
        if verdict is None:  # a challenger is registered a moment before it is judged
            return False
        try:
            self._start(problem.model, champion, challenger, verdict, now)
        except ChangeConflict:
            return False  # another change is under way, or another host was first
        except ChangeRefused as error:
            self._refused = champion, challenger
            fields = {"problem": problem.name, "version": challenger, "reason": error.message}
            log.warning("ROLLOUT_MODE starts no rollout", extra={"fields": fields})
            return False
        self._over = True
        return True

    def _start(
        self, model: str, champion: int, challenger: int, verdict: Mapping[str, Any], now: datetime
    ) -> None:
        settings = self._settings
        percent = {
            "canary": settings.canary_traffic_percent,
            "blue_green": 100.0 - settings.blue_green_traffic_percent,
        }.get(settings.rollout_mode)
        assert settings.rollout_mode != "single"
        traffic.start(
            self._db,
            self._registry,
            model,
            challenger,
            mode=settings.rollout_mode,
            percent=percent,
            active=settings.active_color,
            expected=champion,
            actor=ACTOR,
            reason=f"ROLLOUT_MODE is {settings.rollout_mode}, and there was no rollout yet.",
            verdict=verdict,
            # A refusal is answered again from its row, and does not fill the table at every start.
            idempotency_key=f"settings:{model}:{champion}:{challenger}:{settings.rollout_mode}:{percent}",
            now=now,
        )
