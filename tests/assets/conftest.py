"""One lane trained once a session on generated pictures, copied for each test; and small tables of numbers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from artpulse_assets import instance as instances
from artpulse_assets.jobs import train_name
from artpulse_assets.pipeline import estimators
from artpulse_core import settings as settings_module
from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.generator import generate
from artpulse_core.data.problems import Problem
from artpulse_core.settings import Settings
from artpulse_core.store.database import Database
from tests.databases import whole_file

PER_LABEL = 36
SEED = 3
EFFORT = "quick"  # shorter learning curves; the same candidates compete
NAME = "art_core5"
MODEL = "artpulse-classifier"
FEWER = {"random_forest": {"n_estimators": 20}, "hist_gradient_boosting": {"max_iter": 8}}


@pytest.fixture(scope="session", autouse=True)
def _fast_candidates() -> Iterator[None]:
    """The same estimators with fewer trees: a session trains them a few times."""
    real = estimators.parameters

    def fewer(algorithm: str, *more: Any) -> dict[str, Any]:
        return {**real(algorithm, *more), **FEWER.get(algorithm, {})}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "parameters", fewer)
        yield


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of generated pictures, painted once; never written to by a test."""
    root = tmp_path_factory.mktemp("pictures") / "art"
    generate(root, per_label=PER_LABEL, seed=SEED)
    return root


@dataclass
class Lane:
    """An installation with its own pictures, MLflow store, database and Dagster instance."""

    settings: Settings
    lines: list[str]

    @property
    def pictures(self) -> Path:
        """The folder this installation learns from."""
        return self.settings.data / "art"

    @property
    def registry(self) -> Registry:
        """A fresh client."""
        return Registry(self.settings)

    @property
    def aliases(self) -> dict[str, int]:
        """The aliases as a fresh client sees them."""
        return self.registry.aliases(MODEL)

    def database(self) -> Database:
        """The ArtPulse database; the caller disposes of it."""
        return Database(self.settings.database)

    def instance(self) -> dg.DagsterInstance:
        """The Dagster instance that remembers the runs."""
        return instances.instance(self.settings)

    def run(self, job: str = train_name(NAME)) -> dg.ExecuteInProcessResult:
        """Run a job in this process; raises ``RunFailed``."""
        return instances.run_job(job, self.settings, self.lines.append)

    def runs(self) -> list[Any]:
        """Every MLflow run, newest first."""
        import mlflow

        experiment = self.registry.experiment()
        return list(mlflow.MlflowClient(self.settings.tracking_uri).search_runs([experiment]))


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """The metadata of one materialization of a run, plain."""
    (event,) = result.asset_materializations_for_node(f"{NAME}__{asset.replace('/', '__')}")
    return {key: value.value for key, value in event.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """The check evaluations of a run by ``asset:check``."""
    return {
        f"{item.asset_key.path[-1]}:{item.check_name}": item for item in result.get_asset_check_evaluations()
    }


@pytest.fixture(scope="session")
def _trained(
    tmp_path_factory: pytest.TempPathFactory, mlflow_store: Path, pictures: Path
) -> tuple[Path, dg.ExecuteInProcessResult]:
    home = tmp_path_factory.mktemp("trained") / "home"
    home.mkdir()
    shutil.copy(mlflow_store, home / "mlflow.db")
    shutil.copytree(pictures, home / "data" / "art", copy_function=shutil.copy2)
    with pytest.MonkeyPatch.context() as patch:
        for name in settings_module.variables():
            patch.delenv(name, raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setenv("ARTPULSE_HOME", str(home))
        patch.setenv("ARTPULSE_EFFORT", EFFORT)
        result = Lane(settings_module.load(), []).run()
    for name in ("mlflow.db", "artpulse.db"):
        whole_file(home / name)
    return home, result


@pytest.fixture
def first_run(_trained: tuple[Path, dg.ExecuteInProcessResult]) -> dg.ExecuteInProcessResult:
    """What the first training of the session came to."""
    return _trained[1]


@pytest.fixture
def lane(
    _trained: tuple[Path, dg.ExecuteInProcessResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Lane:
    """A copy of the trained installation; logged MLflow artifacts are read where they were made."""
    home = tmp_path / "home"
    shutil.copytree(_trained[0], home, copy_function=shutil.copy2)
    return _open(home, monkeypatch)


@pytest.fixture
def empty_lane(mlflow_home: Settings, monkeypatch: pytest.MonkeyPatch) -> Lane:
    """An installation without pictures and without a model."""
    return _open(mlflow_home.home, monkeypatch)


def _open(home: Path, monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ARTPULSE_HOME", str(home))
    monkeypatch.setenv("ARTPULSE_EFFORT", EFFORT)
    return Lane(settings_module.load(), [])


@pytest.fixture(scope="session")
def problem() -> Problem:
    """The shipped problem of five features."""
    return problems.read(problems.SHIPPED / f"{NAME}.toml")
