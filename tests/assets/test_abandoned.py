"""What killed trainings leave: found, ended, swept, and never taken for work that goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from artpulse_assets import abandoned
from artpulse_assets.jobs import train_name
from artpulse_core import settings as settings_module
from artpulse_core.control import aliases
from artpulse_core.control.registry import Registry
from artpulse_core.data.generator import generate
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from tests.assets.conftest import MODEL, NAME, PER_LABEL, SEED, Lane

OLD = 1_700_000_000


def test_old_litter_goes_and_what_is_at_work_or_has_its_name_stays(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    old = [
        "cache/results/candidates/.making-a/model.onnx",
        "assets/art_core5/.raw.parquet.abc",
        "splits/.art_core5.json.abc",
        "cache/features/stamps/.00ff.npz.abc",
        "artifacts/art_core5/.quarantine.csv.abc",
    ]
    kept = [
        "cache/results/candidates/ff00/model.onnx",
        "assets/art_core5/raw.parquet",
        "splits/.art_core5.json.new",
    ]
    for name in (*old, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        if not name.endswith(".new"):
            os.utime(tmp_path / name, (OLD, OLD))
    os.utime(tmp_path / "cache/results/candidates/.making-a", (OLD, OLD))
    assert abandoned.sweep(settings, datetime.now(UTC)) == len(old)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(kept)


def test_runs_of_dead_processes_are_ended_and_those_of_living_and_foreign_ones_are_not(
    mlflow_home: Settings,
) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        process.wait()
    dead = abandoned.process().replace(f":{os.getpid()}:", f":{process.pid}:")
    registry = Registry(mlflow_home)
    tags = {
        "dead": dead,
        "alive": abandoned.process(),
        "elsewhere": f"another-host:{process.pid}:1",
        "of the UI": None,
    }

    @dg.job
    def train_it() -> None:
        """Nothing."""

    with dg.DagsterInstance.ephemeral() as instance:
        ids = {}
        for name, tag in tags.items():
            run = instance.create_run_for_job(train_it, tags={abandoned.PROCESS: tag} if tag else {})
            instance.report_engine_event("at work", run)
            ids[name] = run.run_id
        umbrella = registry.start_run("train_it")
        nested = registry.start_run("nested", {"dagster_run_id": ids["dead"]})
        other = registry.start_run("other", {"dagster_run_id": ids["alive"]})
        assert abandoned.settle_runs(instance, registry) == [ids["dead"]]
        canceled = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED]))
        assert [run.run_id for run in canceled] == [ids["dead"]]
    import mlflow

    client = mlflow.MlflowClient(mlflow_home.tracking_uri)
    assert [client.get_run(run).info.status for run in (umbrella, nested, other)] == [
        "KILLED",
        "KILLED",
        "RUNNING",
    ]


@pytest.mark.extended
def test_a_training_killed_between_registering_and_closing_is_settled_by_the_next(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing between here and the top cleans up after it."""

    def killed(*_args: Any) -> None:
        raise Killed

    generate(lane.pictures, per_label=4, seed=SEED, start=PER_LABEL)
    with monkeypatch.context() as patch:
        patch.setattr(aliases, "align", killed)
        with pytest.raises(BaseException):  # noqa: B017 - Dagster may wrap it
            lane.run(train_name(NAME))
    database = lane.database()
    assert [row.action for row in changes.open_rows(database)] == ["register"]
    assert lane.aliases == {"champion": 1}
    lane.run(train_name(NAME))
    assert changes.open_rows(database) == []
    assert lane.aliases == {"champion": 1, "challenger": 2}
    assert [info.version for info in lane.registry.versions(MODEL)] == [2, 1]
    database.dispose()
