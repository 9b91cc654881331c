"""What the agent knows of itself and its surroundings: ``status.json`` and the answer to ``status``.

Belongs here: that document, written whole every few seconds and at each change, and saying once that a part went
away or came back. Does not belong here: showing it (``status``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson

from artpulse_core.exchange.files import write_whole

log = logging.getLogger(__name__)
FILE = "status.json"
WRITE_SECONDS = 5.0
Part = Literal["registry", "database"]


class Noted:
    """The document; safe to use from any thread."""

    def __init__(self, run: Path, pid: int, clock: Callable[[], datetime]) -> None:
        self._path = run / FILE
        self._clock = clock
        self._lock = threading.Lock()
        self._written: datetime | None = None
        away = {"ok": None, "at": None, "message": None}
        self._document: dict[str, Any] = {
            "pid": pid,
            "started_at": clock().isoformat(),
            "at": None,
            "registry": {**away, "asked_at": None},
            "database": dict(away),
            "release": {"sequence": None},
            "failures": {},
            "secondary_failures": {},
            "rollout_watch": None,
            "events": {"shipped": 0, "refused": 0, "torn": 0, "purged": 0},
        }

    def asked(self, *, over: bool = False) -> None:
        """The registry is being asked, or no more; so a registry that hangs can be seen while it does."""
        with self._lock:
            self._document["registry"]["asked_at"] = None if over else self._clock().isoformat()

    def part(self, part: Part, message: str | None) -> None:
        """The part answered (None) or is away; logged when that is news."""
        with self._lock:
            state = self._document[part]
            was = state["ok"]
            state["ok"], state["message"] = message is None, message
            if message is None:
                state["at"] = self._clock().isoformat()
            if was is not state["ok"]:
                self._written = None
        if message is not None and was is not False:
            log.error(f"{part} is away", extra={"fields": {"reason": message}})
        elif message is None and was is False:
            log.info(f"{part} is back")

    def answered(self, part: Part) -> datetime | None:
        """When the part answered last."""
        with self._lock:
            at = self._document[part]["at"]
        return None if at is None else datetime.fromisoformat(at)

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
        """Write the file if there is news or the last one is a few seconds old."""
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
