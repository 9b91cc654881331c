"""Lanes of tables in this process: a value with categories and gaps, and one of two labels."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import orjson
import pandas as pd
import pytest

from artpulse_assets import definitions
from artpulse_assets.jobs import monitor_name, train_name
from artpulse_assets.pipeline import dataset, ingest
from artpulse_core import settings as settings_module
from artpulse_core.model import bundle, golden
from artpulse_core.model.bundle import Bundle
from artpulse_core.model.predictor import Predictor
from artpulse_core.store import events
from tests import tables
from tests.assets.conftest import EFFORT, Lane, checks
from tests.databases import whole_file

NAMES = ("doors", "patients")
ROWS = 260
NOW = datetime(2026, 3, 1, tzinfo=UTC)
BAD = {
    "doors": [
        ({"colour": "green"}, "unknown_level", "colour"),
        ({"width": "wide"}, "not_a_number", "width"),
        ({"width": 3.5, "height": 4.0}, "above_maximum", "width"),
        ({"width": 2.5, "height": 2.0}, "rule_broken", "A door is not wider than high."),
        ({"price": -5}, "target_out_of_range", "price"),
        ({"height": None}, "missing", "height"),
    ],
    "patients": [
        ({"pain": 7}, "unknown_level", "pain"),
        ({"outcome": 9}, "target_unknown", "outcome"),
    ],
}


@pytest.fixture(scope="module")
def _trained(
    tmp_path_factory: pytest.TempPathFactory, mlflow_store: Path
) -> Iterator[tuple[Path, dict[str, dg.ExecuteInProcessResult]]]:
    home = tmp_path_factory.mktemp("tables") / "home"
    (home / "problems").mkdir(parents=True)
    shutil.copy(mlflow_store, home / "mlflow.db")
    for name in NAMES:
        (home / "problems" / f"{name}.toml").write_text(tables.TEXTS[name], encoding="utf-8")
        good = tables.rows(name, ROWS)
        bad = [
            {**row, **change}
            for row, (change, _, _) in zip(tables.rows(name, 9, seed=5), BAD[name], strict=False)
        ]
        tables.write(home / "data" / f"{name}.csv", name, [*good, *bad])
    with pytest.MonkeyPatch.context() as patch:
        for name in settings_module.variables():
            patch.delenv(name, raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.setenv("ARTPULSE_HOME", str(home))
        patch.setenv("ARTPULSE_EFFORT", EFFORT)
        own = [tables.problem(name) for name in NAMES]
        patch.setattr(definitions, "defs", definitions.build_defs(own))
        lane = Lane(settings_module.load(), [])
        results = {name: lane.run(train_name(name)) for name in NAMES}
        for name in ("mlflow.db", "artpulse.db"):
            whole_file(home / name)
        yield home, results


@pytest.fixture
def tables_lane(
    _trained: tuple[Path, dict[str, dg.ExecuteInProcessResult]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Lane:
    """A copy of the trained installation."""
    home = tmp_path / "home"
    shutil.copytree(_trained[0], home, copy_function=shutil.copy2)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ARTPULSE_HOME", str(home))
    monkeypatch.setenv("ARTPULSE_EFFORT", EFFORT)
    return Lane(settings_module.load(), [])


@pytest.fixture
def results(
    _trained: tuple[Path, dict[str, dg.ExecuteInProcessResult]],
) -> dict[str, dg.ExecuteInProcessResult]:
    """What the two trainings came to."""
    return _trained[1]


def champion(lane: Lane, name: str, folder: Path) -> Bundle:
    return bundle.load(lane.registry.download(tables.problem(name).model, 1, folder))


@pytest.mark.parametrize("name", NAMES)
def test_a_first_training_of_a_table_ends_in_a_champion_that_gives_its_golden_answers(
    name: str, tables_lane: Lane, results: dict[str, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    problem = tables.problem(name)
    assert tables_lane.registry.aliases(problem.model) == {"champion": 1}
    loaded = champion(tables_lane, name, tmp_path / "bundle")
    assert golden.check(Predictor(loaded)) == 8
    assert not loaded.manifest.synthetic
    assert loaded.manifest.feature_names == problem.contract.names
    found = {check: item.passed for check, item in checks(results[name]).items()}
    assert found["challenger:gate"] and found["challenger:golden_answers"] and found["dataset:schema"]
    assert found["dataset:nothing_in_quarantine"] is False
    summary = orjson.loads((tables_lane.settings.artifacts(name) / "training_summary.json").read_bytes())
    assert (summary["version"], summary["verdict"]["decision"]) == (1, "promote")


@pytest.mark.parametrize("name", NAMES)
def test_every_bad_row_is_in_quarantine_with_its_reason_and_no_good_one_is(
    name: str, tables_lane: Lane
) -> None:
    found = pd.read_csv(tables_lane.settings.artifacts(name) / "quarantine.csv")
    assert len(found) == len(BAD[name])
    said = " ".join(f"{row.path} {row.message}" for row in found.itertuples())
    assert sorted(found["reason"]) == sorted(reason for _, reason, _ in BAD[name])
    assert all(words in said for _, _, words in BAD[name])


def test_gaps_are_learned_from_and_the_bundle_answers_them_as_the_pipeline_did(
    tables_lane: Lane, tmp_path: Path
) -> None:
    split = pd.read_parquet(tables_lane.settings.home / "assets" / "doors" / "split.parquet")
    assert split["colour"].isna().any()
    loaded = champion(tables_lane, "doors", tmp_path / "bundle")
    served = Predictor(loaded)
    whole = served.predict(split[list(loaded.contract.names)].to_numpy(np.float64))
    errors = np.abs(np.asarray(whole.values) - split["target"].to_numpy())
    assert errors.mean() < 0.3 * split["target"].std()
    gaps = [{**tables.DOOR, "colour": None}, {**tables.DOOR, "age (years)": None}]
    missing = loaded.contract.validate(gaps).matrix
    assert np.isfinite(np.asarray(served.predict(missing).values)).all()


def test_the_bundle_of_a_regression_carries_intervals_that_hold_on_the_rows_kept_aside(
    tables_lane: Lane, tmp_path: Path
) -> None:
    loaded = champion(tables_lane, "doors", tmp_path / "bundle")
    test = pd.read_parquet(tables_lane.settings.home / "assets" / "doors" / "split.parquet").query(
        "side == 'test'"
    )
    said = Predictor(loaded).predict(test[list(loaded.contract.names)].to_numpy(np.float64))
    inside = (said.lower <= test["target"]) & (test["target"] <= said.upper)
    assert float(loaded.state["interval.level"]) == 0.9
    assert inside.mean() >= 0.75
    assert loaded.evaluation["metrics"]["interval_coverage"]["value"] == pytest.approx(inside.mean())
    assert np.asarray(said.lower).min() >= 0  # the range the truth can have


def test_the_bundle_of_a_binary_problem_decides_by_its_threshold(tables_lane: Lane, tmp_path: Path) -> None:
    loaded = champion(tables_lane, "patients", tmp_path / "bundle")
    assert loaded.contract.target.labels == ("well", "ill")  # a positive label is 1
    test = pd.read_parquet(tables_lane.settings.home / "assets" / "patients" / "split.parquet").query(
        "side == 'test'"
    )
    said = Predictor(loaded).predict(test[list(loaded.contract.names)].to_numpy(np.float64))
    assert np.array_equal(said.predictions == 1, said.probabilities[:, 1] >= 0.3)
    assert loaded.evaluation["metric"] == "auc"
    assert loaded.evaluation["metrics"]["auc"]["value"] > 0.7


def test_a_second_training_of_a_table_fits_nothing_and_changes_nothing(tables_lane: Lane) -> None:
    result = tables_lane.run(train_name("doors"))
    node = result.output_for_node("doors__candidates__linear_regression")
    assert node["reused"]
    assert tables_lane.registry.aliases("artpulse-doors") == {"champion": 1}


def told(lane: Lane, name: str, loaded: Bundle, given: list[dict[str, Any]], truth: str) -> None:
    """Events of ``given`` as the API writes them, and their truth as feedback brings it."""
    served = Predictor(loaded)
    lines = []
    for place, row in enumerate(given):
        matrix = loaded.contract.validate([{key: value for key, value in row.items() if key != truth}]).matrix
        said = served.predict(matrix)
        if said.values is not None:
            output: dict[str, Any] = {"value": said.values[0], "lower": said.lower[0], "upper": said.upper[0]}
        else:
            shares = dict(zip(served.labels, said.probabilities[0].tolist(), strict=True))
            output = {"label": served.labels[int(said.predictions[0])], "probabilities": shares}
        lines.append(
            {
                "id": f"r{place}:0", "at": NOW.isoformat(), "request_id": f"r{place}", "row": 0, "problem": name,
                "model": loaded.manifest.model, "version": 1, "status": "ok", "latency_ms": 1.0, "confidence": None,
                "caller": "k", "content": hashlib.sha256(matrix[0].tobytes()).hexdigest(), "warnings": [],
                "fingerprint": loaded.manifest.watched_fingerprint, "features": loaded.contract.shown(matrix[0]),
                "output": {key: float(value) if isinstance(value, float) else value for key, value in output.items()},
            }
        )  # fmt: skip
    database = lane.database()
    try:
        assert events.insert(database, lines) == len(given)
        for place, row in enumerate(given):
            label = repr(float(row[truth])) if name == "doors" else ("ill" if row[truth] else "well")
            events.add_label(database, request_id=f"r{place}", row=0, label=label, caller="k", at=NOW)
    finally:
        database.dispose()


@pytest.mark.parametrize(("name", "truth"), [("doors", "price"), ("patients", "outcome")])
def test_what_was_asked_comes_back_with_its_truth_as_the_rows_it_was(
    name: str, truth: str, tables_lane: Lane, tmp_path: Path
) -> None:
    loaded = champion(tables_lane, name, tmp_path / "bundle")
    given = tables.rows(name, 40, seed=77)
    told(tables_lane, name, loaded, given, truth)
    problem = tables.problem(name)
    database = tables_lane.database()
    try:
        frame = ingest.labelled_rows(problem, events.labelled(database, name, limit=100))
    finally:
        database.dispose()
    asked = [{key: value for key, value in row.items() if key != truth} for row in given]
    wanted = loaded.contract.validate(asked).matrix
    order = frame["path"].str.extract(r"r(\d+):0")[0].astype(int).to_numpy()
    assert np.array_equal(frame[list(loaded.contract.names)].to_numpy(), wanted[order], equal_nan=True)
    if name == "doors":
        assert frame["target"].tolist() == [given[place]["price"] for place in order]
    else:
        assert frame["label"].tolist() == [("well", "ill", "ill")[given[place]["outcome"]] for place in order]

    report = tables_lane.run(monitor_name(name)).output_for_node(f"{name}__performance_report")
    assert (report["status"], report["n"]) == ("ok", 40)
    if name == "doors":
        assert set(report["metrics"]) == {"rmse", "mae", "interval_coverage"}
        assert report["metrics"]["rmse"]["low"] < report["metrics"]["rmse"]["value"] < 60
        assert report["metrics"]["interval_coverage"]["value"] > 0.7
    else:
        assert report["metrics"]["accuracy"]["value"] > 0.5


def test_feedback_on_a_row_of_the_file_is_known_and_what_cannot_be_the_truth_stays_out(
    tables_lane: Lane, tmp_path: Path
) -> None:
    problem = tables.problem("doors")
    loaded = champion(tables_lane, "doors", tmp_path / "bundle")
    known = tables.rows("doors", 1)
    fresh = tables.rows("doors", 4, seed=78)
    told(tables_lane, "doors", loaded, [*known, {**fresh[0], "price": -1e9}, *fresh[1:]], "price")
    database = tables_lane.database()
    try:
        labelled = ingest.labelled_rows(problem, events.labelled(database, "doors", limit=100))
    finally:
        database.dispose()
    features = pd.read_parquet(tables_lane.settings.home / "assets" / "doors" / "features.parquet")
    made = dataset.assemble(features, labelled)
    reasons = dict(zip(made.quarantine["path"], made.quarantine["reason"], strict=True))
    assert reasons["feedback:r0:0"] == "known_picture"
    assert (
        reasons["feedback:r1:0"] == "target_out_of_range"
    )  # else one sentence of anybody stops every training
    assert {"feedback:r2:0", "feedback:r3:0", "feedback:r4:0"} <= set(made.frame["path"])
