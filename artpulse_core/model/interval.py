"""Intervals of values (temporary: one quantile)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def fit(y: np.ndarray, out_of_fold: np.ndarray, *, level: float = 0.9) -> dict[str, np.ndarray]:
    n = len(y)
    q = min(1.0, np.ceil((n + 1) * level) / n)
    return {
        "interval.level": np.float64(level) * np.ones(()),
        "interval.half": np.quantile(np.abs(y - out_of_fold), q) * np.ones(()),
    }


def bounds(values: np.ndarray, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    half = float(arrays["interval.half"])
    return values - half, values + half
