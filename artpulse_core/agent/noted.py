"""What the agent knows of itself and its surroundings: ``status.json`` and the answer to ``status``.

Belongs here: that document, written whole every few seconds and at each change, and saying once that a part went
away or came back. Does not belong here: showing it (``status``).
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson

from artpulse_core.exchange.files import write_whole

log = logging.getLogger(__name__)
FILE = "status.json"
WRITE_SECONDS = 5.0
SILENT_SECONDS = 15.0  # the database is asked every five
Part = Literal["registry", "database", "spool", "run_folder"]
# What is said once when a part fails, and when it is well again.
NEWS: Mapping[Part, tuple[str, str]] = {
    "registry": ("registry is away", "registry is back"),
    "database": ("database is away", "database is back"),
    "spool": ("the spool cannot be used", "the spool can be used again"),
    "run_folder": ("the run folder cannot be written", "the run folder can be written again"),
}


class Noted:
    """The document; safe to use from any thread."""

    def __init__(self, run: Path, pid: int, clock: Callable[[], datetime]) -> None:
        self._path = run / FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._written: datetime | None = None
        self._answered: dict[Part, float] = {}
        self._document: dict[str, Any] = {
            "pid": pid,
            "started_at": clock().isoformat(),
            "at": None,
            **{part: {"ok": None, "at": None, "message": None} for part in NEWS},
            "release": {"sequence": None},
            "failures": {},
            "secondary_failures": {},
            "rollout_watch": None,
            "events": {"shipped": 0, "refused": 0, "torn": 0, "purged": 0},
        }
        self._document["registry"]["asked_at"] = None

    def asked(self, *, over: bool = False) -> None:
        """The registry is being asked, or no more; so a registry that hangs can be seen while it does."""
        with self._lock:
            self._document["registry"]["asked_at"] = None if over else self._clock().isoformat()

    def part(self, part: Part, message: str | None) -> None:
        """The part is well (None) or is not; logged when that is news."""
        with self._lock:
            state = self._document[part]
            was = state["ok"]
            state["ok"], state["message"] = message is None, message
            if message is None:
                state["at"] = self._clock().isoformat()
                self._answered[part] = time.monotonic()
            if was is not state["ok"]:
                self._written = None
        if message is not None and was is not False:
            log.error(NEWS[part][0], extra={"fields": {"reason": message}})
        elif message is None and was is False:
            log.info(NEWS[part][1])

    def silent(self, part: Part) -> float:
        """Seconds since the part was well, infinite when it never was; a clock that is set changes nothing."""
        with self._lock:
            return time.monotonic() - self._answered.get(part, -math.inf)

    def say(self, **fields: Any) -> bool:
        """Put fields of the document; True when one of them is news."""
        with self._lock:
            news = any(self._document[name] != value for name, value in fields.items())
            if news:
                self._document.update(fields)
                self._written = None
        return news

    def count(self, **more: int) -> None:
        """Add to the counts of events."""
        with self._lock:
            counts = self._document["events"]
            self._document["events"] = {name: value + more.get(name, 0) for name, value in counts.items()}

    def document(self) -> dict[str, Any]:
        """A copy."""
        with self._lock:
            copy: dict[str, Any] = orjson.loads(orjson.dumps(self._document))
        return copy

    def write(self) -> None:
        """Write the file if there is news or the last one is a few seconds old; from one thread.

        A database that was well and has said nothing for a while is away: a server that is frozen holds the
        statement, and with it the thread that would have said so.
        """
        if SILENT_SECONDS < self.silent("database") < math.inf and self._document["database"]["ok"]:
            self.part("database", f"The database has not answered for {SILENT_SECONDS:g} s.")
        now = self._clock()
        with self._lock:
            if self._written is not None and abs(now - self._written) < timedelta(seconds=WRITE_SECONDS):
                return
            self._document["at"] = now.isoformat()
            data = orjson.dumps(self._document, option=orjson.OPT_INDENT_2)
            self._written = now
        try:
            write_whole(self._path, data)
        except OSError as error:
            log.error("status not written", extra={"fields": {"reason": str(error)}})


def failures(found: Mapping[str, Any]) -> dict[str, Any]:
    """Failures by problem as plain data."""
    return {name: item.to_dict() for name, item in found.items()}
