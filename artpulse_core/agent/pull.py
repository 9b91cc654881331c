"""Registry → release: what the champion aliases say becomes what this host serves.

Belongs here: resolving aliases, fetching and trying bundles, publishing the release, keeping bundles that may be
needed again. A version that cannot be served leaves the old slot as it is; a registry that is away leaves the
whole release as it is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from artpulse_core.agent import check
from artpulse_core.control.promotion import CHAMPION
from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.errors import BundleError, RegistryError, StoreError
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot
from artpulse_core.model import bundle
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
BUNDLES = "bundles"
KEEP_SPARE = 2
FIRST_RETRY = timedelta(seconds=15)
LAST_RETRY = timedelta(minutes=10)


@dataclass(frozen=True)
class Failure:
    """A champion this host could not take over."""

    version: int
    message: str
    attempts: int
    next_at: datetime


@dataclass(frozen=True)
class Pulled:
    """One poll: the release that counts now, and what was wrong."""

    release: Release | None
    registry_error: str | None
    failures: Mapping[str, Failure] = field(default_factory=dict)


class Puller:
    """Polls for one host; used from one thread."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        db: Database,
        *,
        clock: Callable[[], datetime],
        trial: Callable[[Path, str], None] = check.in_child,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._db = db
        self._clock = clock
        self._trial = trial
        self._bundles = settings.run / BUNDLES
        self._tried: set[str] = set()
        self._failures: dict[str, Failure] = {}
        self._cleaned = False

    def poll(self) -> Pulled:
        """Look once, and publish a release if anything changed. Raises ``OSError`` when the disk is full."""
        before = self._published()
        found: dict[str, ProblemRelease] = {}
        registry_error = None
        for name, problem in problems.load(self._settings).items():
            old = before.problems.get(name) if before else None
            served = old
            if registry_error is None:
                try:
                    served = self._resolve(problem, old)
                except RegistryError as error:
                    registry_error = str(error)
            if served is not None:
                found[name] = served
        after = before
        if found and (before is None or found != before.problems):
            sequence = before.sequence + 1 if before else 1
            after = Release(sequence, self._clock().isoformat(), found)
            releases.write(self._settings.run, after)
            log.info("release published", extra={"fields": _summary(after)})
        if after is not before or not self._cleaned:
            self._clean(after, before)
        return Pulled(after, registry_error, dict(self._failures))

    def _published(self) -> Release | None:
        try:
            return releases.read(self._settings.run)
        except ValueError as error:
            log.error("release document ignored", extra={"fields": {"reason": str(error)}})
            return None

    def _resolve(self, problem: Problem, old: ProblemRelease | None) -> ProblemRelease | None:
        version = self._registry.aliases(problem.model).get(CHAMPION)
        if version is None:
            return old  # nothing to serve yet, or the alias was removed: what serves goes on
        if (
            old is not None
            and (old.model, old.primary.version) == (problem.model, version)
            and self._whole(old)
        ):
            self._failures.pop(problem.name, None)
            return replace(old, unaudited=self._unaudited(problem.model, version, old.unaudited))
        failed = self._failures.get(problem.name)
        if failed is not None and failed.version == version and self._clock() < failed.next_at:
            return old
        try:
            slot = self._bring(problem, version)
        except (BundleError, RegistryError) as error:
            self._fail(problem.name, version, str(error))
            return old
        self._failures.pop(problem.name, None)
        return ProblemRelease(
            problem.model, slot, unaudited=self._unaudited(problem.model, version, unknown=True)
        )

    def _whole(self, served: ProblemRelease) -> bool:
        slot = served.primary
        folder = self._settings.run / slot.path
        if slot.digest in self._tried:
            return folder.is_dir()
        try:
            bundle.verify(folder, slot.digest)
        except BundleError as error:
            log.warning("served bundle is damaged on disk", extra={"fields": {"reason": str(error)}})
            return False
        self._tried.add(slot.digest)  # its answers were tried before it was published
        return True

    def _bring(self, problem: Problem, version: int) -> Slot:
        digest = self._digest(problem.model, version)
        name = digest.removeprefix("sha256:")
        folder = self._bundles / name
        if folder.exists():
            with contextlib.suppress(BundleError):
                return self._take(problem, version, digest, folder)
            shutil.rmtree(folder)
        self._registry.download(problem.model, version, folder)
        try:
            return self._take(problem, version, digest, folder)
        except BundleError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _take(self, problem: Problem, version: int, digest: str, folder: Path) -> Slot:
        manifest = bundle.verify(folder, digest)
        if manifest.problem != problem.name:
            raise BundleError(f"The bundle answers the problem {manifest.problem!r}, not {problem.name!r}.")
        if digest not in self._tried:
            self._trial(folder, digest)
            self._tried.add(digest)
        return Slot(CHAMPION, version, digest, f"{BUNDLES}/{folder.name}")

    def _digest(self, model: str, version: int) -> str:
        info = self._registry.version(model, version)
        if info is None:
            raise RegistryError(f"{model} has no version {version}.")
        name = info.digest.removeprefix("sha256:")
        if not info.digest.startswith("sha256:") or len(name) != 64 or set(name) - set("0123456789abcdef"):
            raise BundleError(f"Version {version} of {model} carries no digest; register it with ArtPulse.")
        try:
            row = changes.registration(self._db, model, version)
        except StoreError:
            row = None  # the tag alone must do while the database is away
        if row is not None and row.rollout is not None and row.rollout["digest"] != info.digest:
            raise BundleError(
                f"The digest of version {version} of {model} is not the one that was registered."
            )
        return info.digest

    def _unaudited(self, model: str, version: int, unknown: bool) -> bool:
        try:
            row = changes.last_champion(self._db, model)
        except StoreError:
            return unknown
        return row is None or row.target != version

    def _fail(self, name: str, version: int, message: str) -> None:
        before = self._failures.get(name)
        attempts = before.attempts + 1 if before is not None and before.version == version else 1
        pause = min(FIRST_RETRY * 2 ** (attempts - 1), LAST_RETRY)
        self._failures[name] = Failure(version, message, attempts, self._clock() + pause)
        log.error(
            "champion refused",
            extra={"fields": {"problem": name, "version": version, "attempt": attempts, "reason": message}},
        )

    def _clean(self, after: Release | None, before: Release | None) -> None:
        """Keep what is served, what was served before, and the newest few; remove the rest and broken downloads."""
        if not self._bundles.is_dir() or after is None:
            return
        served = {Path(item.primary.path).name for item in after.problems.values()}
        left = {Path(item.primary.path).name for item in before.problems.values()} if before else set()
        for name in left - served:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._bundles / name)  # the newest of those that wait to be needed again
        spare = [path for path in self._bundles.iterdir() if path.name not in served]
        spare.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        whole = [path for path in spare if not path.name.startswith(".")]
        for path in {*spare} - {*whole[: KEEP_SPARE + len(after.problems)]}:
            shutil.rmtree(path, ignore_errors=True)
            self._tried.discard(f"sha256:{path.name}")
        self._cleaned = True


def _summary(release: Release) -> dict[str, object]:
    return {
        "sequence": release.sequence,
        "versions": {name: item.primary.version for name, item in release.problems.items()},
        "unaudited": [name for name, item in release.problems.items() if item.unaudited],
    }
