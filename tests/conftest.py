"""What tests of several packages share: an environment in which nothing is set, and a real MLflow store."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

import pytest

from artpulse_core import settings as settings_module
from artpulse_core.settings import Settings
from tests.databases import whole_file

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read once, when MLflow is imported


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings never reach a test."""
    for name in settings_module.variables():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated MLflow database a session: a new one costs 2.5 CPU seconds."""
    from artpulse_core.control.registry import Registry

    home = tmp_path_factory.mktemp("mlflow-store")
    Registry(settings_module.load({}, home=home)).aliases("nobody")
    whole_file(home / "mlflow.db")
    from mlflow.store.db import utils

    # Every store that is opened reads some seventy migration files to learn the newest, 0.2 CPU seconds each time.
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    return home / "mlflow.db"


@pytest.fixture
def mlflow_home(tmp_path: Path, mlflow_store: Path) -> Settings:
    """Settings of a fresh home whose MLflow store is real, migrated and empty."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(mlflow_store, home / "mlflow.db")
    return settings_module.load({}, home=home)
