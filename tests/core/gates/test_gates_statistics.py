"""Metrics equal their definitions (scikit-learn is the second opinion) and intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpulse_core.gates import regression
from artpulse_core.gates import statistics as stats
from artpulse_core.gates.paired import Pair, mcnemar_worse, paired_bootstrap


def sample(seed: int, n: int = 200, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    raw = rng.dirichlet(np.ones(k), n) + 0.7 * np.eye(k)[y] * (rng.random(n) < 0.6)[:, None]
    return y, raw / raw.sum(axis=1, keepdims=True)


def test_metrics_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    y, p = sample(0)
    guess = p.argmax(axis=1)
    assert stats.macro_f1(y, guess, 4) == pytest.approx(metrics.f1_score(y, guess, average="macro"))
    assert stats.accuracy(y, guess) == pytest.approx(metrics.accuracy_score(y, guess))
    assert stats.log_loss(y, p) == pytest.approx(metrics.log_loss(y, p))
    assert stats.top_k_accuracy(y, p, 2) == pytest.approx(metrics.top_k_accuracy_score(y, p, k=2))
    assert stats.brier(y, p) == pytest.approx(((p - np.eye(4)[y]) ** 2).sum(axis=1).mean())
    assert (stats.confusion(y, guess, 4) == metrics.confusion_matrix(y, guess)).all()
    precision, recall, f1, n = metrics.precision_recall_fscore_support(y, guess)
    found = stats.per_class(y, guess, ("a", "b", "c", "d"))
    for i, name in enumerate("abcd"):
        assert found[name] == pytest.approx(
            {"f1": f1[i], "precision": precision[i], "recall": recall[i], "n": n[i]}
        )


@pytest.mark.smoke
def test_a_class_that_never_occurs_does_not_pull_the_mean_down() -> None:
    assert stats.macro_f1([0, 1, 1], [0, 1, 1], 5) == 1.0
    assert stats.macro_f1([0, 1], [0, 2], 3) == pytest.approx(1 / 3)
    assert stats.per_class([0], [0], ("a", "b"))["b"] == {"f1": 0.0, "precision": 0.0, "recall": 0.0, "n": 0}


@pytest.mark.smoke
def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    p = np.tile([0.8, 0.2], (10, 1))
    assert stats.ece([0] * 8 + [1] * 2, p) == pytest.approx(0.0)
    assert stats.ece([0] * 5 + [1] * 5, p) == pytest.approx(0.3)
    assert stats.ece([0] * 10, np.tile([1.0, 0.0], (10, 1))) == 0.0


def test_the_noise_of_the_calibration_error_is_what_a_calibrated_model_shows() -> None:
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(200):
        p = rng.dirichlet(np.ones(3), 300)
        y = (rng.random((300, 1)) > p.cumsum(axis=1)).sum(axis=1)
        seen.append((stats.ece(y, p), stats.ece_noise(p)))
    measured, expected = np.mean(seen, axis=0)
    assert measured == pytest.approx(expected, rel=0.1)


def test_accuracy_on_the_most_confident_rows() -> None:
    p = np.asarray([[0.9, 0.1], [0.6, 0.4], [0.55, 0.45], [0.2, 0.8]])
    assert stats.accuracy_at([0, 1, 1, 1], p, 0.5) == 1.0
    assert stats.accuracy_at([0, 1, 1, 1], p, 1.0) == 0.5


def test_a_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for i in range(100):
        rng = np.random.default_rng(i)
        right = (rng.random(150) < 0.7).astype(int)
        found = stats.bootstrap_interval(stats.accuracy, np.ones(150, int), right, seed=i, resamples=200)
        covered += found.low <= 0.7 <= found.high
    assert 88 <= covered <= 100


def test_rows_in_groups_give_a_wider_interval() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    right = np.repeat(rng.random(20) < 0.6, 20).astype(int)
    plain = stats.bootstrap_interval(stats.accuracy, np.ones(400, int), right, seed=1, resamples=300)
    whole = stats.bootstrap_interval(
        stats.accuracy, np.ones(400, int), right, seed=1, resamples=300, groups=groups
    )
    assert whole.value == plain.value
    assert whole.high - whole.low > 3 * (plain.high - plain.low)


def test_the_paired_bootstrap_agrees_with_resampling_rows_one_by_one() -> None:
    rng = np.random.default_rng(3)
    y, p = sample(1)
    old = p.argmax(axis=1)
    new = np.where(rng.random(200) < 0.8, old, y)
    for metric in ("macro_f1", "accuracy"):
        fast = paired_bootstrap(Pair(y, old, new, 4), metric=metric, resamples=2000, seed=0)
        slow = []
        for _ in range(2000):
            rows = rng.integers(0, 200, 200)
            slow.append(Pair(y[rows], old[rows], new[rows], 4).gain(metric))
        assert np.mean(fast) == pytest.approx(np.mean(slow), abs=0.003)
        assert np.std(fast) == pytest.approx(np.std(slow), rel=0.1)


def test_mcnemar_is_the_exact_binomial_tail() -> None:
    assert mcnemar_worse(0, 0) == 1.0
    assert mcnemar_worse(5, 0) == 1.0
    assert mcnemar_worse(0, 5) == pytest.approx(1 / 32)
    assert mcnemar_worse(2, 3) == pytest.approx(0.5)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
def test_every_metric_stays_in_its_range(k: int, n: int, seed: int) -> None:
    y, p = sample(seed, n, k)
    guess = p.argmax(axis=1)
    for value in (
        stats.macro_f1(y, guess, k),
        stats.accuracy(y, guess),
        stats.ece(y, p),
        stats.brier(y, p) / 2,
    ):
        assert 0.0 <= value <= 1.0
    assert stats.top_k_accuracy(y, p, k) == 1.0
    assert stats.log_loss(y, p) >= 0.0
    assert stats.confusion(y, guess, k).sum() == n


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 80), st.integers(0, 10_000), st.integers(1, 6))
def test_area_and_error_of_one_probability_agree_with_scikit_learn(n: int, seed: int, steps: int) -> None:
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, n), rng.integers(0, steps + 1, n) / steps  # many ties
    assert stats.binary_brier(y, p) == pytest.approx(metrics.brier_score_loss(y, p))
    if 0 < y.sum() < n:
        assert stats.auc(y, p) == pytest.approx(metrics.roc_auc_score(y, p))
    else:
        assert np.isnan(stats.auc(y, p))


def test_metrics_of_numbers_agree_with_scikit_learn_and_their_definition() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(0)
    y = rng.normal(3, 2, 300)
    v = y + rng.normal(0.2, 1, 300)
    assert regression.rmse(y, v) == pytest.approx(metrics.root_mean_squared_error(y, v))
    assert regression.mae(y, v) == pytest.approx(metrics.mean_absolute_error(y, v))
    assert regression.r2(y, v) == pytest.approx(metrics.r2_score(y, v))
    assert regression.coverage([1, 2, 3, 4], [1, 3, 3, 0], [2, 4, 3, 3]) == 0.5
    assert regression.width([1, 2], [2, 5]) == 2.0
    assert np.isnan([regression.r2([1, 1], [1, 2]), regression.rmse([], []), regression.mae([], [])]).all()


def test_the_bootstrap_of_a_gain_agrees_with_resampling_rows_one_by_one() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=300)
    old, new = y + rng.normal(size=300), y + 0.9 * rng.normal(size=300)
    first, second = regression.losses("rmse", y, old), regression.losses("rmse", y, new)
    fast = regression.paired_gain("rmse", first, second, alpha=0.05, resamples=4000, seed=0)
    assert fast.value == pytest.approx(1 - regression.rmse(y, new) / regression.rmse(y, old))
    slow = []
    for _ in range(2000):
        rows = rng.integers(0, 300, 300)
        slow.append(1 - regression.rmse(y[rows], new[rows]) / regression.rmse(y[rows], old[rows]))
    assert (fast.low, fast.high) == pytest.approx(tuple(np.quantile(slow, [0.05, 0.95])), abs=0.012)
