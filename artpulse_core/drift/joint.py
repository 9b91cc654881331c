"""Tests over features together: a small shift spread over many, and correlations that were lost.

Belongs here: statistics of all number features at once, given how they hang together in the reference. Does
not belong here: tests of single features (``marginal``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift.dependence import Dependence, choose_rows, normal_scores, pairwise
from artpulse_core.drift.marginal import Floats, Outcome

LEAST_ROWS = 10


def shift_of_many(z: Floats, dependence: Dependence, used: NDArray[np.bool_]) -> tuple[float, float]:
    """(p-value, statistic) of S = Σ z², location statistics z (d,) of the features ``used``.

    Under no drift z ~ N(0, R), so S is a weighted sum of χ²; its tail is taken from the first three moments
    d, 2 tr R², 8 tr R³ (Pearson type III; Pearson 1959, doi:10.1093/biomet/46.3-4.364).
    """
    from scipy.special import chdtrc

    chosen = dependence.joint & used
    d, known = int(chosen.sum()), int(dependence.joint.sum())
    if d < 2:
        return 1.0, 0.0
    trace2 = d + (dependence.trace2 - known) * (d / known) ** 2
    trace3 = d + (dependence.trace3 - known) * (d / known) ** 3
    statistic = float((z[chosen] ** 2).sum())
    freedom = trace2**3 / trace3**2
    x = (statistic - d) / np.sqrt(2.0 * trace2) * np.sqrt(2.0 * freedom) + freedom
    return float(chdtrc(freedom, max(x, 0.0))), statistic


def lost_correlations(
    matrix: Floats, hashes: NDArray[np.uint64], dependence: Dependence, inflation: Floats
) -> Outcome:
    """Change of the correlation of each pair of ``dependence.pairs``.

    Fisher's z of normal-score correlations with the variance factor 1 + ρ²/2 (Bonett & Wright 2000,
    doi:10.1007/BF02294183), over the rows where both features are known; a pair known in fewer than ten rows of
    either side is not judged. ``matrix`` is the window (features × m). Empty when there are too few rows.
    """
    from scipy.special import ndtr

    chosen = choose_rows(hashes)
    rows = len(chosen)
    if not len(dependence.pairs) or min(rows, dependence.rows) < LEAST_ROWS:
        empty = np.empty(0)
        return Outcome(empty, empty, empty)
    left, right = dependence.pairs.T
    scores = normal_scores(matrix[:, chosen])
    found, after = pairwise(scores, matrix[:, chosen], dependence.pairs)
    before = dependence.pair_rows
    now, then = np.clip(found, -0.9999, 0.9999), np.clip(dependence.correlation, -0.9999, 0.9999)
    enough = np.minimum(before, after) >= LEAST_ROWS
    n, m = np.maximum(before, LEAST_ROWS), np.maximum(after, LEAST_ROWS)
    usual = (then * n + now * m) / (n + m)
    spread = (1.0 + usual**2 / 2.0) * (1.0 / (n - 3) + 1.0 / (m - 3))
    spread *= np.maximum(inflation[left], inflation[right])
    z = (np.arctanh(now) - np.arctanh(then)) / np.sqrt(spread)
    varies: NDArray[np.bool_] = np.asarray((scores != 0.0).any(axis=1))
    z = np.where(varies[left] & varies[right] & enough, z, 0.0)
    return Outcome(2.0 * ndtr(-np.abs(z)), np.where(z == 0.0, 0.0, now - then), z)


def blame_pairs(pairs: NDArray[np.int64], z: Floats) -> list[int]:
    """The fewest features that explain the changed ``pairs``: again and again the one with the most evidence.

    A single changed pair names both its features, for nothing tells them apart.
    """
    left = list(zip(pairs.tolist(), (z**2).tolist(), strict=True))
    blamed: list[int] = []
    while left:
        weight: dict[int, float] = {}
        for (a, b), evidence in left:
            weight[a] = weight.get(a, 0.0) + evidence
            weight[b] = weight.get(b, 0.0) + evidence
        top = max(weight.values())
        chosen = [feature for feature in sorted(weight) if weight[feature] >= top * (1 - 1e-9)]
        blamed += chosen
        left = [pair for pair in left if not set(pair[0]) & set(chosen)]
    return blamed
