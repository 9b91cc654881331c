"""Metrics of a model that answers numbers, and two such models on the same rows, on numpy alone.

Belongs here: errors, explained variance, intervals, and the resampling they share. Does not belong here: metrics of
classes (``statistics``), limits (``policy``), rules (``values``).

Shapes: ``y`` is (n,) true values, ``v`` (n,) answers, ``lower`` and ``upper`` (n,) ends of intervals, all in the unit
of the target.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from artpulse_core.gates.statistics import Floats, Interval

_WORST = -1e9  # an R² below says no more


def rmse(y: ArrayLike, v: ArrayLike) -> float:
    """Root of the mean squared error, in the unit of the target; NaN without rows."""
    return float(np.sqrt(_mean(_errors(y, v) ** 2)))


def mae(y: ArrayLike, v: ArrayLike) -> float:
    """Mean absolute error, in the unit of the target; NaN without rows."""
    return _mean(np.abs(_errors(y, v)))


def r2(y: ArrayLike, v: ArrayLike) -> float:
    """Share of the variance explained, 1 - Σ(y - v)² / Σ(y - mean y)²; 0 is answering the mean, below is worse.

    NaN without rows or where every true value is the same.
    """
    spread = _mean((np.asarray(y, dtype=np.float64) - _mean(np.asarray(y, dtype=np.float64))) ** 2)
    return 1.0 - _mean(_errors(y, v) ** 2) / spread if spread > 0 else float("nan")


def coverage(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Share of the true values inside their interval, ends included; NaN without rows."""
    truth = np.asarray(y, dtype=np.float64)
    return _mean(((np.asarray(lower) <= truth) & (truth <= np.asarray(upper))).astype(np.float64))


def width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean length of the intervals, in the unit of the target; NaN without rows."""
    return _mean(np.asarray(upper, dtype=np.float64) - np.asarray(lower, dtype=np.float64))


def losses(metric: str, y: ArrayLike, v: ArrayLike) -> Floats:
    """What each row adds to ``metric``, (n,): squared errors for ``rmse``, absolute ones for ``mae``."""
    errors = _errors(y, v)
    return np.asarray(errors**2 if metric == "rmse" else np.abs(errors))


def gain(metric: str, champion: Floats, challenger: Floats) -> Floats:
    """By what share of the champion's error the challenger's is lower, from mean losses (any shape).

    Below 0 where the challenger is worse; a champion without error cannot be beaten: 0 where neither has one, else -1.
    """
    old, new = (np.sqrt(champion), np.sqrt(challenger)) if metric == "rmse" else (champion, challenger)
    lost = np.where(new > 0, -1.0, 0.0)
    return np.asarray(np.divide(old - new, old, out=lost, where=old > 0), dtype=np.float64)


def resampled_means(columns: Floats, *, resamples: int, seed: int) -> Floats:
    """Means of ``columns`` (n, c) over rows drawn with replacement, (resamples, c).

    The columns of a row stay together, so what is made of these means is a paired bootstrap (Efron & Tibshirani 1993,
    chapter 16).
    """
    n = len(columns)
    rng = np.random.default_rng(seed)
    # How often each row was drawn times the columns: 5 times faster than gathering the rows.
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n) @ columns / n for _ in range(resamples)])


def paired_gain(
    metric: str, champion: Floats, challenger: Floats, *, alpha: float, resamples: int, seed: int
) -> Interval:
    """``gain`` of two models from the losses of their rows, with percentile bounds of ``alpha`` in each tail.

    The bound is over a margin m exactly where the mean of (1 - m)²·champion - challenger (squared errors) is bounded
    over 0, so the sampling of a ratio of roots is that of one mean.
    """
    means = resampled_means(np.stack([champion, challenger], axis=1), resamples=resamples, seed=seed)
    low, high = np.quantile(gain(metric, means[:, 0], means[:, 1]), [alpha, 1.0 - alpha])
    value = gain(metric, champion.mean(keepdims=True), challenger.mean(keepdims=True))
    return Interval(float(value[0]), float(low), float(high))


def t_statistic(metric: str, champion: Floats, challenger: Floats, margin: float) -> float:
    """Student's t of the hypothesis that the challenger's error is lower by no more than ``margin``; 0 if all is equal.

    Of the mean over rows of keep·champion - challenger (losses), where keep is (1 - m)² for squared errors and 1 - m for
    absolute ones. The standard deviation grows with every outlier, which makes it careful on heavy tails where
    percentiles are not.
    """
    keep = (1.0 - margin) ** 2 if metric == "rmse" else 1.0 - margin
    rows = keep * champion - challenger
    spread = float(rows.std())
    return float(rows.mean()) / spread * (len(rows) - 1) ** 0.5 if spread > 0 else 0.0


def r2_interval(y: Floats, v: Floats, *, alpha: float, resamples: int, seed: int) -> Interval:
    """``r2`` with percentile bounds of ``alpha`` in each tail; NaN where every true value is the same."""
    centred = y - y.mean()
    means = resampled_means(
        np.stack([(y - v) ** 2, centred, centred**2], axis=1), resamples=resamples, seed=seed
    )
    spread = means[:, 2] - means[:, 1] ** 2
    with np.errstate(over="ignore"):  # where errors are beyond all measure of the spread
        values = 1.0 - np.divide(means[:, 0], spread, out=np.full(len(means), np.nan), where=spread > 0)
    values = np.maximum(values, _WORST)
    low, high = np.quantile(values, [alpha, 1.0 - alpha])
    return Interval(max(r2(y, v), _WORST), float(low), float(high))


def _errors(y: ArrayLike, v: ArrayLike) -> Floats:
    return np.asarray(np.asarray(y, dtype=np.float64) - np.asarray(v, dtype=np.float64))


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")
