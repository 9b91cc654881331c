"""Parts of the rows: which there are, and which are called worse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from artpulse_assets.binning import bands
from artpulse_assets.pipeline import slices
from artpulse_assets.pipeline.measures import Answers
from artpulse_assets.pipeline.slices import Rows

N = 600
RNG = np.random.default_rng(8)
FIELDS: list[dict[str, Any]] = [
    {"name": "Latitude", "kind": "number"},
    {"name": "Longitude", "kind": "number"},
    {"name": "age", "kind": "number", "unit": "years"},
    {"name": "site", "kind": "category", "levels": ["north", "south", "rare"]},
]
X = np.stack(
    [
        RNG.uniform(32, 42, N),
        RNG.uniform(-124, -114, N),
        np.where(np.arange(N) % 10 == 0, np.nan, RNG.integers(20, 80, N)),
        np.where(np.arange(N) < 10, 2, np.arange(N) % 2),
    ],
    axis=1,
)
TRUTH = RNG.uniform(0, 5, N)
CLOSE = Answers(values=TRUTH + 0.1, lower=TRUTH - 0.2, upper=TRUTH + 0.4)


def by(table: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [entry for entry in table if entry["by"] == name]


def test_numbers_are_cut_by_truth_by_prediction_by_cap_and_by_region() -> None:
    rows = Rows(TRUTH, X, FIELDS, None, "price", capped_at=4.0)
    table = slices.table(rows, CLOSE, metric="mae", seed=0, resamples=20)
    assert [len(by(table, f"price, {kind}")) for kind in ("true", "predicted", "cap")] == [5, 5, 2]
    regions = by(table, "region")
    assert len(regions) == 9
    assert sum(entry["n"] for entry in regions) == N
    assert not by(table, "Latitude")
    assert all(entry["value"] == pytest.approx(0.1) and entry["coverage"] == 1.0 for entry in table)
    assert all(entry["bias"] == pytest.approx(0.1) for entry in table)


def test_fields_are_cut_in_thirds_or_by_level_with_missing_apart_and_no_small_slice() -> None:
    y = np.arange(N) % 2
    sure = Answers(probabilities=np.eye(2)[y])
    table = slices.table(Rows(y, X, FIELDS), sure, metric="accuracy", seed=0, resamples=20)
    ages = by(table, "age")
    assert [entry["slice"] for entry in ages][-1] == "missing"
    assert len(ages) == 4
    assert all(entry["slice"].endswith("years") for entry in ages[:-1])
    assert sum(entry["n"] for entry in ages) == N
    assert [entry["slice"] for entry in by(table, "site")] == ["north", "south"]  # ten rows are too few
    assert all("bias" not in entry for entry in table)


def test_rows_are_cut_by_how_many_their_group_has() -> None:
    y = np.zeros(N, dtype=int)
    groups = np.where(np.arange(N) < 300, np.arange(N) + 1000, np.arange(N) // 30)
    answers = Answers(probabilities=np.tile([0.9, 0.1], (N, 1)))
    table = slices.table(Rows(y, groups=groups), answers, metric="accuracy", seed=0, resamples=20)
    assert {entry["slice"]: entry["n"] for entry in table} == {"1": 300, "21 or more": 300}


def test_a_metric_that_has_no_meaning_within_a_slice_gives_no_entry() -> None:
    y = (X[:, 3] == 1).astype(int)  # one label a site
    answers = Answers(probabilities=np.tile([0.5, 0.5], (N, 1)))
    table = slices.table(Rows(y, X[:, 3:], FIELDS[3:]), answers, metric="auc", seed=0, resamples=20)
    assert table == []


def test_a_slice_is_called_worse_only_when_its_whole_interval_is() -> None:
    worst = {"metric": "rmse", "slice": "a", "value": 0.9, "low": 0.8, "high": 1.0}
    bad = {"metric": "rmse", "slice": "b", "value": 0.6, "low": 0.55, "high": 0.7}
    unsure = {"metric": "rmse", "slice": "c", "value": 0.7, "low": 0.4, "high": 1.0}
    better = {"metric": "rmse", "slice": "d", "value": 0.1, "low": 0.0, "high": 0.2}
    assert slices.weaker([better, unsure, bad, worst], 0.5) == [worst, bad]
    low = {"metric": "accuracy", "slice": "e", "value": 0.5, "low": 0.4, "high": 0.6}
    assert slices.weaker([low], 0.7) == [low]
    assert slices.weaker([low], 0.55) == []


def test_slices_where_the_model_is_bad_are_found() -> None:
    said = TRUTH + np.where(X[:, 3] == 1, RNG.normal(0, 1, N), 0.01)
    answers = Answers(values=said)
    table = slices.table(Rows(TRUTH, X[:, 3:], FIELDS[3:]), answers, metric="rmse", seed=0)
    overall = float(np.sqrt(np.mean((said - TRUTH) ** 2)))
    assert {"south"} == {entry["slice"] for entry in slices.weaker(table, overall) if entry["by"] == "site"}


def test_bands_hold_equal_values_together_and_leave_missing_out() -> None:
    place, edges = bands(np.array([1.0, 1, 1, 1, 2, 3, np.nan]), 3)
    assert place.tolist()[:4] == [place[0]] * 4
    assert place[-1] == -1
    assert len(edges) - 1 == len(set(place[:-1].tolist()))
    assert bands(np.full(4, 7.0), 3)[0].tolist() == [0, 0, 0, 0]
    assert bands(np.full(4, np.nan), 3)[0].tolist() == [-1] * 4
