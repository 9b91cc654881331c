"""Looking back: one episode for one run of alarms, and silence where nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from artpulse_assets.pipeline import watch
from artpulse_core.data.problems import Problem
from artpulse_core.drift import Profile
from artpulse_core.model import bundle
from artpulse_core.model.bundle import Bundle
from artpulse_core.model.predictor import Predictor
from tests.bundles import LABELS, make_bundle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose profile is a sketch of uniform numbers and its own answers to them."""
    folder = tmp_path_factory.mktemp("watch") / "bundle"
    make_bundle(folder, seed=4)
    loaded = bundle.load(folder)
    x = np.random.default_rng(0).random((600, 5))
    said = np.asarray(loaded.contract.target.labels)[Predictor(loaded).predict(x).predictions]
    columns = {**dict(zip(loaded.manifest.feature_names, x.T, strict=True)), "label": said}
    Profile.build(columns, kinds={"label": "category"}).save(loaded.profile_path)
    return loaded


def window(
    served: Bundle, n: int = 200, shift: float = 0.0, seed: int = 1, **over: Any
) -> list[dict[str, Any]]:
    """``n`` events of the same source, moved by ``shift``."""
    x = np.clip(np.random.default_rng(seed).random((n, 5)) + shift, 0, 1)
    names = served.manifest.feature_names
    return [
        {
            "id": f"r{seed}-{place}:0", "at": f"2026-03-01T00:{place // 60 % 60:02d}:{place % 60:02d}+00:00", "version": 1,
            "fingerprint": served.manifest.fingerprint, "features": dict(zip(names, row.tolist(), strict=True)),
            "output": {"label": LABELS[0]}, **over,
        }
        for place, row in enumerate(x)
    ]  # fmt: skip


def report(
    problem: Problem, served: Bundle, events: list[dict[str, Any]], before: Mapping[str, Any] | None = None,
    minutes: int = 0, version: int = 1,
) -> dict[str, Any]:  # fmt: skip
    return watch.drift_document(problem, served, version, events, before, NOW + timedelta(minutes=minutes))


def test_the_same_source_is_silent_and_a_shifted_one_is_named(problem: Problem, served: Bundle) -> None:
    quiet = report(problem, served, window(served))
    assert (quiet["status"], quiet["drift"], quiet["episode"]) == ("ok", False, None)
    loud = report(problem, served, window(served, shift=0.3))
    assert loud["status"] == "drift"
    assert loud["features"]["sat_mean"]["drift"] is True
    assert loud["episode"] == "v1-2026-03-01T00:00:00+00:00"
    assert (loud["from"], loud["to"]) == ("2026-03-01T00:00:00+00:00", "2026-03-01T00:03:19+00:00")


def test_an_episode_lasts_while_the_alarm_does_and_a_new_alarm_after_silence_is_a_new_one(
    problem: Problem, served: Bundle
) -> None:
    shifted = window(served, shift=0.3)
    first = report(problem, served, shifted)
    second = report(problem, served, shifted, first, minutes=60)
    assert second["episode"] == first["episode"]
    silent = report(problem, served, window(served), second, minutes=120)
    assert silent["episode"] is None
    third = report(problem, served, shifted, silent, minutes=180)
    assert third["episode"] not in (None, first["episode"])


def test_an_alarm_of_another_champion_is_another_episode(problem: Problem, served: Bundle) -> None:
    first = report(problem, served, window(served, shift=0.3))
    other = report(problem, served, window(served, shift=0.3), first, minutes=60, version=2)
    assert other["episode"].startswith("v2-")


def test_events_of_another_fingerprint_or_without_features_are_not_looked_at(
    problem: Problem, served: Bundle
) -> None:
    foreign = window(served, shift=0.4, seed=2, fingerprint="other") + window(served, seed=3, features=None)
    document = report(problem, served, [*window(served), *foreign])
    assert (document["status"], document["n_current"]) == ("ok", 200)
    assert report(problem, served, foreign)["status"] == "insufficient_data"


def test_a_window_of_two_models_is_no_drift_of_its_labels(problem: Problem, served: Bundle) -> None:
    events = window(served)
    for event in events[:100]:  # answered by the model before, which said otherwise
        event |= {"version": 7, "output": {"label": LABELS[3]}}
    document = report(problem, served, events)
    assert document["status"] == "ok"
    assert document["features"]["label"]["drift"] is False


def test_a_label_that_disappears_is_seen_in_the_answers(problem: Problem, served: Bundle) -> None:
    many = window(served, n=1500, seed=5)
    said = watch.columns(served, 1, many)["label"]
    most = max(set(said), key=list(said).count)
    kept = [event for event, label in zip(many, said, strict=True) if label != most][:400]
    assert report(problem, served, kept)["features"]["label"]["drift"] is True


@pytest.mark.smoke
def test_a_missing_number_is_missing_and_not_an_error(problem: Problem, served: Bundle) -> None:
    events = window(served, n=60)
    events[0]["features"]["edges"] = None
    del events[1]["features"]["edges"]
    found = watch.columns(served, 1, events)
    assert np.isnan(found["edges"][:2]).all()
    assert found["label"][0] is None
    assert found["label"][2] in LABELS
    assert report(problem, served, events)["n_current"] == 60


@pytest.mark.smoke
@pytest.mark.parametrize("count", [0, 1, 19])
def test_few_rows_say_nothing(problem: Problem, served: Bundle, count: int) -> None:
    document = report(problem, served, window(served, n=count, shift=0.5))
    assert (document["status"], document["drift"], document["episode"]) == ("insufficient_data", False, None)
    assert document["n_current"] == count
    assert "at least 20 are needed" in document["reasons"][0]
    assert watch.drift_pictures(served, document, []) == {}


def test_the_plots_are_of_the_features_that_are_blamed(problem: Problem, served: Bundle) -> None:
    events = window(served, shift=0.3)
    pictures = watch.drift_pictures(served, report(problem, served, events), events)
    assert "drift_overview" in pictures
    assert 2 <= len(pictures) <= 4
    assert all(png.startswith(b"\x89PNG") for png in pictures.values())


@pytest.mark.smoke
def test_the_history_grows_by_a_line_a_report_and_keeps_the_newest(
    problem: Problem, served: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HISTORY", 3)
    for minutes in range(5):
        document = report(problem, served, window(served, n=5), minutes=minutes)
        watch.publish_drift(tmp_path, document, "<p>report</p>")
    lines = [orjson.loads(line) for line in (tmp_path / "drift_history.jsonl").read_bytes().splitlines()]
    assert [line["at"][14:16] for line in lines] == ["02", "03", "04"]
    assert orjson.loads((tmp_path / "drift_report.json").read_bytes())["at"] == lines[-1]["at"]


def told(n: int, right: int, version: int = 1) -> list[dict[str, Any]]:
    return [
        {
            "version": version,
            "label": LABELS[place % 5],
            "output": {"label": LABELS[(place + (place >= right)) % 5]},
        }
        for place in range(n)
    ]


@pytest.mark.smoke
def test_performance_counts_the_champions_own_answers_with_labels_it_knows(problem: Problem) -> None:
    events = [*told(40, 30), *told(100, 0, version=2), {**told(1, 0)[0], "label": "baroque"}]
    document = watch.performance_document(problem, LABELS, 1, events, 700, NOW)
    assert (document["status"], document["n"], document["answered"]) == ("ok", 40, 700)
    accuracy = document["metrics"]["accuracy"]
    assert accuracy["value"] == 0.75
    assert accuracy["low"] < 0.75 < accuracy["high"]


@pytest.mark.smoke
def test_performance_of_few_rows_says_nothing(problem: Problem) -> None:
    document = watch.performance_document(problem, LABELS, 1, told(19, 19), 19, NOW)
    assert (document["status"], document["metrics"]) == ("insufficient_data", {})
