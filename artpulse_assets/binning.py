"""Cutting numbers into bins and saying how sure a share is.

Belongs here: reliability bins, bands of equal size, Wilson's interval; used by tables and figures alike. Does not
belong here: drawing, and metrics (``artpulse_core.gates``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_assets.columns import numbers

RELIABILITY_BINS = 15
Z95 = 1.959963984540054


def wilson(share: Any, n: Any) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper 95 % bounds of a share of ``n`` rows, any shape (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    rate, count = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    middle = (rate + Z95**2 / (2 * count)) / (1 + Z95**2 / count)
    half = Z95 / (1 + Z95**2 / count) * np.sqrt(rate * (1 - rate) / count + Z95**2 / (4 * count**2))
    return middle - half, middle + half


@dataclass(frozen=True)
class Reliability:
    """Bins that hold rows: edges, sizes, mean confidence, share right with its 95 % bounds, and the ECE over them."""

    left: np.ndarray
    right: np.ndarray
    n: np.ndarray
    confidence: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ece: float


def reliability(confidence: Any, correct: Any, bins: int = RELIABILITY_BINS) -> Reliability:
    """Equal-width bins of ``confidence`` (n numbers 0–1) against ``correct`` (n booleans).

    ECE: Naeini, Cooper and Hauskrecht (2015), the mean gap weighted by rows. Raises ``ValueError`` when there is no
    row or the two differ in length.
    """
    trust, hit = numbers(confidence), np.asarray(correct).astype(float)
    if trust.size == 0 or trust.shape != hit.shape:
        raise ValueError("Calibration needs one confidence and one verdict a row.")
    edges = np.linspace(0, 1, bins + 1)
    slot = np.clip(np.digitize(trust, edges[1:-1], right=True), 0, bins - 1)
    sizes = np.bincount(slot, minlength=bins)
    used = np.flatnonzero(sizes)
    n = sizes[used]
    mean_trust, mean_hit = np.bincount(slot, trust, bins)[used] / n, np.bincount(slot, hit, bins)[used] / n
    low, high = wilson(mean_hit, n)
    gap = float(np.sum(n * np.abs(mean_trust - mean_hit)) / trust.size)
    return Reliability(edges[used], edges[used + 1], n, mean_trust, mean_hit, low, high, gap)


def bands(values: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a column into at most ``count`` bands of about equal size: band of each row (-1: missing), and the edges.

    Equal values never part, so a column with few values, or one that piles up at a cap, gives fewer bands; a constant
    or empty column gives one. Band i is ``edges[i] <= v < edges[i + 1]``, the last one closed.
    """
    column = numbers(values)
    known = np.isfinite(column)
    if not known.any():
        return np.full(column.shape, -1), np.zeros(0)
    edges = np.unique(np.quantile(column[known], np.linspace(0, 1, count + 1)))
    if edges.size < 2:
        edges = np.array([edges[0], edges[0]])
    place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, edges.size - 2)
    return np.where(known, place, -1), edges
