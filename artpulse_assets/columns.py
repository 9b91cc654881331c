"""Columns of a table as numbers, and what is measured on them for people to see.

Belongs here: reading columns of any type without raising, gaps, ties and separation. Does not belong here: drawing, and
refusing data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def numbers(values: Any) -> np.ndarray:
    """A column as float64, n; what is no number becomes NaN."""
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)

    def read(value: object) -> float:
        try:
            return float(value)  # type: ignore[arg-type]  # float raises for what is none
        except (TypeError, ValueError):
            return float("nan")

    return np.fromiter((read(value) for value in array.ravel()), np.float64, array.size)


def finite(values: Any) -> np.ndarray:
    """The finite values of a column as float64; what is no number counts as missing."""
    array = numbers(values)
    known: np.ndarray = array[np.isfinite(array)]
    return known


def missing_share(values: Any) -> float:
    """Share of a column that is NaN, infinite or None, 0–1; an empty column has none."""
    array = np.asarray(values)
    if array.size == 0:
        return 0.0
    if array.dtype.kind in "fc":
        return float(np.mean(~np.isfinite(array)))
    if array.dtype.kind == "O":
        return float(np.mean([value is None or value != value for value in array.ravel()]))  # noqa: PLR0124 - NaN
    return 0.0


def separation(values: np.ndarray, labels: np.ndarray) -> float:
    """Share of a column's variance that lies between labels, 0–1 (correlation ratio, Fisher 1925)."""
    keep = np.isfinite(values)
    values, labels = values[keep], labels[keep]
    values = values / max(float(np.abs(values).max(initial=0.0)), 1e-300)  # squares of 1e300 overflow
    if values.size < 2 or not (spread := float(np.var(values))) > 0:
        return 0.0
    _, codes = np.unique(labels, return_inverse=True)
    sizes = np.bincount(codes)
    means = np.bincount(codes, weights=values) / sizes
    return float(np.sum(sizes * (means - values.mean()) ** 2) / values.size / spread)


def correlations(columns: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Names of the varying columns and their f × f Pearson matrix; missing values count as the median."""
    names: list[str] = []
    kept: list[np.ndarray] = []
    for name, raw in columns.items():
        values = numbers(raw)
        known = finite(values)
        largest = float(np.abs(known).max(initial=0.0))
        if known.size < 2 or not np.ptp(known / max(largest, 1e-300)) > 1e-12:
            continue
        values = (
            np.where(np.isfinite(values), values, np.median(known)) / largest
        )  # squares of 1e300 overflow
        names.append(str(name))
        kept.append((values - values.mean()) / values.std())
    if not kept:
        return [], np.zeros((0, 0))
    stacked = np.stack(kept)
    return names, np.clip(stacked @ stacked.T / stacked.shape[1], -1, 1)
