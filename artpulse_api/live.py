"""The models in service: one immutable snapshot a worker, swapped when the agent publishes a release.

Belongs here: watching ``release.json``, loading beside the old, the golden check, the swap, the worker's report. Does
not belong here: deciding what is served (the agent writes that), the split between slots (``slots``), the network.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from artpulse_api import surroundings
from artpulse_api.metrics import Metrics
from artpulse_api.slots import Served, Service, SlotName, Snapshot
from artpulse_core.errors import BundleError
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot, WorkerStatus
from artpulse_core.model import bundle, golden
from artpulse_core.model.predictor import Predictor

log = logging.getLogger("artpulse.api")
INTERVAL_SECONDS = 0.25
AGE_TICKS = (
    8  # ages grow: the gauges are set every two seconds, and at once when the agent has something to say
)
RETRY_TICKS = 40  # a load that failed is tried again after ten seconds, the release being the same
Signature = tuple[int, int, int]


class Live:
    """Holds the current snapshot; read ``current`` once a request."""

    def __init__(self, run: Path, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.current = Snapshot()
        self._run = run
        self._metrics = metrics
        self._clock = clock
        self._seen: Signature | None = None
        self._told: Signature | None = None
        self._reported = True
        self._ticks = 0
        self._stop = threading.Event()

    def start(self) -> None:
        """Load what is published now, then watch for more in a thread of this process; call it after the fork."""
        self.refresh()
        threading.Thread(target=self._watch, name="release-watch", daemon=True).start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()

    def refresh(self) -> bool:
        """Look at ``release.json`` once; True when a new snapshot was put in place."""
        self._ticks += 1
        signature = _signature(self._run / releases.FILE)
        again = bool(self.current.failures) and self._ticks % RETRY_TICKS == 0
        if signature == self._seen and not again:
            return False
        try:
            release = releases.read(self._run)
        except (OSError, ValueError) as error:
            log.error("release.json cannot be used, the old release keeps answering: %s", error)
            self._seen = signature
            return False
        self._seen = signature
        if release is not None:
            self._swap(release)
        return release is not None

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            try:
                self.refresh()
                told = _signature(self._run / surroundings.FILE)
                if told != self._told or self._ticks % AGE_TICKS == 0:
                    self._told = told
                    self._age()
                    if not self._reported:
                        self._write_report()
            except Exception:
                log.exception("watching the release failed; the old one keeps answering")

    def _swap(self, release: Release) -> None:
        before = self.current
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        services: dict[str, Served] = {}
        failures: dict[str, str] = {}
        for problem, item in release.problems.items():
            old = before.problems.get(problem)
            try:
                services[problem], failure = self._load(problem, item, old, now)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with new files, the old model answers on
                failures[problem] = str(error)
                if old is not None:
                    services[problem] = old.alone()  # its rollout is not what is released now
            else:
                failures |= {f"{problem}:secondary": failure} if failure else {}
        self.current = Snapshot(release.sequence, services, release.problems, failures, now)
        self._tell(before)

    def _load(self, problem: str, item: ProblemRelease, old: Served | None, now: str) -> tuple[Served, str]:
        """The slots of one problem, and why the secondary is missing; raises when the primary cannot be loaded."""
        loaded = [service for service in (old.primary, old.secondary) if service] if old else []

        def service(name: SlotName, slot: Slot) -> Service:
            known = [one for one in loaded if one.slot.digest == slot.digest]
            predictor = known[0].predictor if known else _open(self._run / slot.path, slot.digest, problem)
            since = next((one.since for one in known if one.name == name), now)
            return Service(problem, item.model, name, slot, predictor, since)

        primary = service("primary", item.primary)
        if item.secondary is None:
            return Served(item, primary), ""
        try:
            secondary = service("secondary", item.secondary)
            _same_contract(primary, secondary)
        except Exception as error:  # noqa: BLE001 - the primary answers the share of a secondary that cannot
            return Served(item, primary), str(error) or type(error).__name__
        return Served(item, primary, secondary), ""

    def _tell(self, before: Snapshot) -> None:
        """Log new failures, set the gauges, write this worker's report."""
        after = self.current
        for name, message in after.failures.items():
            self._metrics.load_failure(name.partition(":")[0])
            if before.failures.get(name) != message:  # it is tried again every few seconds
                log.error("%s of release %d was not loaded: %s", name, after.sequence, message)
        for snapshot, on in ((before, False), (after, True)):
            for problem, served in snapshot.problems.items():
                for service in (served.primary, served.secondary):
                    if service is not None:
                        slot = service.slot
                        self._metrics.serving(problem, slot.alias, str(slot.version), slot.digest[:19], on=on)
        for problem in {*before.problems, *after.problems}:
            found = after.problems.get(problem)
            self._metrics.rollout(
                problem, found.released.mode if found else "", found.percent if found else 0.0
            )
        self._age()
        self._write_report()

    def _write_report(self) -> None:
        """Report to the agent; a report that the disk did not take is written by the watch later, and said once."""
        snapshot = self.current
        problems = {problem: _report(served) for problem, served in snapshot.problems.items()}
        status = WorkerStatus(os.getpid(), snapshot.sequence, snapshot.loaded_at, problems, snapshot.failures)
        try:
            releases.write_worker(self._run, status)
        except OSError as error:
            if self._reported:
                log.error("this worker's report was not written: %s", error)
            self._reported = False
        else:
            self._reported = True

    def _age(self) -> None:
        now = self._clock()
        ages = [
            (problem, now - _moment(served.primary.predictor.bundle.manifest.created_at, now))
            for problem, served in self.current.problems.items()
        ]
        around = surroundings.read(self._run, now)
        self._metrics.ages(self.current.sequence, ages, around.registry_age)
        self._metrics.refused({*self.current.problems, *around.refused}, around.refused)


def _open(folder: Path, digest: str, problem: str) -> Predictor:
    """Load and warm up one bundle; raises ``BundleError`` unless it gives its golden answers."""
    loaded = bundle.load(folder, digest)
    if loaded.manifest.problem != problem:
        raise BundleError(f"The bundle was made for {loaded.manifest.problem}, not for {problem}.")
    predictor = Predictor(loaded)
    golden.check(predictor)
    return predictor


def _same_contract(primary: Service, secondary: Service) -> None:
    one, other = (service.predictor.bundle.manifest for service in (primary, secondary))
    if one.contract_digest != other.contract_digest:
        raise BundleError(
            f"Version {secondary.slot.version} has another contract than version {primary.slot.version}, "
            "whose callers it would answer."
        )


def _report(served: Served) -> dict[str, Any]:
    """One problem in this worker's report; ``secondary`` is None unless it is loaded."""

    def identity(service: Service) -> dict[str, Any]:
        slot = service.slot
        return {"version": slot.version, "digest": slot.digest, "alias": slot.alias, "since": service.since}

    released, secondary = served.released, served.secondary
    return {
        **identity(served.primary),
        "mode": released.mode,
        "percent": released.percent,
        "secondary": identity(secondary) if secondary else None,
    }


def _signature(path: Path) -> Signature | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _moment(text: str, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return otherwise
