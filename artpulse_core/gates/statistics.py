"""Metrics of a classifier and how sure they are, on numpy alone.

Belongs here: functions of true class indices and predictions (one model). Does not belong here: comparing
two models (``paired``), the policy, reading files.

Shapes: ``y`` is (n,) integer class indices 0..k-1, ``predicted`` the same, ``p`` is (n, k) probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A value with its confidence bounds."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


def confusion(y: ArrayLike, predicted: ArrayLike, k: int) -> Ints:
    """Counts (k, k): row = true class, column = predicted class."""
    cells = np.asarray(y, dtype=np.int64) * k + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=k * k).reshape(k, k).astype(np.int64)


def accuracy(y: ArrayLike, predicted: ArrayLike) -> float:
    """Share of rows predicted right; NaN without rows."""
    right = np.asarray(y) == np.asarray(predicted)
    return float(right.mean()) if right.size else float("nan")


def f1_from_counts(hits: Floats, predicted: Floats, actual: Floats) -> Floats:
    """F1 = 2·TP / (predicted + actual) for each class; 0 where a class is neither (any leading shape)."""
    total = predicted + actual
    return np.divide(2.0 * hits, total, out=np.zeros(total.shape), where=total > 0)


def macro_from_counts(hits: Floats, predicted: Floats, actual: Floats) -> Floats:
    """Mean F1 over the classes that occur among the true or the predicted ones (last axis)."""
    present = (predicted + actual) > 0
    scores = f1_from_counts(hits, predicted, actual)
    return np.asarray(scores.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1), dtype=np.float64)


def macro_f1(y: ArrayLike, predicted: ArrayLike, k: int) -> float:
    """Unweighted mean of the classes' F1; a class that occurs nowhere is left out."""
    table = confusion(y, predicted, k).astype(float)
    return float(macro_from_counts(np.diag(table), table.sum(axis=0), table.sum(axis=1)))


def per_class(y: ArrayLike, predicted: ArrayLike, classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """For each class ``{"f1", "precision", "recall", "n"}``; ``n`` is the number of true rows."""
    table = confusion(y, predicted, len(classes)).astype(float)
    hits, guessed, actual = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    scores = f1_from_counts(hits, guessed, actual)
    return {
        name: {
            "f1": float(scores[i]),
            "precision": float(hits[i] / guessed[i]) if guessed[i] else 0.0,
            "recall": float(hits[i] / actual[i]) if actual[i] else 0.0,
            "n": int(actual[i]),
        }
        for i, name in enumerate(classes)
    }


def log_loss(y: ArrayLike, p: ArrayLike, floor: float = 1e-15) -> float:
    """Mean of -ln p(true class); probabilities below ``floor`` count as ``floor``."""
    table = np.asarray(p, dtype=float)
    own = table[np.arange(len(table)), np.asarray(y, dtype=np.int64)]
    return float(-np.log(np.maximum(own, floor)).mean())


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Mean over rows of the summed squared error, 0..2 (Brier 1950, doi:10.1175/1520-0493(1950)078)."""
    table = np.asarray(p, dtype=float)
    target = np.zeros_like(table)
    target[np.arange(len(table)), np.asarray(y, dtype=np.int64)] = 1.0
    return float(((table - target) ** 2).sum(axis=1).mean())


def binary_brier(y: ArrayLike, p: ArrayLike) -> float:
    """Mean squared error of ``p`` (n,), the probability of class 1, 0..1: half of ``brier`` of the two columns."""
    return float(((np.asarray(p, dtype=float) - np.asarray(y, dtype=float)) ** 2).mean())


def auc(y: ArrayLike, p: ArrayLike) -> float:
    """Area under the ROC curve of ``p`` (n,), a score of class 1; ``y`` holds 0 and 1. NaN with one class only.

    The share of pairs of a 1 and a 0 in which the 1 scores higher, ties as half: the rank sum with midranks (Hanley &
    McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    """
    positive = np.asarray(y) == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    _, place, counts = np.unique(np.asarray(p, dtype=float), return_inverse=True, return_counts=True)
    midranks = np.cumsum(counts) - (counts - 1) / 2.0
    return float((midranks[place][positive].sum() - ones * (ones + 1) / 2.0) / (ones * zeros))


def ece(y: ArrayLike, p: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error of the top class, equal-width bins (Guo et al. 2017, arXiv:1706.04599)."""
    table = np.asarray(p, dtype=float)
    confidence = table.max(axis=1)
    right = (table.argmax(axis=1) == np.asarray(y)).astype(float)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(place, right, bins) - np.bincount(place, confidence, bins)
    return float(np.abs(gap).sum() / len(table))


def ece_noise(p: ArrayLike, bins: int = 15) -> float:
    """The calibration error a perfectly calibrated model shows by chance on these rows.

    Each bin's gap is then a sum of centred Bernoulli draws, E|gap| = sqrt(2/π · Σ c(1 - c)) (normal limit).
    """
    confidence = np.asarray(p, dtype=float).max(axis=1)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    variance = np.bincount(place, confidence * (1.0 - confidence), bins)
    return float(np.sqrt(2.0 / np.pi * np.maximum(variance, 0.0)).sum() / len(confidence))


def top_k_accuracy(y: ArrayLike, p: ArrayLike, k: int) -> float:
    """Share of rows whose true class is among the ``k`` most probable."""
    table = np.asarray(p, dtype=float)
    own = table[np.arange(len(table)), np.asarray(y, dtype=np.int64)]
    rank = (table > own[:, None]).sum(axis=1)
    return float((rank < k).mean())


def accuracy_at(y: ArrayLike, p: ArrayLike, coverage: float) -> float:
    """Accuracy on the ``coverage`` share of rows the model is most confident of."""
    table = np.asarray(p, dtype=float)
    kept = np.argsort(-table.max(axis=1), kind="stable")[: max(1, round(coverage * len(table)))]
    return accuracy(np.asarray(y)[kept], table.argmax(axis=1)[kept])


def bootstrap_interval(
    metric: Callable[[Any, Any], float],
    y: ArrayLike,
    p: ArrayLike,
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Interval:
    """Percentile bootstrap of ``metric(y, p)`` over rows, or over whole ``groups``.

    Rows of one artist or patient are not independent: resampling groups keeps the interval honest
    (Davison & Hinkley 1997, section 3.8). ``p`` may be probabilities or predicted indices.
    """
    truth, scores = np.asarray(y), np.asarray(p)
    rng = np.random.default_rng(seed)
    names, member = np.unique(
        np.arange(len(truth)) if groups is None else np.asarray(groups), return_inverse=True
    )
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(len(names) + 1))
    rows = [order[starts[i] : starts[i + 1]] for i in range(len(names))] if groups is not None else None
    values = np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(0, len(names), len(names))
        chosen = drawn if rows is None else np.concatenate([rows[j] for j in drawn])
        values[i] = metric(truth[chosen], scores[chosen])
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(metric(truth, scores)), float(low), float(high))
