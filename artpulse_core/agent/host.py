"""One host's agent: its parts put together, and its life.

Belongs here: which part works in which rhythm. Each rhythm has a thread of its own, so that a registry that hangs
stops no event and no rollout from being stopped. Does not belong here: what a part does.
"""

from __future__ import annotations

import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from artpulse_core.agent import listen, noted, upkeep
from artpulse_core.agent.alone import only_one
from artpulse_core.agent.noted import Noted
from artpulse_core.agent.operations import Operations
from artpulse_core.agent.pull import Puller
from artpulse_core.agent.rhythm import Rhythm
from artpulse_core.agent.seeding import Seed
from artpulse_core.agent.ship import ship
from artpulse_core.agent.socket import ANSWER_SECONDS, DEADLINE_SECONDS, LONGEST_DEADLINE, ControlSocket
from artpulse_core.agent.status import this_host
from artpulse_core.agent.watch import Watch
from artpulse_core.control import promotion
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, FeedbackRefused, Issue, StoreError
from artpulse_core.exchange import release as releases
from artpulse_core.settings import Settings
from artpulse_core.store import events
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
SHIP_SECONDS = 0.5
NOTE_SECONDS = 0.25
FOLLOW_SECONDS = 1.0
REPORT_SECONDS = 1.0
PING_SECONDS = 5.0
LAST_SHIP_SECONDS = 10.0
LAST_WORD_SECONDS = 2.0


class Agent:
    """One host's agent; ``clock`` gives the time, aware."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime]) -> None:
        """Open nothing yet but the engine. Raises ``StoreError`` for a database URL that cannot be used."""
        chance = random.Random(os.getpid())  # noqa: S311 - spreads hosts over the interval, keeps no secret

        def jitter() -> float:
            return chance.uniform(0.9, 1.1)

        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._db = Database(settings.database)
        self._registry = Registry(settings)
        self._puller = Puller(settings, self._registry, self._db, clock=clock, jitter=jitter)
        self._noted = Noted(settings.run, os.getpid(), clock)
        host = upkeep.name_of(settings)
        self._reporter = upkeep.Reporter(self._db, host, clock)
        self._seed = Seed(settings, self._db, self._registry)
        self._watcher = Watch(self._db, self._registry, f"agent:{host}", clock)
        self._shipping = threading.Lock()
        self._migrated = threading.Event()
        self._polling = Rhythm(self._poll, lambda: settings.poll_seconds * jitter())
        self._emptying = Rhythm(self._ship, lambda: SHIP_SECONDS)
        self._rhythms = (
            self._polling,
            self._emptying,
            Rhythm(self._follow, lambda: FOLLOW_SECONDS),
            Rhythm(self._watch, lambda: self._watcher.pause * jitter()),
            Rhythm(self._report, lambda: REPORT_SECONDS),
            Rhythm(self._noted.write, lambda: NOTE_SECONDS),
            Rhythm(self._purge, lambda: upkeep.PURGE_SECONDS * jitter() if self._migrated.is_set() else 1.0),
        )

    def run(self, stopped: threading.Event) -> None:
        """Work until ``stopped`` is set, then ship what is left."""
        control = Operations(
            self._settings, self._db, self._registry, clock=self._clock, poll=self._polling.ask
        )
        operations = {
            "status": self._tell,
            "notify": self._notify,
            "feedback": self._feedback,
            **control.table(),
        }
        ear = ControlSocket(self._settings.socket, operations)
        works: list[Callable[[], None]] = [rhythm.run for rhythm in self._rhythms]
        works.append(lambda: listen.listen(self._db, self._polling.ask, stopped, self._jitter))
        threads = [
            threading.Thread(target=self._guarded, args=(work, stopped), daemon=True) for work in works
        ]
        try:
            if not stopped.is_set():
                for thread in threads:
                    thread.start()
                log.info("agent started", extra={"fields": {"pid": os.getpid()}})
            stopped.wait()
        finally:
            ear.close()
            for rhythm in self._rhythms:
                rhythm.stop()
            if threads[1].is_alive():
                threads[1].join(LAST_SHIP_SECONDS)  # the others may hang, and have nothing that would be lost
            self._ship()
            ends = time.monotonic() + LAST_WORD_SECONDS
            for thread in threads[2:]:
                if thread.is_alive():
                    thread.join(max(ends - time.monotonic(), 0.0))
            self._noted.write()
            if self._migrated.is_set():
                self._reporter.leave()
            self._db.dispose()
            log.info("agent stopped", extra={"fields": self._noted.document()["events"]})

    def _guarded(self, work: Callable[[], None], stopped: threading.Event) -> None:
        try:
            work()
        except Exception:
            log.exception("agent failed")  # the parent starts it anew
            stopped.set()
            raise

    # The rhythms --------------------------------------------------------------------------------------------
    def _poll(self) -> None:
        self._noted.asked()
        if self._migrated.is_set():
            self._settle()
        try:
            pulled = self._puller.poll()
        except OSError as error:
            self._noted.part("run_folder", str(error))
            return
        except ArtPulseError as error:
            log.error("poll failed", extra={"fields": {"reason": str(error)}})
            return
        finally:
            self._noted.asked(over=True)
        self._noted.part("registry", pulled.registry_error)
        self._noted.part("run_folder", pulled.folder_error)
        self._noted.say(
            release={"sequence": pulled.release.sequence if pulled.release else None},
            failures=noted.failures(pulled.failures),
            secondary_failures=noted.failures(pulled.secondary_failures),
        )

    def _settle(self) -> None:
        try:
            for row in promotion.recover(self._db, self._registry, self._clock()):
                names = ("sequence", "action", "model", "state")
                log.warning("open change settled", extra={"fields": {n: getattr(row, n) for n in names}})
            if self._seed.sow(self._clock()):
                log.warning("rollout started from the settings")
        except ArtPulseError as error:
            log.warning("open changes wait", extra={"fields": {"reason": error.message}})

    def _ship(self) -> None:
        # One at a time: feedback ships too.
        with self._shipping:
            try:
                if not self._migrated.is_set():
                    self._db.migrate()
                    self._migrated.set()
                self._empty()
                if self._noted.silent("database") > PING_SECONDS:
                    self._db.ping()
                    self._noted.part("database", None)
            except (StoreError, OSError) as error:
                self._noted.part("database", str(error))

    def _empty(self) -> None:
        try:
            done = ship(self._db, self._settings.run / "spool", lambda: self._noted.part("database", None))
        except OSError as error:
            self._noted.part("spool", str(error))
            return
        self._noted.part("spool", None)
        self._noted.count(shipped=done.stored, refused=done.refused, torn=done.bad)

    def _follow(self) -> None:
        try:
            if self._puller.follow():
                release = releases.read(self._settings.run)
                self._noted.say(release={"sequence": release.sequence if release else None})
        except (ArtPulseError, OSError, ValueError) as error:
            log.debug("table not followed", extra={"fields": {"reason": str(error)}})  # shipping says it

    def _watch(self) -> None:
        if not self._migrated.is_set():
            return
        try:
            release = releases.read(self._settings.run)
        except (ValueError, OSError):
            return  # the poll writes it anew
        self._noted.say(rollout_watch=self._watcher.look(release))

    def _report(self) -> None:
        if not self._migrated.is_set():
            return
        try:
            self._reporter.report(this_host(self._settings, self._noted.document()))
        except (StoreError, OSError) as error:
            log.debug("host not reported", extra={"fields": {"reason": str(error)}})

    def _purge(self) -> None:
        if not self._migrated.is_set():
            return
        try:
            days = self._settings.events_retention_days
            self._noted.count(purged=upkeep.purge(self._db, self._clock(), days))
        except StoreError as error:
            log.warning("old events stay for now", extra={"fields": {"reason": error.message}})

    # Operations of the socket -------------------------------------------------------------------------------
    def _tell(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"status": self._noted.document()}

    def _notify(self, request: Mapping[str, Any]) -> dict[str, Any]:
        deadline = min(float(request.get("deadline", DEADLINE_SECONDS)), LONGEST_DEADLINE)
        wait = deadline - 2 * ANSWER_SECONDS  # a way back sooner than the socket gives up
        polled = self._polling.now(wait)
        return {"polled": polled, **self._noted.document()["release"]}

    def _feedback(self, request: Mapping[str, Any]) -> dict[str, Any]:
        request_id, row, label = str(request["request_id"]), int(request["row"]), str(request["label"])
        self._ship()  # the event may still lie in the spool
        event = events.get(self._db, f"{request_id}:{row}")
        caller = request.get("caller")
        known = dict(request.get("labels") or {}).get(event["problem"]) if event else None
        if event is not None and event["caller"] == caller and known is not None and not _truth(label, known):
            message = f"The model of {event['problem']} has no label {label[:60]!r}."
            if not known:
                message = f"The model of {event['problem']} answers values: send the true one as `value`."
            raise FeedbackRefused(message, (Issue("/label", "label_unknown", message),))
        events.add_label(
            self._db, request_id=request_id, row=row, label=label, caller=caller, at=self._clock()
        )
        return {}


def _truth(text: str, labels: Sequence[str]) -> bool:
    """Whether ``text`` can be the truth: one of the labels, or a number where a model has none."""
    if labels:
        return text in labels
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def run(settings: Settings, stopped: threading.Event) -> None:
    """Be the agent of this host until ``stopped``; raises ``SettingsError`` when another one works in this folder."""
    settings.run.mkdir(parents=True, exist_ok=True)
    with only_one(settings.run / "agent.lock", "agent"):
        Agent(settings, clock=lambda: datetime.now(UTC)).run(stopped)
