"""Being told of changes by the database, so that a promotion on one host reaches the others at once.

Belongs here: keeping a listener alive. Polling goes on beside it, so nothing is lost while there is none; a database
that is away is named by whoever ships events.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from artpulse_core.errors import StoreError
from artpulse_core.store.changes import CHANNEL
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
FIRST_PAUSE = 1.0
LAST_PAUSE = 30.0


def listen(
    db: Database, heard: Callable[[], None], stopped: threading.Event, jitter: Callable[[], float]
) -> None:
    """Call ``heard`` at each change until ``stopped``; on SQLite return at once."""
    pause = FIRST_PAUSE

    def told(_model: str) -> None:
        nonlocal pause
        pause = FIRST_PAUSE  # the connection works
        heard()

    while db.dialect == "postgresql" and not stopped.is_set():
        try:
            db.listen(CHANNEL, told, stopped)
        except StoreError as error:
            log.debug("not listening", extra={"fields": {"reason": error.message, "again_in_seconds": pause}})
        stopped.wait(pause * jitter())
        pause = min(pause * 2, LAST_PAUSE)
