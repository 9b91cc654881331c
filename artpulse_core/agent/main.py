"""The agent process: ``python -m artpulse_core.agent.main``.

Belongs here: putting its parts together and its life: two rhythms (the registry, the spool) in threads of their
own, so that a registry that hangs stops no event; the socket; ``status.json``; SIGTERM, which ships the rest.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from artpulse_core import settings as settings_module
from artpulse_core.agent import logs
from artpulse_core.agent.alone import only_one
from artpulse_core.agent.operations import Operations
from artpulse_core.agent.pull import Pulled, Puller
from artpulse_core.agent.rhythm import Rhythm
from artpulse_core.agent.ship import ship
from artpulse_core.agent.socket import ControlSocket
from artpulse_core.control import promotion
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, FeedbackRefused, Issue, StoreError
from artpulse_core.exchange.files import write_whole
from artpulse_core.settings import Settings
from artpulse_core.store import events
from artpulse_core.store.database import Database

log = logging.getLogger("artpulse_core.agent.main")  # its own name is __main__ when it runs
STATUS = "status.json"
SHIP_SECONDS = 0.5
STATUS_SECONDS = 5.0
ANSWER_SECONDS = 0.2  # kept of a caller's deadline for the way back
LONGEST_WAIT = 60.0


class Agent:
    """One host's agent; ``clock`` gives the time, aware."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime]) -> None:
        """Open nothing yet but the engine. Raises ``StoreError`` for a database URL that cannot be used."""
        self._settings = settings
        self._clock = clock
        self._db = Database(settings.database)
        self._registry = Registry(settings)
        self._puller = Puller(settings, self._registry, self._db, clock=clock)
        self._lock = threading.Lock()
        self._shipping = threading.Lock()
        self._migrated = False
        self._status: dict[str, Any] = {
            "pid": os.getpid(),
            "started_at": clock().isoformat(),
            "at": None,
            "registry": {"ok": None, "at": None, "message": None},
            "database": {"ok": None, "at": None, "message": None},
            "release": {"sequence": None},
            "failures": {},
            "events": {"shipped": 0, "refused": 0, "torn": 0},
        }
        self._written: datetime | None = None
        jitter = random.Random(os.getpid())  # noqa: S311 - spreads hosts over the interval, keeps no secret
        self._polling = Rhythm(self._poll, lambda: settings.poll_seconds * jitter.uniform(0.9, 1.1))
        self._emptying = Rhythm(self._ship, lambda: SHIP_SECONDS)

    def run(self, stopped: threading.Event) -> None:
        """Work until ``stopped`` is set, then ship what is left."""
        control = Operations(
            self._settings,
            self._db,
            self._registry,
            clock=self._clock,
            poll=lambda: self._polling.now(0),
            registry_away=lambda: self._status["registry"]["ok"] is False,
        )
        operations = {
            "status": self._tell,
            "notify": self._notify,
            "feedback": self._feedback,
            **control.table(),
        }
        ear = ControlSocket(self._settings.socket, operations)
        rhythms = (self._polling, self._emptying)
        threads = [
            threading.Thread(target=self._guarded, args=(item, stopped), daemon=True) for item in rhythms
        ]
        try:
            for thread in threads:
                thread.start()
            log.info("agent started", extra={"fields": {"pid": os.getpid()}})
            stopped.wait()
        finally:
            ear.close()
            for rhythm in rhythms:
                rhythm.stop()
            threads[1].join(10)  # the poll may hang in the registry, and has nothing that would be lost
            self._ship()
            log.info("agent stopped", extra={"fields": dict(self._status["events"])})

    def _guarded(self, rhythm: Rhythm, stopped: threading.Event) -> None:
        try:
            rhythm.run()
        except Exception:
            log.exception("agent failed")  # the parent starts it anew
            stopped.set()
            raise

    def _poll(self) -> None:
        try:
            if self._migrated:
                for row in promotion.recover(self._db, self._registry, self._clock()):
                    fields = {
                        "sequence": row.sequence,
                        "action": row.action,
                        "model": row.model,
                        "state": row.state,
                    }
                    log.warning("open change settled", extra={"fields": fields})
        except ArtPulseError as error:
            log.warning("open changes wait", extra={"fields": {"reason": error.message}})
        try:
            pulled = self._puller.poll()
        except (OSError, ArtPulseError) as error:
            log.error("poll failed", extra={"fields": {"reason": str(error)}})
            return
        self._note("registry", pulled.registry_error)
        self._note_release(pulled)

    def _ship(self) -> None:
        # One at a time: feedback ships too.
        with self._shipping:
            try:
                if not self._migrated:
                    self._db.migrate()
                    self._migrated = True
                done = ship(self._db, self._settings.run / "spool")
                if not (done.stored or done.refused):
                    self._check_database()
                else:
                    self._note("database", None)
                counts = self._status["events"]
                with self._lock:
                    counts["shipped"] += done.stored
                    counts["refused"] += done.refused
                    counts["torn"] += done.bad
            except (StoreError, OSError) as error:
                self._note("database", str(error))
        self._write()

    def _check_database(self) -> None:
        last = self._status["database"]["at"]
        if last is None or self._clock() - datetime.fromisoformat(last) > timedelta(seconds=STATUS_SECONDS):
            self._db.ping()
            self._note("database", None)

    def _note(self, part: str, message: str | None) -> None:
        with self._lock:
            state = self._status[part]
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

    def _note_release(self, pulled: Pulled) -> None:
        failures = {
            name: {**vars(item), "next_at": item.next_at.isoformat()}
            for name, item in pulled.failures.items()
        }
        with self._lock:
            sequence = pulled.release.sequence if pulled.release else None
            if (sequence, failures) != (self._status["release"]["sequence"], self._status["failures"]):
                self._written = None
            self._status["release"] = {"sequence": sequence}
            self._status["failures"] = failures

    def _write(self) -> None:
        now = self._clock()
        with self._lock:
            if self._written is not None and abs(now - self._written) < timedelta(seconds=STATUS_SECONDS):
                return
            self._status["at"] = now.isoformat()
            document = orjson.dumps(self._status, option=orjson.OPT_INDENT_2)
            self._written = now
        try:
            write_whole(self._settings.run / STATUS, document)
        except OSError as error:
            log.error("status not written", extra={"fields": {"reason": str(error)}})

    # Operations of the socket -------------------------------------------------------------------------------
    def _tell(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            document: dict[str, Any] = orjson.loads(orjson.dumps(self._status))
        return {"status": document}

    def _notify(self, request: Mapping[str, Any]) -> dict[str, Any]:
        wait = min(float(request.get("deadline", 2.0)) - ANSWER_SECONDS, LONGEST_WAIT)
        polled = self._polling.now(wait)
        return {"polled": polled, **self._tell(request)["status"]["release"]}

    def _feedback(self, request: Mapping[str, Any]) -> dict[str, Any]:
        request_id, row, label = str(request["request_id"]), int(request["row"]), str(request["label"])
        self._ship()  # the event may still lie in the spool
        event = events.get(self._db, f"{request_id}:{row}")
        caller = request.get("caller")
        known = dict(request.get("labels") or {}).get(event["problem"]) if event else None
        if event is not None and event["caller"] == caller and known is not None and label not in known:
            message = f"The model of {event['problem']} has no label {label[:60]!r}."
            raise FeedbackRefused(message, (Issue("/label", "label_unknown", message),))
        events.add_label(
            self._db, request_id=request_id, row=row, label=label, caller=caller, at=self._clock()
        )
        return {}


def run(settings: Settings) -> int:
    """Be the agent of this host until SIGTERM or SIGINT; returns the exit code.

    Raises ``SettingsError`` when another agent works in the same run folder.
    """
    settings.run.mkdir(parents=True, exist_ok=True)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with only_one(settings.run / "agent.lock", "agent"):
        Agent(settings, clock=lambda: datetime.now(UTC)).run(stopped)
    return 0


def main() -> int:
    """The program: settings from the environment, one sentence and an exit code for a named error."""
    logs.setup()
    try:
        return run(settings_module.load())
    except ArtPulseError as error:
        log.error(error.message, extra={"fields": {"code": error.code}})
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
