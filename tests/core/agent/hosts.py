"""One host's puller for tests, with a clock that a test moves and a trial that counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from artpulse_core.agent.pull import Puller
from artpulse_core.control.registry import Registry
from artpulse_core.errors import BundleError, RegistryError
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease
from tests.core.control.conftest import NOW, House


class Host:
    """A puller on the house's files."""

    def __init__(self, house: House, registry: Registry | None = None) -> None:
        self.now: datetime = NOW
        self.tried: list[str] = []
        self.refuse = ""
        self.run = house.settings.run
        self.puller = Puller(
            house.settings,
            registry or house.registry,
            house.db,
            clock=lambda: self.now,
            jitter=lambda: 1.0,
            trial=self._trial,
        )

    def _trial(self, _folder: Path, digest: str) -> None:
        self.tried.append(digest)
        if self.refuse:
            raise BundleError(self.refuse)

    @property
    def served(self) -> ProblemRelease:
        """What is published for the one problem."""
        release = releases.read(self.run)
        assert release is not None
        return release.problems["art_core5"]

    @property
    def sequence(self) -> int | None:
        """The release's number, None without one."""
        release = releases.read(self.run)
        return release.sequence if release else None


def away(*_: Any, **__: Any) -> Any:
    """What a registry that is away answers."""
    raise RegistryError("The model registry failed: away")
