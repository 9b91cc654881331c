"""Fixtures that more than one package of tests uses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from artpulse_core import settings as settings_module
from artpulse_core.settings import Settings
from tests.databases import whole_file


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated MLflow database a session: a new one costs 2.5 CPU seconds."""
    from artpulse_core.control.registry import Registry

    home = tmp_path_factory.mktemp("mlflow-store")
    Registry(settings_module.load({}, home=home)).aliases("nobody")
    whole_file(home / "mlflow.db")
    return home / "mlflow.db"


@pytest.fixture
def mlflow_home(tmp_path: Path, mlflow_store: Path) -> Settings:
    """Settings of a fresh home whose MLflow store is real, migrated and empty."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(mlflow_store, home / "mlflow.db")
    return settings_module.load({}, home=home)
