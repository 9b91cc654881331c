"""The graph is data, and this is its table: a changed graph is a changed line here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pytest

from artpulse_assets.definitions import build_defs, defs
from artpulse_assets.pipeline import quality
from artpulse_assets.pipeline.estimators import BLEND, SOFT_VOTE, field
from artpulse_core.data import problems

ROOT = Path(__file__).resolve().parents[2]
MODEL_KINDS = {"sklearn", "onnx", "mlflow"}
ROWS = {"raw", "features", "labelled_events", "split"}
REPORTS = {"drift_report", "performance_report"}
PROBLEMS = {
    name: problems.read(problems.SHIPPED / f"{name}.toml")
    for name in ("art_core5", "art", "housing", "heart")
}
FIELDS = {  # a lane's candidates; those of art depend on which feature set the installation has
    "art_core5": ("logistic_regression", "random_forest", "hist_gradient_boosting", "support_vector_machine"),
    "art": field(PROBLEMS["art"]),
    "housing": field(PROBLEMS["housing"]),
    "heart": ("logistic_regression", "random_forest", "support_vector_machine"),
}
Expected = dict[str, tuple[set[str], set[str], set[str]]]


def lane(name: str) -> Expected:
    """Asset: (what it is made from, kinds, checks)."""
    problem = PROBLEMS[name]
    single = {f"candidates/{algorithm}" for algorithm in FIELDS[name]}
    mean = f"candidates/{BLEND if problem.task == 'regression' else SOFT_VOTE}"
    every = single | {mean}
    pictures = name in {"art", "art_core5"}
    return {
        "raw": (set(), {"image" if pictures else "csv"}, {"every_file_counts"}),
        "features": ({"raw"}, {"numpy", "parquet"}, {"every_picture_read" if pictures else "every_row_read"}),
        "dataset": (
            {"features", "labelled_events"},
            {"pandera", "parquet"},
            {"schema", "enough_to_learn_from", "nothing_in_quarantine"},
        ),
        "split": ({"dataset"}, {"parquet"}, {"no_group_straddles"}),
        "eda": ({"split"}, {"matplotlib"}, set()),
        "data_quality": (ROWS, {"pandas"}, {item.name for item in quality.applicable(problem)}),
        "label_noise": ({*ROWS, "leaderboard"}, {"pandas"}, {"label_noise"}),
        **{algorithm: ({"split", "data_quality"}, MODEL_KINDS, set()) for algorithm in single},
        mean: ({"split", *single}, {"onnx", "mlflow"}, set()),
        "leaderboard": ({"split", *every}, {"matplotlib"}, {"beats_a_dummy"}),
        "challenger": (
            {"raw", "split", "leaderboard", *every},
            {"onnx", "mlflow"},
            {"gate", "golden_answers"},
        ),
        "champion": ({"challenger"}, {"mlflow"}, set()),
        "labelled_events": (set(), {"sql"}, set()),
        "drift_report": ({"champion"}, {"numpy", "sql"}, {"no_drift"}),
        "performance_report": ({"champion", "labelled_events"}, {"numpy", "sql"}, set()),
    }


GRAPH = {name: lane(name) for name in PROBLEMS}
VERSIONS = {
    **dict.fromkeys(("raw", "features", "labelled_events", "leaderboard"), "2"),
    **dict.fromkeys(REPORTS, "3"),
}


def code_version(asset: str) -> str:
    """A changed one makes what was computed stale, so it is changed knowingly."""
    return "7" if asset.startswith("candidates/") else VERSIONS.get(asset, "1")


def graph() -> Any:
    return defs.resolve_asset_graph()


def short(key: dg.AssetKey) -> str:
    return "/".join(key.path[1:])


def test_every_lane_has_these_assets_with_these_inputs_kinds_and_checks() -> None:
    nodes = {key: graph().get(key) for key in graph().get_all_asset_keys()}
    assert {key.path[0] for key in nodes} == set(PROBLEMS)
    for name in PROBLEMS:
        found = {
            short(key): (
                {short(parent) for parent in node.parent_keys},
                set(node.kinds),
                {check.name for check in node.check_keys},
            )
            for key, node in nodes.items()
            if key.path[0] == name
        }
        assert found == GRAPH[name]


def test_every_asset_says_whose_it_is_what_it_is_and_which_code_made_it() -> None:
    for key in graph().get_all_asset_keys():
        node = graph().get(key)
        problem = PROBLEMS[key.path[0]]
        assert (node.group_name, node.owners) == (problem.name, [problem.owner])
        assert node.tags["problem"] == problem.name
        assert node.tags["model"] == problem.model
        assert node.description
        assert node.code_version == code_version(short(key))
        assert all(parent.path[0] == problem.name for parent in node.parent_keys)  # lanes do not touch


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_jobs_are_training_and_monitoring(name: str) -> None:
    def selected(job: str) -> set[str]:
        return {short(key) for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}

    assert selected(f"train_{name}") == set(GRAPH[name]) - REPORTS
    assert selected(f"monitor_{name}") == {"labelled_events", *REPORTS}
    assert {hook.name for hook in defs.resolve_job_def(f"train_{name}").hook_defs} == {
        "end_mlflow_on_run_finished"
    }


def test_schedules_and_sensors_are_these_and_off_until_somebody_switches_them_on() -> None:
    repository = defs.get_repository_def()
    schedules = {item.name: item for item in repository.schedule_defs}
    assert {name: (item.job_name, item.cron_schedule) for name, item in schedules.items()} == {
        **{f"weekly_retraining_{name}": (f"train_{name}", "0 3 * * 1") for name in PROBLEMS},
        **{f"hourly_monitoring_{name}": (f"monitor_{name}", "17 * * * *") for name in PROBLEMS},
    }
    sensors = {item.name: item for item in repository.sensor_defs}
    assert {name: [target.job_name for target in item.targets] for name, item in sensors.items()} == {
        **{f"{kind}_{name}": [f"train_{name}"] for kind in ("new_files", "drift") for name in PROBLEMS},
        **{f"rollout_{name}": [] for name in PROBLEMS},
    }
    assert {item.default_status for item in schedules.values()} == {dg.DefaultScheduleStatus.STOPPED}
    assert {item.default_status for item in sensors.values()} == {dg.DefaultSensorStatus.STOPPED}
    assert {item.execution_timezone for item in schedules.values()} == {"UTC"}


@pytest.mark.smoke
def test_a_problem_of_ones_own_is_a_lane_like_the_others() -> None:
    own = PROBLEMS["heart"].model_copy(
        update={"name": "doors", "model": "artpulse-doors", "owner": "team:doors"}
    )
    made = build_defs([own]).resolve_asset_graph()
    assert {short(key) for key in made.get_all_asset_keys()} == set(GRAPH["heart"])
    assert {made.get(key).group_name for key in made.get_all_asset_keys()} == {"doors"}


def test_definitions_load_without_environment_and_without_anything_heavy(tmp_path: Path) -> None:
    heavy = ["mlflow", "sklearn", "pandas", "matplotlib", "sqlalchemy", "onnxruntime", "scipy", "pandera", "dagster_mlflow"]  # fmt: skip
    code = (
        "import json, sys\n"
        "import artpulse_assets.definitions as made\n"
        f"heavy = sorted(set({heavy!r}) & set(sys.modules))\n"
        "print(json.dumps([heavy, len(made.defs.resolve_asset_graph().get_all_asset_keys())]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    assert orjson.loads(done.stdout) == [[], sum(map(len, GRAPH.values()))]
    assert list(tmp_path.iterdir()) == []
