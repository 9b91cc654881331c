"""The bootstrap over whole groups, for many metrics at once.

Belongs here: drawing groups, and each metric as a function of how often a row was drawn. A resample is a vector of
weights, so means, F1 and R² are one matrix product over sums by group, and what needs an order (AUC, accuracy on the
most confident) is a running sum: 500 resamples of 4,128 rows cost tenths of a second. Does not belong here: what
a metric means (``scores``) and what is done with the samples (``measures``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from artpulse_core.gates.statistics import macro_from_counts

if TYPE_CHECKING:
    from artpulse_assets.pipeline.measures import Answered

CHUNK_CELLS = 2_000_000  # weights held at once: 16 MB
ECE_BINS = 15
Metric = Callable[[np.ndarray], np.ndarray]  # weights of groups, b × g → b values


def samples(
    names: Sequence[str],
    y: np.ndarray,
    answers: Sequence[Answered],
    *,
    groups: np.ndarray | None,
    seed: int,
    resamples: int,
) -> list[np.ndarray]:
    """For each metric an array (answers, resamples), every set of answers measured on the same draws.

    Groups are drawn as ``artpulse_core.gates.statistics.bootstrap_interval`` draws them (Davison and Hinkley 1997,
    section 3.8).
    """
    n = len(y)
    member = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(member.max()) + 1
    metrics = [[_metric(name, y, item, member, count) for item in answers] for name in names]
    out = [np.empty((len(answers), resamples)) for _ in names]
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_CELLS // max(n, count))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(float)
        for place, row in enumerate(metrics):
            for index, metric in enumerate(row):
                out[place][index, start : start + size] = metric(weights)
    return out


def predicted(answers: Answered) -> np.ndarray:
    """Label indices, n: as the model decided, else the most probable."""
    if answers.predictions is not None:
        return np.asarray(answers.predictions)
    return np.asarray(np.asarray(answers.probabilities).argmax(axis=1))


def _metric(name: str, y: np.ndarray, answers: Answered, member: np.ndarray, count: int) -> Metric:
    if answers.values is not None:
        return _regression(name, np.asarray(y, dtype=float), answers, member, count)
    p = np.asarray(answers.probabilities, dtype=float)
    own = p[np.arange(len(p)), y]
    if name == "accuracy":
        return _mean(predicted(answers) == y, member, count)
    if name == "top2_accuracy":
        return _mean((p > own[:, None]).sum(axis=1) < 2, member, count)
    if name == "log_loss":
        return _mean(-np.log(np.maximum(own, 1e-15)), member, count)
    if name == "brier":
        summed = (p**2).sum(axis=1) - 2.0 * own + 1.0
        return _mean(summed / (2.0 if p.shape[1] == 2 else 1.0), member, count)
    if name == "macro_f1":
        return _macro_f1(y, predicted(answers), p.shape[1], member, count)
    if name == "ece":
        return _ece(y, p, member, count)
    if name == "accuracy_at_60":
        return _accuracy_at(y, p, 0.6, member)
    if name == "auc" and p.shape[1] == 2:
        return _auc(y == 1, p[:, 1], member)
    raise ValueError(f"There is no metric {name!r} for {p.shape[1]} labels.")


def _regression(name: str, y: np.ndarray, answers: Answered, member: np.ndarray, count: int) -> Metric:
    error = np.asarray(answers.values, dtype=float) - y
    if name == "mae":
        return _mean(np.abs(error), member, count)
    if name == "rmse":
        square = _mean(error**2, member, count)
        return lambda weights: np.asarray(np.sqrt(square(weights)))
    if name == "r2":
        middle = y - y.mean()
        table = _sums(np.stack([np.ones(len(y)), middle, middle**2, error**2], axis=1), member, count)

        def r2(weights: np.ndarray) -> np.ndarray:
            n, first, second, wrong = (weights @ table).T
            total = second - first**2 / n
            return np.asarray(1.0 - np.divide(wrong, total, out=np.full(len(n), np.nan), where=total > 0))

        return r2
    if answers.lower is not None and answers.upper is not None:
        lower, upper = np.asarray(answers.lower), np.asarray(answers.upper)
        if name == "interval_coverage":
            return _mean((lower <= y) & (y <= upper), member, count)
        if name == "interval_width":
            return _mean(upper - lower, member, count)
    raise ValueError(f"There is no metric {name!r} for these numbers.")


def _sums(table: np.ndarray, member: np.ndarray, count: int) -> np.ndarray:
    """Columns summed by group, count × columns."""
    return np.stack([np.bincount(member, column, count) for column in table.T.astype(float)], axis=1)


def _mean(values: np.ndarray, member: np.ndarray, count: int) -> Metric:
    table = _sums(np.stack([np.asarray(values, dtype=float), np.ones(len(values))], axis=1), member, count)

    def mean(weights: np.ndarray) -> np.ndarray:
        total, n = (weights @ table).T
        return np.asarray(total / n)

    return mean


def _macro_f1(y: np.ndarray, guess: np.ndarray, k: int, member: np.ndarray, count: int) -> Metric:
    eye = np.eye(k)
    table = _sums(np.hstack([eye[y] * (y == guess)[:, None], eye[guess], eye[y]]), member, count)

    def macro_f1(weights: np.ndarray) -> np.ndarray:
        cells = weights @ table
        return macro_from_counts(cells[:, :k], cells[:, k : 2 * k], cells[:, 2 * k :])

    return macro_f1


def _ece(y: np.ndarray, p: np.ndarray, member: np.ndarray, count: int) -> Metric:
    confidence = p.max(axis=1)
    gap = (p.argmax(axis=1) == y) - confidence
    place = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    table = _sums(np.hstack([np.eye(ECE_BINS)[place] * gap[:, None], np.ones((len(y), 1))]), member, count)

    def ece(weights: np.ndarray) -> np.ndarray:
        cells = weights @ table
        return np.asarray(np.abs(cells[:, :-1]).sum(axis=1) / cells[:, -1])

    return ece


def _accuracy_at(y: np.ndarray, p: np.ndarray, coverage: float, member: np.ndarray) -> Metric:
    order = np.argsort(-p.max(axis=1), kind="stable")
    right, place = (p.argmax(axis=1) == y)[order].astype(float), member[order]

    def accuracy_at(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, place]
        behind = np.cumsum(drawn, axis=1)
        wanted = np.maximum(1, np.round(coverage * behind[:, -1]))
        kept = np.clip(wanted[:, None] - (behind - drawn), 0, drawn)
        return np.asarray(kept @ right / wanted)

    return accuracy_at


def _auc(positive: np.ndarray, score: np.ndarray, member: np.ndarray) -> Metric:
    order = np.argsort(score, kind="stable")
    ordered, place, ones = score[order], member[order], positive[order].astype(float)
    ties = np.append(0, np.flatnonzero(np.diff(ordered)) + 1)

    def auc(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, place]
        hit = np.add.reduceat(drawn * ones, ties, axis=1)
        miss = np.add.reduceat(drawn * (1.0 - ones), ties, axis=1)
        below = np.cumsum(miss, axis=1) - miss
        pairs = hit.sum(axis=1) * miss.sum(axis=1)
        won = (hit * (below + miss / 2)).sum(axis=1)
        return np.asarray(np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))

    return auc
