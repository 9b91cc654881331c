"""What the agent does to the database beside events: this host's report, and deleting what is too old.

Belongs here: those two and their rhythm. Both wait while the database is away.
"""

from __future__ import annotations

import hashlib
import logging
import socket as sockets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from artpulse_core.agent.noted import NEWS
from artpulse_core.errors import StoreError
from artpulse_core.settings import Settings
from artpulse_core.store import events, hosts
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
REPORT_SECONDS = 15.0
SILENT = timedelta(days=1)
PURGE_SECONDS = 3600.0
PURGE_ROWS = 500  # a write lock of some milliseconds
PURGE_PAUSE = 0.05
PURGE_BATCHES = 2000  # a million rows an hour


def name_of(settings: Settings) -> str:
    """What this host is called in the database: two run folders on one machine are two hosts."""
    folder = hashlib.sha256(str(settings.run).encode()).hexdigest()[:8]
    return f"{sockets.gethostname()[:100]}/{folder}"


class Reporter:
    """Reports this host: at each change, and every fifteen seconds."""

    def __init__(self, db: Database, host: str, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._host = host
        self._clock = clock
        self._last: tuple[dict[str, Any], datetime] | None = None

    def report(self, document: dict[str, Any]) -> None:
        """Put ``document`` if it is news, or old; raises ``StoreError``."""
        now = self._clock()
        same = {name: value for name, value in document.items() if name not in {"rollout_watch", *NEWS}}
        same |= {part: (document.get(part) or {}).get("ok") for part in NEWS}  # its time is no news
        if self._last is not None:
            last, at = self._last
            if last == same and abs(now - at) < timedelta(seconds=REPORT_SECONDS):
                return
        hosts.put(self._db, self._host, document, now)
        self._last = same, now

    def leave(self) -> None:
        """This host stops on purpose."""
        try:
            hosts.remove(self._db, self._host)
        except StoreError as error:
            log.info("this host's report stays", extra={"fields": {"reason": error.message}})


def purge(db: Database, now: datetime, days: int, *, pause: Callable[[float], None] = time.sleep) -> int:
    """Delete events older than ``days`` in small batches, and reports of silent hosts; returns how many events went.

    None goes by a clock that ``events.believable`` does not believe. Raises ``StoreError``; what was deleted until then stays deleted.
    """
    hosts.forget(db, now - SILENT)
    if not events.believable(db, now):
        log.info("old events stay until the clock is borne out", extra={"fields": {"now": now.isoformat()}})
        return 0
    gone = 0
    for _ in range(PURGE_BATCHES):
        found = events.purge(db, now - timedelta(days=days), limit=PURGE_ROWS)
        gone += found
        if found < PURGE_ROWS:
            break
        pause(PURGE_PAUSE)
    if gone:
        log.info("old events deleted", extra={"fields": {"events": gone, "older_than_days": days}})
    return gone
