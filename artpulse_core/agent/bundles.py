"""The bundles on this host: brought, verified, tried, kept and removed.

Belongs here: one folder a digest. Does not belong here: which versions are wanted (``pull``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from artpulse_core.control.registry import Registry
from artpulse_core.data.problems import Problem
from artpulse_core.errors import BundleError, RegistryError, StoreError
from artpulse_core.exchange.release import Slot
from artpulse_core.model import bundle
from artpulse_core.model.bundle import Manifest
from artpulse_core.store import changes
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
BUNDLES = "bundles"


class Bundles:
    """The bundle store below the run folder; used from one thread."""

    def __init__(
        self, run: Path, registry: Registry, db: Database, trial: Callable[[Path, str], None]
    ) -> None:
        """``trial`` raises ``BundleError`` for a bundle that cannot answer; it is asked once a digest."""
        self._run = run
        self._folder = run / BUNDLES
        self._registry = registry
        self._db = db
        self._trial = trial
        self._good: dict[str, Manifest] = {}

    def bring(self, problem: Problem, version: int, alias: str) -> Slot:
        """The version as a slot, once it is here, whole, and has given its golden answers.

        Raises ``BundleError``, ``RegistryError`` or ``OSError``.
        """
        digest = self.digest(problem.model, version)
        folder = self._folder / digest.removeprefix("sha256:")
        slot = Slot(alias, version, digest, f"{BUNDLES}/{folder.name}")
        if folder.exists():
            with contextlib.suppress(BundleError):
                self._take(problem, digest, folder)
                return slot
            shutil.rmtree(folder)
        self._registry.download(problem.model, version, folder)
        try:
            self._take(problem, digest, folder)
        except BundleError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return slot

    def whole(self, slot: Slot) -> bool:
        """Whether a bundle that was published before can still be served; read once a start."""
        folder = self._run / slot.path
        if slot.digest in self._good:
            return folder.is_dir()
        try:
            manifest = bundle.verify(folder, slot.digest)
        except BundleError as error:
            log.warning("served bundle is damaged on disk", extra={"fields": {"reason": str(error)}})
            return False
        self._good[slot.digest] = manifest  # its answers were tried before it was published
        return True

    def same_contract(self, one: Slot, other: Slot) -> bool:
        """Whether two bundles that are here take and give the same fields, byte for byte."""
        return self._good[one.digest].contract_digest == self._good[other.digest].contract_digest

    def digest(self, model: str, version: int) -> str:
        """The digest of a version as it was registered; raises ``BundleError`` or ``RegistryError``."""
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
        if row is not None and row.rollout is not None and row.rollout.get("digest") != info.digest:
            raise BundleError(
                f"The digest of version {version} of {model} is not the one that was registered."
            )
        return info.digest

    def clean(self, served: Collection[str], left: Collection[str], spare: int) -> None:
        """Keep the digests in ``served`` and the ``spare`` newest others; remove the rest and broken downloads.

        What is in ``left`` was served until now and counts as new.
        """
        if not self._folder.is_dir():
            return
        names = {digest.removeprefix("sha256:") for digest in served}
        for digest in left:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._folder / digest.removeprefix("sha256:"))
        others = [path for path in self._folder.iterdir() if path.name not in names]
        whole = [path for path in others if not path.name.startswith(".")]
        whole.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in {*others} - {*whole[:spare]}:
            shutil.rmtree(path, ignore_errors=True)
            self._good.pop(f"sha256:{path.name}", None)

    def _take(self, problem: Problem, digest: str, folder: Path) -> None:
        manifest = bundle.verify(folder, digest)
        if manifest.problem != problem.name:
            raise BundleError(f"The bundle answers the problem {manifest.problem!r}, not {problem.name!r}.")
        if digest not in self._good:
            self._trial(folder, digest)
            self._good[digest] = manifest
