"""Permutation importance and the learning curve."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from artpulse_assets.pipeline import importance, learning
from artpulse_assets.pipeline.measures import Answers

RNG = np.random.default_rng(4)
X = RNG.normal(size=(400, 4))
Y = 3 * X[:, 0] + X[:, 1] + X[:, 2]


def predict(x: np.ndarray) -> Answers:
    return Answers(values=3 * x[:, 0] + x[:, 1] + x[:, 2])


UNITS = {"strong": [0], "pair": [1, 2], "idle": [3]}


def test_what_the_model_uses_counts_and_what_it_ignores_counts_nothing() -> None:
    found = importance.permutation(predict, X, Y, UNITS, metric="rmse", seed=0)
    fields = {entry["name"]: entry for entry in found["fields"]}
    assert list(fields) == ["strong", "pair", "idle"]
    assert found["whole"] == pytest.approx(0.0, abs=1e-12)
    assert fields["strong"]["value"] == pytest.approx(3 * 2**0.5, rel=0.15)
    assert fields["pair"]["value"] == pytest.approx(2.0, rel=0.2)
    assert fields["idle"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert all(entry["low"] <= entry["value"] <= entry["high"] for entry in fields.values())
    assert (found["rows"], found["repeats"]) == (400, 5)


def test_the_same_seed_gives_the_same_importance_and_rows_stay_untouched() -> None:
    before = X.copy()
    first = importance.permutation(predict, X, Y, UNITS, metric="mae", seed=1)
    assert first == importance.permutation(predict, X, Y, UNITS, metric="mae", seed=1)
    assert first != importance.permutation(predict, X, Y, UNITS, metric="mae", seed=2)
    assert np.array_equal(before, X)


def test_a_slow_model_gets_fewer_rows_and_fewer_repeats_but_every_field_once() -> None:
    now = 0.0

    def slow(x: np.ndarray) -> Answers:
        nonlocal now
        now += 0.01 * len(x)
        return predict(x)

    found = importance.permutation(slow, X, Y, UNITS, metric="rmse", seed=0, budget=10.0, clock=lambda: now)
    assert 100 <= found["rows"] < 400
    assert 1 <= found["repeats"] < 5
    assert now < 15
    assert len(found["fields"]) == 3


def test_features_of_pictures_are_grouped_by_set_and_block() -> None:
    sets = {"rich": ["lab_l", "lab_a", "lbp1_0", "lbp2_3"], "embedding": ["stem_0", "stem_1", "pool_0"]}
    units = importance.units_of_features(sets)
    assert units == {
        "rich lab": [0, 1],
        "rich lbp": [2, 3],
        "embedding stem": [4, 5],
        "embedding pool": [6],
    }
    assert list(importance.units_of_features({"rich": sets["rich"]})) == ["lab", "lbp"]


def test_many_blocks_become_few_and_no_feature_is_lost() -> None:
    names = {"a": [f"{letter}{letter}_{i}" for i in range(3) for letter in "bcdefgh"], "b": ["x_1", "y_1"]}
    units = importance.units_of_features(names, most=5)
    assert len(units) == 5
    assert {"a others", "b others"} <= set(units)
    assert sorted(place for places in units.values() for place in places) == list(range(23))


def test_a_learning_curve_learns_from_whole_units_and_larger_shares_hold_the_smaller() -> None:
    units = np.repeat(np.arange(50), 4)
    y = np.tile([0, 1, 0, 1], 50)
    seen: list[set[int]] = []

    def fit(rows: np.ndarray) -> Answers:
        seen.append(set(rows.tolist()))
        right = len(rows) / len(y)
        return Answers(probabilities=np.tile([right, 1 - right], (30, 1)))

    truth = np.zeros(30, dtype=int)
    rows = learning.curve(units, y, truth, fit, metric="log_loss", seed=0, labels=2)
    assert [row["n"] for row in rows] == [40, 80, 120, 160, 200]
    assert all(small < large for small, large in _steps(seen))
    assert all({place // 4 * 4 + i for i in range(4)} <= rows for rows in seen for place in rows)
    assert rows[-1]["value"] < rows[0]["value"]
    assert rows[0]["value"] == pytest.approx(-np.log(0.2))


def _steps(seen: list[set[int]]) -> Iterator[tuple[set[int], set[int]]]:
    return pairwise(seen)


def test_a_share_without_two_rows_of_each_label_is_left_out() -> None:
    y = np.array([0] * 36 + [1] * 4)
    answers = Answers(probabilities=np.tile([0.5, 0.5], (10, 1)))
    rows = learning.curve(
        np.arange(40),
        y,
        np.zeros(10, dtype=int),
        lambda rows: answers,
        metric="accuracy",
        seed=0,
        shares=(0.05, 1.0),
        labels=2,
    )
    assert [row["share"] for row in rows] == [1.0]
