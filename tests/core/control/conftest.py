"""A house with a real database and a real MLflow store, and a registry that breaks where a test says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from artpulse_core import settings as settings_module
from artpulse_core.control import lineage, promotion, registration, traffic
from artpulse_core.control.registry import Registry
from artpulse_core.control.rollout import Rollout
from artpulse_core.errors import RegistryError
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.bundles import make_bundle
from tests.databases import whole_file

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = "artpulse-classifier"
YES = {"decision": "promote", "rules": []}


class Breaking(Registry):
    """A registry that raises ``error`` before (or after) the n-th call of ``method``."""

    def __init__(
        self, settings: Settings, method: str, error: type[BaseException], *, after: bool, nth: int = 1
    ) -> None:
        super().__init__(settings)
        self.broken = False
        self._left = nth
        real: Callable[..., Any] = getattr(self, method)

        def call(*args: Any, **fields: Any) -> Any:
            self._left -= 1
            if self._left != 0:
                return real(*args, **fields)
            self.broken = True
            if after:
                real(*args, **fields)
            raise error("broken by the test")

        setattr(self, method, call)


class Away(Registry):
    """A registry that does not answer."""

    def _client(self) -> Any:
        raise RegistryError("away")


@dataclass
class House:
    """Everything a change needs."""

    settings: Settings
    db: Database
    registry: Registry
    folder: Path
    made: list[int] = field(default_factory=list)

    def register(self, seed: int = 0, registry: Registry | None = None) -> int:
        """Register a new version made from ``seed``."""
        place = self.folder / f"made-{len(self.made)}-{os.getpid()}"
        self.made.append(seed)
        return self.register_folder(place, make_bundle(place, seed=seed), f"key-{seed}", registry)

    def register_folder(self, place: Path, digest: str, key: str, registry: Registry | None = None) -> int:
        """Register the bundle in ``place``."""
        run_id = self.registry.start_run("test")
        return registration.register(
            self.db, registry or self.registry, problem="art_core5", model=MODEL, bundle_dir=place, digest=digest,
            run_id=run_id, key=key, tags={"algorithm": "linear"}, actor="test", reason="made by a test", now=NOW,
        )  # fmt: skip

    def promote(
        self, version: int, expected: int | None, registry: Registry | None = None, **over: Any
    ) -> Any:
        """Promote with a favourable verdict."""
        fields: dict[str, Any] = {"actor": "test", "reason": "better", "verdict": YES, "now": NOW, **over}
        return promotion.promote(
            self.db, registry or self.registry, MODEL, version, expected=expected, **fields
        )

    def rollback(self, registry: Registry | None = None, **over: Any) -> Any:
        """Roll back."""
        fields: dict[str, Any] = {"actor": "test", "reason": "worse", "now": NOW, **over}
        return promotion.rollback(self.db, registry or self.registry, MODEL, **fields)

    def adopt(self, registry: Registry | None = None, **over: Any) -> Any:
        """Let the table follow the champion alias."""
        fields: dict[str, Any] = {"actor": "test", "reason": "moved in the UI", "now": NOW, **over}
        return promotion.adopt(self.db, registry or self.registry, MODEL, **fields)

    def freeze(self, frozen: bool = True, registry: Registry | None = None, **over: Any) -> Any:
        """Freeze or lift."""
        fields: dict[str, Any] = {"actor": "night watch", "reason": "a quiet night", "now": NOW, **over}
        return promotion.freeze(self.db, registry or self.registry, MODEL, frozen=frozen, **fields)

    def start(self, version: int, expected: int | None, registry: Registry | None = None, **over: Any) -> Any:
        """Start a canary with a favourable verdict."""
        fields: dict[str, Any] = {
            "mode": "canary", "actor": "test", "reason": "try it", "verdict": YES, "now": NOW, **over
        }  # fmt: skip
        return traffic.start(self.db, registry or self.registry, MODEL, version, expected=expected, **fields)

    def set_percent(self, percent: float, registry: Registry | None = None, **over: Any) -> Any:
        """Set the share of the secondary."""
        fields: dict[str, Any] = {"actor": "test", "reason": "go on", "now": NOW, **over}
        return traffic.set_percent(self.db, registry or self.registry, MODEL, percent, **fields)

    def pause(self, registry: Registry | None = None, **over: Any) -> Any:
        """Pause the rollout."""
        fields: dict[str, Any] = {"actor": "test", "reason": "wait", "now": NOW, **over}
        return traffic.pause(self.db, registry or self.registry, MODEL, **fields)

    def abort(self, registry: Registry | None = None, **over: Any) -> Any:
        """Abort the rollout."""
        fields: dict[str, Any] = {"actor": "test", "reason": "stop", "now": NOW, **over}
        return traffic.abort(self.db, registry or self.registry, MODEL, **fields)

    @property
    def rows(self) -> list[changes.Change]:
        """The changes of the model, newest first."""
        return changes.history(self.db, MODEL)

    @property
    def state(self) -> Rollout:
        """What is routed where by the table."""
        return lineage.state_of(self.rows)

    @property
    def aliases(self) -> dict[str, int]:
        """The aliases as a fresh client sees them."""
        return Registry(self.settings).aliases(MODEL)


def opened_house(settings: Settings, folder: Path) -> House:
    """A house on ``settings``, its database up to date."""
    db = Database(settings.database)
    db.migrate()
    return House(settings, db, Registry(settings), folder)


@pytest.fixture
def house(mlflow_home: Settings, tmp_path: Path) -> Iterator[House]:
    """Nothing registered yet."""
    house = opened_house(mlflow_home, tmp_path)
    yield house
    house.db.dispose()


@pytest.fixture(scope="session")
def three_versions(mlflow_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of ``three``, made once: logging three models costs most of a second."""
    folder = tmp_path_factory.mktemp("three")
    home = folder / "home"
    home.mkdir()
    shutil.copy(mlflow_store, home / "mlflow.db")
    house = opened_house(settings_module.load({}, home=home), folder)
    for seed in range(3):
        house.register(seed)
        if seed < 2:
            house.promote(seed + 1, seed or None)
    house.db.dispose()
    for name in ("mlflow.db", "artpulse.db"):
        whole_file(home / name)
    return home


@pytest.fixture
def three(three_versions: Path, tmp_path: Path) -> Iterator[House]:
    """Three versions; 2 is champion after 1, 3 is challenger. Artifacts stay where they were made."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("mlflow.db", "artpulse.db"):
        shutil.copy(three_versions / name, home / name)
    house = opened_house(settings_module.load({}, home=home), tmp_path)
    yield house
    house.db.dispose()
