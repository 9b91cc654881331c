"""The models in service: one immutable snapshot a worker, swapped when the agent publishes a release.

Belongs here: watching ``release.json``, loading beside the old, the golden check, the swap, and choosing the slot
that answers. Does not belong here: deciding what is served (the agent writes that), or the network.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from artpulse_api import surroundings
from artpulse_api.metrics import Metrics
from artpulse_core.data.contract import Contract
from artpulse_core.errors import BundleError
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot, WorkerStatus
from artpulse_core.model import bundle, golden
from artpulse_core.model.predictor import Predictor

log = logging.getLogger("artpulse.api")
INTERVAL_SECONDS = 0.25
RETRY_TICKS = 40  # a load that failed is tried again after ten seconds, the release being the same
Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Service:
    """One loaded model version in one slot."""

    problem: str
    model: str
    name: str
    slot: Slot
    predictor: Predictor

    @property
    def contract(self) -> Contract:
        """The contract in the bundle, which is the one that counts."""
        return self.predictor.bundle.contract

    @property
    def uri(self) -> str:
        """The registered version, as MLflow writes it."""
        return f"models:/{self.model}/{self.slot.version}"


@dataclass(frozen=True)
class Served:
    """The slots of one problem."""

    released: ProblemRelease
    primary: Service
    secondary: Service | None = None

    def choose(self, routing: str) -> Service:
        """The slot that answers a request with this routing hash; the one place this is decided."""
        del routing  # a release in mode `single` has one answer for every key
        return self.primary


@dataclass(frozen=True)
class Snapshot:
    """What a worker answers from; ``failures`` names problems whose newest release could not be loaded."""

    sequence: int = 0
    problems: Mapping[str, Served] = field(default_factory=dict)
    released: Mapping[str, ProblemRelease] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    loaded_at: str = ""


class Live:
    """Holds the current snapshot; read ``current`` once a request."""

    def __init__(self, run: Path, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.current = Snapshot()
        self._run = run
        self._metrics = metrics
        self._clock = clock
        self._seen: Signature | None = None
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
                if self._ticks % 8 == 0:
                    self._age()
            except Exception:
                log.exception("watching the release failed; the old one keeps answering")

    def _swap(self, release: Release) -> None:
        before = self.current
        services: dict[str, Served] = {}
        failures: dict[str, str] = {}
        for problem, item in release.problems.items():
            try:
                services[problem] = self._load(problem, item, before.problems.get(problem))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with new files, the old model answers on
                failures[problem] = str(error)
                self._metrics.load_failure(problem)
                log.error("%s of release %d was not loaded: %s", problem, release.sequence, error)
                if problem in before.problems:
                    services[problem] = before.problems[problem]
        now = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        self.current = Snapshot(release.sequence, services, release.problems, failures, now)
        self._report(before)

    def _load(self, problem: str, item: ProblemRelease, old: Served | None) -> Served:
        before = [service for service in (old.primary, old.secondary) if service] if old else []
        known = {service.slot.digest: service.predictor for service in before}

        def service(name: str, slot: Slot) -> Service:
            predictor = known.get(slot.digest) or _open(self._run / slot.path, slot.digest, problem)
            return Service(problem, item.model, name, slot, predictor)

        secondary = service("secondary", item.secondary) if item.secondary else None
        return Served(item, service("primary", item.primary), secondary)

    def _report(self, before: Snapshot) -> None:
        after = self.current
        for snapshot, on in ((before, False), (after, True)):
            for problem, served in snapshot.problems.items():
                slot = served.primary.slot
                self._metrics.serving(problem, slot.alias, str(slot.version), slot.digest[:19], on=on)
        self._age()
        problems = {
            problem: {
                "version": served.primary.slot.version,
                "digest": served.primary.slot.digest,
                "alias": served.primary.slot.alias,
            }
            for problem, served in after.problems.items()
        }
        status = WorkerStatus(os.getpid(), after.sequence, after.loaded_at, problems, after.failures)
        try:
            releases.write_worker(self._run, status)
        except OSError as error:
            log.error("this worker's report was not written: %s", error)

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
    fields = loaded.contract.names
    if fields and fields != loaded.manifest.feature_names:
        raise BundleError("The fields of contract.json are not the features of the model, in its order.")
    predictor = Predictor(loaded)
    golden.check(predictor)
    return predictor


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
