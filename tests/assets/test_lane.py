"""The whole lane on generated pictures: real Dagster instance, real MLflow store, in this process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pytest
from click.testing import CliRunner

from artpulse_assets.instance import RunFailed
from artpulse_assets.jobs import monitor_name
from artpulse_assets.pipeline import estimators, quality
from artpulse_assets.pipeline.estimators import SOFT_VOTE, USUAL
from artpulse_core import features
from artpulse_core.cli import main
from artpulse_core.data.generator import generate, picture
from artpulse_core.data.painting import LABELS
from artpulse_core.errors import ExportError
from artpulse_core.features import vector
from artpulse_core.model import bundle
from artpulse_core.store import events, reports
from tests.assets.conftest import MODEL, NAME, PER_LABEL, SEED, Lane, checks, metadata
from tests.assets.test_graph import PROBLEMS

FIELD = (*USUAL["classification"], SOFT_VOTE)
CORE5 = features.get("core5")


def state(lane: Lane) -> dict[str, Any]:
    """All that a training with nothing new must leave as it is."""
    database = lane.database()
    try:
        gates = reports.history(database, "gate", NAME, 50)
    finally:
        database.dispose()
    return {
        "aliases": lane.aliases,
        "versions": [info.version for info in lane.registry.versions(MODEL)],
        "candidates": sorted(run.info.run_id for run in lane.runs() if "artpulse.algorithm" in run.data.tags),
        "gates": [row["id"] for row in gates],
        "results": sorted(
            f"{path.parent.name}/{path.name}" for path in (lane.settings.cache / "results").glob("*/*")
        ),
        "split": (lane.settings.home / "splits" / f"{NAME}.json").read_bytes(),
    }


def cli(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def test_the_first_training_ends_in_a_champion_whose_digest_is_that_of_its_bundle(
    lane: Lane, first_run: dg.ExecuteInProcessResult, tmp_path: Path
) -> None:
    assert lane.aliases == {"champion": 1}
    folder = lane.registry.download(MODEL, 1, tmp_path / "bundle")
    digest = bundle.digest_of(folder)
    manifest = bundle.verify(folder, digest)
    assert metadata(first_run, "champion")["digest"] == digest
    assert lane.registry.version(MODEL, 1).digest == digest
    assert manifest.synthetic
    artifacts = lane.settings.artifacts(NAME)
    assert (artifacts / "latest_model_uri.txt").read_text() == f"models:/{MODEL}/1\n"
    summary = orjson.loads((artifacts / "training_summary.json").read_bytes())
    assert (summary["version"], summary["digest"], summary["verdict"]["decision"]) == (1, digest, "promote")
    examples = orjson.loads((artifacts / "example_predictions.json").read_bytes())["examples"]
    assert all(row["path"].startswith(f"{row['label']}/") for row in examples)
    written = {path.name for path in artifacts.rglob("*") if path.is_file()}
    assert {"metrics.json", "model_card.md", "data_summary.csv", "quarantine.csv", "confusion.png"} <= written
    found = {name: item.passed for name, item in checks(first_run).items()}
    assert len(found) == 10 + len(quality.applicable(PROBLEMS[NAME]))
    doubted = "label_noise:label_noise"  # some pictures are painted to be mistaken for another label's
    assert {name for name, passed in found.items() if not passed} <= {doubted}


def test_every_candidate_has_a_finished_mlflow_run_with_its_model_below_the_umbrella(
    lane: Lane, first_run: dg.ExecuteInProcessResult
) -> None:
    runs = {run.data.tags.get("artpulse.algorithm", ""): run for run in lane.runs()}
    assert set(runs) == {"", *FIELD}
    umbrella = runs.pop("")
    assert umbrella.info.status == "FINISHED"
    for name, run in runs.items():
        tags = run.data.tags
        assert run.info.status == "FINISHED"
        assert tags["dagster_run_id"] == first_run.run_id
        assert tags["dagster_asset_key"] == f"{NAME}/candidates/{name}"
        assert tags["mlflow.parentRunId"] == umbrella.info.run_id
        assert {"artpulse.code_version", "artpulse.data_version", "artpulse.git_commit"} <= set(tags)
        assert tags["artpulse.key"] == metadata_key(first_run, name)
        assert {"macro_f1", "accuracy", "log_loss", "training_seconds", "rows"} <= set(run.data.metrics)
        assert run.data.params["algorithm"] == name
        assert len(run.outputs.model_outputs) >= 1
    (chosen,) = [name for name, run in runs.items() if run.data.tags.get("deployment_ready") == "true"]
    assert chosen == metadata(first_run, "leaderboard")["chosen"]
    assert "test_macro_f1" in runs[chosen].data.metrics


def metadata_key(result: dg.ExecuteInProcessResult, name: str) -> str:
    return str(result.output_for_node(f"{NAME}__candidates__{name}")["key"])


def test_a_second_training_computes_and_fits_nothing_and_changes_nothing(lane: Lane) -> None:
    before = state(lane)
    result = lane.run()
    assert (metadata(result, "features")["computed"], metadata(result, "features")["reused"]) == (
        0,
        5 * PER_LABEL,
    )
    assert all(metadata(result, f"candidates/{name}")["reused"] for name in FIELD)
    assert metadata(result, "challenger")["registered_now"] is False
    assert "nothing has changed" in metadata(result, "champion")["sentence"]
    assert state(lane) == before


@pytest.mark.extended
def test_results_that_were_cleared_are_made_anew_and_the_version_stays_the_same(lane: Lane) -> None:
    before = state(lane)
    registered = lane.registry.version(MODEL, 1).digest
    shutil.rmtree(lane.settings.cache / "results" / "bundles")
    result = lane.run()
    assert metadata(result, "challenger")["digest"] == registered
    assert state(lane) == before


def test_more_pictures_give_a_challenger_with_reasons_and_the_champion_stays(lane: Lane) -> None:
    old = orjson.loads((lane.settings.home / "splits" / f"{NAME}.json").read_bytes())
    generate(lane.pictures, per_label=10, seed=SEED, start=PER_LABEL)
    torn = lane.pictures / "vibrant" / "torn.jpg"
    torn.write_bytes(picture("vibrant", 900, seed=SEED)[:500])
    result = lane.run()
    assert lane.aliases == {"champion": 1, "challenger": 2}
    new = orjson.loads((lane.settings.home / "splits" / f"{NAME}.json").read_bytes())
    assert {key: new[key] for key in old} == old

    assert metadata(result, "features")["computed"] == 51
    quarantine = (lane.settings.artifacts(NAME) / "quarantine.csv").read_text()
    assert "vibrant/torn.jpg,truncated," in quarantine
    found = checks(result)
    assert found["features:every_picture_read"].passed is False
    assert found["dataset:nothing_in_quarantine"].passed is False

    shown = metadata(result, "challenger")
    assert shown["version"] == 2
    assert shown["decision"] in {"promote", "reject", "inconclusive"}
    assert "superiority" in shown["rules"]
    assert "stays champion; challenger 2 waits" in metadata(result, "champion")["sentence"]
    told = cli("models", "show", NAME)
    assert f"Gate on version 2 against version 1: {shown['decision']}" in told
    (rule,) = [line for line in told.splitlines() if line.startswith("superiority")]
    assert len(rule.split()) > 6  # the rule with its value, its limit and a sentence
    assert [row["target"] for row in orjson.loads(cli("models", "show", NAME, "--json"))["changes"]] == [
        2,
        1,
        1,
    ]


def test_a_run_that_fails_says_so_in_mlflow_and_moves_no_alias(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artpulse_assets.pipeline import tracking

    def broken(*_args: Any) -> None:
        raise ExportError("The disk is full.")

    known = estimators.parameters

    def other(algorithm: str, *more: Any) -> dict[str, Any]:
        return (
            {"C": 0.2, "algorithm": algorithm}
            if algorithm == "logistic_regression"
            else known(algorithm, *more)
        )

    monkeypatch.setattr(estimators, "parameters", other)
    monkeypatch.setattr(tracking, "log_candidate", broken)
    with pytest.raises(RunFailed, match="The disk is full"):
        lane.run()
    failed = [run for run in lane.runs() if run.info.status == "FAILED"]
    assert {run.data.tags.get("artpulse.algorithm") for run in failed} == {None, "logistic_regression"}
    assert "RUNNING" not in {run.info.status for run in lane.runs()}
    assert lane.aliases == {"champion": 1}
    assert [info.version for info in lane.registry.versions(MODEL)] == [1]


def test_drift_is_silent_without_events_and_one_episode_while_the_alarm_lasts(lane: Lane) -> None:
    job = monitor_name(NAME)
    silent = lane.run(job).output_for_node(f"{NAME}__drift_report")
    assert (silent["status"], silent["n_current"], silent["episode"]) == ("insufficient_data", 0, None)
    insert(lane, "shifted")
    first = lane.run(job)
    document = first.output_for_node(f"{NAME}__drift_report")
    assert (document["status"], document["version"], document["n_current"]) == ("drift", 1, 60)
    assert any(row["drift"] for row in document["features"].values())
    assert checks(first)["drift_report:no_drift"].passed is False
    second = lane.run(job).output_for_node(f"{NAME}__drift_report")
    assert second["episode"] == document["episode"] is not None
    artifacts = lane.settings.artifacts(NAME)
    assert len((artifacts / "drift_history.jsonl").read_bytes().splitlines()) == 3
    assert "Synthetic data." in (artifacts / "drift_report.html").read_text()
    history = orjson.loads(cli("drift", "history", "--problem", NAME, "--json"))["history"]
    assert [row["status"] for row in history] == ["drift", "drift", "insufficient_data"]
    assert metadata(first, "performance_report")["status"] == "insufficient_data"


_NOW = "2026-03-01T00:00:00+00:00"


def insert(lane: Lane, style: str, count: int = 60) -> None:
    """Events of ``count`` pictures nobody has seen, as the agent ships them."""
    rows = []
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        data = picture(label, 5000 + number, seed=SEED, style=style)  # type: ignore[arg-type]  # standard or shifted
        rows.append(
            {
                "id": f"r{number}:0", "at": _NOW, "request_id": f"r{number}", "row": 0, "problem": NAME, "model": MODEL,
                "version": 1, "status": "ok", "latency_ms": 1.0, "confidence": 0.9, "caller": "k",
                "content": f"{style}{number}", "fingerprint": CORE5.fingerprint, "output": {"label": label},
                "features": dict(zip(CORE5.names, vector(data, CORE5).tolist(), strict=True)), "warnings": [],
            }
        )  # fmt: skip
    database = lane.database()
    try:
        assert events.insert(database, rows) == count
    finally:
        database.dispose()
