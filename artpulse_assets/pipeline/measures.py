"""How good answers are, with 95 % intervals, for every task; and two candidates on the same rows.

Belongs here: the metrics of an evaluation and their uncertainty. Does not belong here: choosing a candidate, drawing,
and the bootstrap itself (``resampling``). Single values come from ``artpulse_core.gates``, so that the gate and an
evaluation never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from artpulse_assets import metric_names
from artpulse_assets.pipeline import resampling
from artpulse_assets.pipeline.scores import point

RESAMPLES = 500
Metrics = dict[str, dict[str, float]]


class Answered(Protocol):
    """What a model said of n rows; ``artpulse_core.model.predictor.Prediction`` is one.

    ``probabilities`` n × k and ``predictions`` n label indices (a decision threshold applied) for classification;
    ``values`` n, and where known ``lower`` and ``upper`` n, for regression. What a task lacks is None.
    """

    @property
    def probabilities(self) -> np.ndarray | None: ...
    @property
    def predictions(self) -> np.ndarray | None: ...
    @property
    def values(self) -> np.ndarray | None: ...
    @property
    def lower(self) -> np.ndarray | None: ...
    @property
    def upper(self) -> np.ndarray | None: ...


@dataclass(frozen=True)
class Answers:
    """Answers as plain arrays, see ``Answered``."""

    probabilities: np.ndarray | None = None
    predictions: np.ndarray | None = None
    values: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


def part(answers: Answered, rows: np.ndarray) -> Answers:
    """The answers to ``rows`` (mask or indices)."""

    def cut(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else np.asarray(array)[rows]

    return Answers(
        cut(answers.probabilities),
        cut(answers.predictions),
        cut(answers.values),
        cut(answers.lower),
        cut(answers.upper),
    )


def names_for(y: np.ndarray, answers: Answered) -> tuple[str, ...]:
    """The metrics that are defined for these rows: AUC needs a binary problem with both labels, intervals need bounds."""
    if answers.values is not None:
        bounds = answers.lower is not None and answers.upper is not None
        return tuple(name for name in metric_names.REGRESSION if bounds or not name.startswith("interval"))
    k = np.asarray(answers.probabilities).shape[1]
    both = k == 2 and 0 < int(np.sum(np.asarray(y) == 1)) < len(y)
    return tuple(name for name in metric_names.CLASSIFICATION if name != "auc" or both)


def measure(
    y: np.ndarray,
    answers: Answered,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    only: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> Metrics:
    """Each metric (or those in ``only``) with its 95 % interval: ``{name: {"value", "low", "high"}}``.

    ``y``: n label indices, or n numbers for regression. ``groups``: n names of what is drawn whole (None: rows).
    Percentile bootstrap; the same draws as ``statistics.bootstrap_interval`` with that seed. What is not defined for
    these rows is left out. Raises ``ValueError`` without rows.
    """
    truth = np.asarray(y)
    if not len(truth):
        raise ValueError("There is no row to measure on.")
    names = [name for name in names_for(truth, answers) if only is None or name in only]
    samples = resampling.samples(names, truth, [answers], groups=groups, seed=seed, resamples=resamples)
    return {
        name: _interval(point(name, truth, answers), values[0])
        for name, values in zip(names, samples, strict=True)
    }


def value(name: str, y: np.ndarray, answers: Answered) -> float:
    """One metric without its interval; NaN where it is not defined."""
    return point(name, np.asarray(y), answers)


def repeated(
    y: np.ndarray,
    repeats: Sequence[Answered],
    *,
    seed: int,
    groups: np.ndarray | None = None,
    only: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> Metrics:
    """Repeated cross-validation: ``{name: {"value", "low", "high", "spread"}}``.

    ``repeats``: the out-of-fold answers to all n rows, one entry a repeat. ``value`` is the mean over repeats; the
    interval is the bootstrap over rows (or whole groups) of that mean, every repeat resampled alike: it says how much
    other rows of the same kind would move the figure. ``spread`` is the standard deviation between repeats: how much
    the luck of the folds moves it. Repeats share their rows, so the spread is no interval of the figure (Bengio and
    Grandvalet 2004, JMLR 5:1089).
    """
    if not repeats:
        raise ValueError("There is no repeat to measure.")
    truth = np.asarray(y)
    names = [name for name in names_for(truth, repeats[0]) if only is None or name in only]
    samples = resampling.samples(names, truth, repeats, groups=groups, seed=seed, resamples=resamples)
    out: Metrics = {}
    for name, drawn in zip(names, samples, strict=True):
        each = np.array([point(name, truth, answers) for answers in repeats])
        spread = float(each.std(ddof=1)) if len(each) > 1 else 0.0
        out[name] = {**_interval(float(each.mean()), drawn.mean(axis=0)), "spread": spread}
    return out


def paired(
    y: np.ndarray,
    first: Answered,
    second: Answered,
    metric: str,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """``first`` less ``second`` in ``metric`` on the same rows, whichever way the metric points.

    ``{"metric", "value", "low", "high"}`` by paired bootstrap (Efron and Tibshirani 1993, chapter 16); for
    classification also ``gained`` and ``lost`` (rows only the first, only the second has right) and ``p_value`` of
    McNemar's exact two-sided test (doi:10.1007/BF02295996), which knows no groups.
    """
    truth = np.asarray(y)
    (samples,) = resampling.samples(
        [metric], truth, [first, second], groups=groups, seed=seed, resamples=resamples
    )
    gap = point(metric, truth, first) - point(metric, truth, second)
    out: dict[str, Any] = {"metric": metric, **_interval(gap, samples[0] - samples[1])}
    if first.values is None:
        mine, other = (resampling.predicted(answers) == truth for answers in (first, second))
        gained, lost = int((mine & ~other).sum()), int((other & ~mine).sum())
        out |= {"gained": gained, "lost": lost, "p_value": mcnemar(gained, lost)}
    return out


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided exact p-value that ``gained`` and ``lost`` rows are equally likely; 1 when neither occurs."""
    from scipy.special import bdtr

    total = gained + lost
    return 1.0 if total == 0 else min(1.0, 2.0 * float(bdtr(min(gained, lost), total, 0.5)))


def against_best(
    y: np.ndarray,
    field: Mapping[str, Answered],
    best: str,
    metric: str,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Any] | None]:
    """Each candidate's difference to ``best`` (candidate less best, see ``paired``); None for the best itself."""
    return {
        name: None
        if name == best
        else paired(y, answers, field[best], metric, seed=seed, groups=groups, resamples=resamples)
        for name, answers in field.items()
    }


def _interval(number: float, samples: np.ndarray) -> dict[str, float]:
    known = samples[np.isfinite(samples)]
    low, high = np.quantile(known, [0.025, 0.975]) if known.size else (np.nan, np.nan)
    return {"value": float(number), "low": float(low), "high": float(high)}
