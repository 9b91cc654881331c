"""Intervals that hold the truth as often as they say: conformal prediction around a regression's values.

Belongs here: making the arrays of an interval from out-of-fold values, and applying them; numpy only, it runs in the
request path. Does not belong here: the model whose values these are, and reports of coverage.

The score of a row is its absolute out-of-fold error over a *spread* expected from what is known before the truth: the
predicted value, and the few columns of the encoder that tell most about the size of the error (locally weighted
conformal prediction: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman, JASA 113, 2018, section 5.2). The interval is value
± spread × the ⌈(n+1)·level⌉-th smallest score, which covers at least ``level`` of exchangeable rows whatever the model
(Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005; Romano, Patterson, Candès, NeurIPS 2019). The
spread of each scored row is made without that row, as is its value, so the scores are those of new rows (cross-conformal:
Vovk, Annals of Mathematics and Artificial Intelligence 74, 2015; Barber, Candès, Ramdas, Tibshirani, Annals of
Statistics 49, 2021, which also says why out-of-fold models on fewer rows err on the wide side).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from artpulse_core.errors import DataError

PREFIX = "interval."
VALUE = -1  # the place of the predicted value among the columns of the encoder
FOLDS = 5
MOST_COLUMNS = 4
ROWS_A_KNOT = 50
MOST_KNOTS = 12
ROWS_TO_CHOOSE = 3_000  # more of them find the same columns, in seconds
PRIOR = 20.0  # rows' worth of belief that a column says nothing
LEAST_GAIN = 0.002  # nats a row by which a column must tell more of the error's size


@dataclass(frozen=True)
class Factor:
    """What one column does to the expected error: the logarithm at each knot, straight lines between, flat outside."""

    column: int
    knots: np.ndarray
    logs: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """The logarithm of the factor of each value."""
        return np.asarray(np.interp(values, self.knots, self.logs), dtype=np.float64)


def fit(
    y: np.ndarray,
    out_of_fold: np.ndarray,
    features: np.ndarray | None = None,
    *,
    level: float = 0.9,
    minimum: float = -math.inf,
    maximum: float = math.inf,
) -> dict[str, np.ndarray]:
    """The arrays (each named ``interval.…``) of intervals at ``level``.

    ``out_of_fold`` are n values by models that did not see the row, ``features`` its encoded columns (n × w; columns
    are chosen by what they tell), ``minimum`` and ``maximum`` the range the truth can have, if known: intervals are cut
    there. Raises ``DataError`` when n is too small to promise the level.
    """
    n = len(y)
    place = math.ceil((n + 1) * level - 1e-9)
    if place > n:
        least = math.ceil(level / (1 - level) - 1e-9)
        raise DataError(
            f"{n} rows cannot give an interval at {level:.0%}: at least {least} are needed. Add rows, or ask for a"
            " lower level."
        )
    error = np.abs(np.asarray(y, dtype=np.float64) - out_of_fold)
    typical = max(float(error.mean()), float(np.finfo(np.float64).tiny))
    table = _table(np.asarray(out_of_fold, dtype=np.float64), features)
    relative = error / typical
    columns = _choose(relative, table) if n >= 2 * ROWS_A_KNOT else []
    fold = np.arange(n) % FOLDS
    spread = np.ones(n)
    for held in range(FOLDS):
        rows = fold != held
        factors = _factors(relative[rows], table[rows], columns)
        spread[~rows] = _spread(factors, table[~rows])
    score = float(np.partition(relative / spread, place - 1)[place - 1])
    factors = _factors(relative, table, columns)
    arrays = {
        "level": np.array(level),
        "half": np.array(score * typical),
        "range": np.array([minimum, maximum]),
        "columns": np.array([item.column for item in factors], dtype=np.int64),
        "sizes": np.array([len(item.knots) for item in factors], dtype=np.int64),
        "knots": np.concatenate([np.zeros(0), *(item.knots for item in factors)]),
        "logs": np.concatenate([np.zeros(0), *(item.logs for item in factors)]),
    }
    return {PREFIX + name: array for name, array in arrays.items()}


def bounds(
    values: np.ndarray, arrays: Mapping[str, np.ndarray], features: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of each value; ``features`` are the encoded columns (m × w) as in ``fit``."""
    ends = np.cumsum(arrays[PREFIX + "sizes"])[:-1]
    factors = [
        Factor(int(column), knots, logs)
        for column, knots, logs in zip(
            arrays[PREFIX + "columns"],
            np.split(arrays[PREFIX + "knots"], ends),
            np.split(arrays[PREFIX + "logs"], ends),
            strict=False,
        )
    ]
    half = arrays[PREFIX + "half"] * _spread(factors, _table(np.asarray(values, dtype=np.float64), features))
    low, high = arrays[PREFIX + "range"]
    # A value outside the range of the truth still gets an interval, an empty one on the nearest end of the range.
    return np.clip(values - half, low, high), np.clip(values + half, low, high)


def _table(values: np.ndarray, features: np.ndarray | None) -> np.ndarray:
    # The predicted value is the last column, so that VALUE finds it and the others keep their places.
    parts = [values[:, None]] if features is None else [features, values[:, None]]
    return np.concatenate(parts, axis=1)


def _spread(factors: list[Factor], table: np.ndarray) -> np.ndarray:
    logs = np.zeros(len(table))
    for factor in factors:
        logs += factor.of(table[:, factor.column])
    return np.exp(np.clip(logs, -3.0, 3.0))


def _choose(error: np.ndarray, table: np.ndarray) -> list[int]:
    # Greedy by likelihood: an error of scale s has a Laplace density of exp(-error / s) / 2s.
    step = max(1, len(error) // ROWS_TO_CHOOSE)
    error, table = error[::step], table[::step]
    chosen: list[int] = []
    left = np.array(error)
    while len(chosen) < MOST_COLUMNS:
        gains = {
            column: _gain(left, _factor(left, table, column).of(table[:, column]))
            for column in range(-1, table.shape[1] - 1)
            if column not in chosen
        }
        best = max(gains, key=lambda column: gains[column], default=VALUE)
        if not gains or gains[best] < LEAST_GAIN + MOST_KNOTS / len(error):
            break
        chosen.append(best)
        left = error / _spread(_factors(error, table, chosen), table)
    return chosen


def _gain(error: np.ndarray, logs: np.ndarray) -> float:
    flat = max(float(error.mean()), 1e-12)
    return math.log(flat) + 1.0 - float(np.mean(logs + error / np.exp(logs)))


def _factors(error: np.ndarray, table: np.ndarray, columns: list[int]) -> list[Factor]:
    # Backfitting: each column in turn explains what the others leave, three times round.
    factors: dict[int, Factor] = {}
    for _ in range(3):
        for column in columns:
            others = [item for place, item in factors.items() if place != column]
            factors[column] = _factor(error / _spread(others, table), table, column)
    return list(factors.values())


def _factor(error: np.ndarray, table: np.ndarray, column: int) -> Factor:
    values = table[:, column]
    count = int(np.clip(len(values) // ROWS_A_KNOT, 1, MOST_KNOTS))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    group = np.searchsorted(edges, values, side="right")
    size = np.bincount(group, minlength=len(edges) + 1)
    there = size > 0
    size = size[there]
    knots = np.bincount(group, values, minlength=len(edges) + 1)[there] / size
    means = (np.bincount(group, error, minlength=len(edges) + 1)[there] + PRIOR * error.mean()) / (
        size + PRIOR
    )
    return Factor(column, knots, np.log(np.maximum(means, 1e-6)))
