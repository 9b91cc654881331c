"""Metrics of every task with intervals, and two candidates on the same rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from artpulse_assets import metric_names
from artpulse_assets.pipeline import measures
from artpulse_assets.pipeline.measures import Answers
from artpulse_core.gates import statistics

N = 160
RNG = np.random.default_rng(3)
GROUPS = np.array([f"g{number}" for number in RNG.integers(0, 35, N)])
TRUTH = RNG.normal(2.0, 1.0, N)
SAID = TRUTH + RNG.normal(0.1, 0.5, N)
NUMBERS = Answers(values=SAID, lower=SAID - 0.7, upper=SAID + 0.7)


def answers(k: int, seed: int = 0, skill: float = 1.0) -> tuple[np.ndarray, Answers]:
    """Labels n and answers that are right about as often as they say."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.6), N)
    y = np.array([rng.choice(k, p=row) for row in p])
    blurred = skill * p + (1 - skill) / k
    return y, Answers(probabilities=blurred)


def test_every_metric_of_a_task_is_measured_and_only_those() -> None:
    y, binary = answers(2)
    assert tuple(measures.measure(y, binary, seed=0)) == metric_names.CLASSIFICATION
    y, three = answers(3)
    assert set(metric_names.CLASSIFICATION) - set(measures.measure(y, three, seed=0)) == {"auc"}
    assert tuple(measures.measure(TRUTH, NUMBERS, seed=0)) == metric_names.REGRESSION
    assert list(measures.measure(TRUTH, Answers(values=SAID), seed=0)) == ["rmse", "mae", "r2"]
    assert list(measures.measure(TRUTH, NUMBERS, seed=0, only=["mae"])) == ["mae"]


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("grouped", [True, False])
def test_intervals_are_those_of_the_plain_bootstrap(k: int, grouped: bool) -> None:
    y, given = answers(k, seed=k)
    p, groups = np.asarray(given.probabilities), GROUPS if grouped else None
    slow: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
        "macro_f1": lambda t, q: statistics.macro_f1(t, q.argmax(axis=1), k),
        "accuracy": lambda t, q: statistics.accuracy(t, q.argmax(axis=1)),
        "top2_accuracy": lambda t, q: statistics.top_k_accuracy(t, q, 2),
        "log_loss": statistics.log_loss,
        "brier": lambda t, q: statistics.brier(t, q) / (2 if k == 2 else 1),
        "ece": statistics.ece,
        "accuracy_at_60": lambda t, q: statistics.accuracy_at(t, q, 0.6),
    }
    found = measures.measure(y, given, seed=7, groups=groups, resamples=60)
    for name, metric in slow.items():
        wanted = statistics.bootstrap_interval(metric, y, p, seed=7, resamples=60, groups=groups)
        assert found[name] == pytest.approx(wanted.to_dict(), abs=1e-12), name


def test_intervals_of_numbers_are_those_of_the_plain_bootstrap() -> None:
    def r2(t: np.ndarray, v: np.ndarray) -> float:
        return 1 - float(((v - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())

    slow: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
        "rmse": lambda t, v: float(np.sqrt(np.mean((t - v) ** 2))),
        "mae": lambda t, v: float(np.abs(t - v).mean()),
        "r2": r2,
        "interval_coverage": lambda t, v: float(np.mean(np.abs(t - v) <= 0.7)),
    }
    found = measures.measure(TRUTH, NUMBERS, seed=2, groups=GROUPS, resamples=60)
    for name, metric in slow.items():
        wanted = statistics.bootstrap_interval(metric, TRUTH, SAID, seed=2, resamples=60, groups=GROUPS)
        assert found[name] == pytest.approx(wanted.to_dict(), abs=1e-12), name
    assert found["interval_width"]["value"] == pytest.approx(1.4)


def test_the_area_under_the_curve_counts_pairs_and_ties_by_half() -> None:
    y = np.array([0, 0, 1, 1, 1])
    score = np.array([0.2, 0.5, 0.5, 0.9, 0.1])
    given = Answers(probabilities=np.stack([1 - score, score], axis=1))
    pairs = [(a > b) + (a == b) / 2 for a in score[y == 1] for b in score[y == 0]]
    assert measures.value("auc", y, given) == pytest.approx(np.mean(pairs))


def test_resampled_areas_are_those_of_the_rows_drawn() -> None:
    y, given = answers(2, seed=5)
    score = np.round(np.asarray(given.probabilities)[:, 1], 1)  # many ties
    given = Answers(probabilities=np.stack([1 - score, score], axis=1))
    wanted = statistics.bootstrap_interval(
        lambda t, q: measures.value("auc", t, Answers(probabilities=q)),
        y,
        np.asarray(given.probabilities),
        seed=4,
        resamples=60,
        groups=GROUPS,
    )
    found = measures.measure(y, given, seed=4, groups=GROUPS, only=["auc"], resamples=60)["auc"]
    assert found == pytest.approx(wanted.to_dict(), abs=1e-12)


def test_the_brier_score_of_two_labels_is_the_squared_error_of_one_probability() -> None:
    y, given = answers(2)
    p1 = np.asarray(given.probabilities)[:, 1]
    assert measures.value("brier", y, given) == pytest.approx(np.mean((p1 - y) ** 2))


def test_a_decision_threshold_moves_accuracy_and_leaves_the_calibration_alone() -> None:
    y, given = answers(2, seed=9)
    p = np.asarray(given.probabilities)
    strict = Answers(probabilities=p, predictions=(p[:, 1] >= 0.9).astype(int))
    assert measures.value("accuracy", y, strict) == pytest.approx(np.mean((p[:, 1] >= 0.9) == y))
    assert measures.value("accuracy", y, strict) != measures.value("accuracy", y, given)
    assert measures.value("ece", y, strict) == measures.value("ece", y, given)


def test_groups_that_answer_alike_widen_the_interval() -> None:
    y = np.repeat([0, 1], N // 2)
    groups = np.arange(N) // 8
    wrong = groups % 3 == 0
    p = np.eye(2)[np.where(wrong, 1 - y, y)]
    rows, whole = (
        measures.measure(y, Answers(probabilities=p), seed=1, groups=by, only=["accuracy"])["accuracy"]
        for by in (None, groups)
    )
    assert whole["high"] - whole["low"] > 2 * (rows["high"] - rows["low"])


def test_a_metric_nobody_knows_and_no_row_are_refused() -> None:
    y, given = answers(3)
    with pytest.raises(ValueError, match="no metric 'rmse' for 3 labels"):
        measures.value("rmse", y, given)
    with pytest.raises(ValueError, match="no row"):
        measures.measure(np.zeros(0, dtype=int), Answers(probabilities=np.zeros((0, 2))), seed=0)


def test_a_paired_difference_is_far_surer_than_the_two_intervals() -> None:
    y, good = answers(3, seed=1)
    p = np.asarray(good.probabilities).copy()
    p[:6] = np.roll(np.eye(3)[y[:6]], 1, axis=1)  # six rows surely wrong
    gap = measures.paired(y, Answers(probabilities=p), good, "accuracy", seed=0)
    single = measures.measure(y, good, seed=0, only=["accuracy"])["accuracy"]
    assert gap["value"] == pytest.approx((gap["gained"] - gap["lost"]) / N)
    assert gap["gained"] == 0 < gap["lost"]
    assert gap["high"] <= 0
    assert gap["high"] - gap["low"] < (single["high"] - single["low"]) / 2


def test_mcnemar_is_the_exact_two_sided_binomial_test() -> None:
    assert measures.mcnemar(0, 0) == 1.0
    assert measures.mcnemar(0, 5) == pytest.approx(2 / 32)
    assert measures.mcnemar(5, 0) == pytest.approx(2 / 32)
    assert measures.mcnemar(4, 4) == 1.0


def test_every_candidate_is_set_against_the_best_one_and_losses_keep_their_sign() -> None:
    worse = Answers(values=SAID + RNG.normal(0, 1, N))
    gaps = measures.against_best(TRUTH, {"best": NUMBERS, "worse": worse}, "best", "rmse", seed=0)
    assert gaps["best"] is None
    found = gaps["worse"]
    assert found is not None
    assert found["low"] > 0  # a larger error
    assert "p_value" not in found


def test_repeats_give_the_mean_and_its_interval_apart_from_the_luck_of_the_folds() -> None:
    y, first = answers(2, seed=6)
    p = np.asarray(first.probabilities)
    rng = np.random.default_rng(0)
    noisy = [np.clip(p[:, 1] + rng.normal(0, 0.2, N), 0.01, 0.99) for _ in range(5)]
    repeats = [Answers(probabilities=np.stack([1 - q, q], axis=1)) for q in noisy]
    found = measures.repeated(y, repeats, seed=0, only=["auc"])["auc"]
    each = [measures.value("auc", y, item) for item in repeats]
    assert found["value"] == pytest.approx(np.mean(each))
    assert found["spread"] == pytest.approx(np.std(each, ddof=1))
    stacked = np.stack(noisy, axis=1)

    def mean(t: np.ndarray, q: np.ndarray) -> float:
        return float(np.mean([statistics.auc(t, column) for column in q.T]))

    wanted = statistics.bootstrap_interval(mean, y, stacked, seed=0, resamples=500)
    assert (found["low"], found["high"]) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    alone = measures.measure(y, repeats[0], seed=0, only=["auc"])["auc"]
    assert measures.repeated(y, [repeats[0]], seed=0, only=["auc"])["auc"] == {**alone, "spread": 0.0}


def test_better_is_up_for_scores_and_down_for_errors() -> None:
    assert metric_names.gain("macro_f1", 0.8, 0.7) == pytest.approx(0.1)
    assert metric_names.gain("rmse", 0.8, 0.7) == pytest.approx(-0.1)
    assert {"brier", "ece", "log_loss", "rmse", "mae"} <= metric_names.LOWER_IS_BETTER
