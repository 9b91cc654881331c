"""Tests of one feature at a time: location, spread, shape, range, missing values, category mix.

Belongs here: p-values and effect sizes for all features at once, from a profile and a window. Does not
belong here: correction over features and the alarm (``compare``). Every test is on ranks or counts, so units
and heavy tails do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift.profile import Profile

Floats = NDArray[np.float64]
FEW_LEVELS = 20
_BLOCK = 16  # features judged at a time: their cells then stay in a core's cache


@dataclass(frozen=True)
class Outcome:
    """One test over f features: raw p-values, effect sizes (comparable to the test's floor), statistics."""

    p: Floats
    effect: Floats
    statistic: Floats

    def pick(self, places: NDArray[np.int64]) -> Outcome:
        """The outcome at some features."""
        return Outcome(self.p[places], self.effect[places], self.statistic[places])


@dataclass(frozen=True)
class Cells:
    """Reference and window counted on the same cells, the profile's points and the gaps between them.

    ``reference``, ``current`` (d, 2K) cumulative shares; ``n``, ``m`` (d,) rows with a value.
    """

    reference: Floats
    current: Floats
    n: Floats
    m: Floats


def count_cells(profile: Profile, ordered: Floats, valid: NDArray[np.int64]) -> Cells:
    """Count a window's sorted values (d, m; missing last) on the profile's points."""
    d, k = profile.points.shape
    counts = np.empty((d, k, 2))
    for j, points in enumerate(profile.points):
        values = ordered[j, : valid[j]]
        upto = np.searchsorted(values, points, side="right")
        counts[j, :, 1] = upto
        tied = bool((values[np.maximum(upto - 1, 0)] == points).any()) if len(values) else False
        counts[j, :, 0] = np.searchsorted(values, points, side="left") if tied else upto
    reference = np.stack([profile.below, profile.upto], axis=2).reshape(d, 2 * k).astype(np.float64)
    n, m = profile.valid.astype(float), valid.astype(float)
    current = counts.reshape(d, 2 * k)
    reference /= np.maximum(n, 1.0)[:, None]
    current /= np.maximum(m, 1.0)[:, None]
    return Cells(reference, current, n, m)


def rank_tests(cells: Cells, inflation: Floats) -> tuple[Outcome, Outcome]:
    """Location and spread: linear rank statistics with normal scores and squared normal scores.

    van der Waerden and Klotz (Hájek, Šidák & Sen 1999, chapter 4); the permutation variance is taken over
    the pooled mid-ranks, so ties are exact. Effects are in standard deviations of the score; for normal data
    a shift of 0.3 σ has an effect of about 0.3.
    """
    blocks = [
        _rank_block(cells, inflation, slice(start, start + _BLOCK))
        for start in range(0, max(len(cells.n), 1), _BLOCK)
    ]
    return _joined([location for location, _ in blocks]), _joined([spread for _, spread in blocks])


def _joined(parts: list[Outcome]) -> Outcome:
    return Outcome(
        np.concatenate([part.p for part in parts]),
        np.concatenate([part.effect for part in parts]),
        np.concatenate([part.statistic for part in parts]),
    )


def _rank_block(cells: Cells, inflation: Floats, rows: slice) -> tuple[Outcome, Outcome]:
    from scipy.special import ndtr, ndtri

    n, m = cells.n[rows], cells.m[rows]
    reference, current = cells.reference[rows], cells.current[rows]
    total = np.maximum(n + m, 1.0)
    share = n / total
    pooled = reference * share[:, None] + current * (1.0 - share)[:, None]
    edge = np.zeros((len(pooled), 1))
    bounds = np.concatenate([edge, pooled, edge + 1.0], axis=1)
    width = np.diff(bounds, axis=1)
    gap = np.diff(np.concatenate([edge, current - reference, edge], axis=1), axis=1)
    tiny = 0.25 / total[:, None]
    score = ndtri(np.clip((bounds[:, 1:] + bounds[:, :-1]) / 2.0, tiny, 1.0 - tiny))
    scale = np.sqrt(inflation[rows] * (1.0 / np.maximum(n, 1.0) + 1.0 / np.maximum(m, 1.0)))
    results = []
    for values in (score, score * score):
        apart = values - np.einsum("ij,ij->i", width, values)[:, None]
        weighed = width * apart
        spread = np.sqrt(np.einsum("ij,ij->i", weighed, apart))
        third = np.einsum("ij,ij->i", weighed * apart, apart)
        change = np.einsum("ij,ij->i", gap, values)
        effect = np.divide(change, spread, out=np.zeros_like(change), where=spread > 1e-9)
        skew = np.divide(third, spread**3, out=np.zeros_like(third), where=spread > 1e-9)
        z = _without_skew(effect / scale, skew * (2.0 * share - 1.0) * scale)
        results.append(Outcome(2.0 * ndtr(-np.abs(z)), effect, z))
    return results[0], results[1]


def mean_test(profile: Profile, matrix: Floats) -> Outcome:
    """Change of the mean of values that are comparable as they are, such as probabilities (d × m, NaN missing).

    Pooled variance, as under exchangeable rows, with the skew of the reference taken out (``_without_skew``). A
    calibrated model that becomes sharper keeps its mean probability, not its median: ranks would alarm.
    """
    from scipy.special import ndtr

    there = ~np.isnan(matrix)
    n, m = np.maximum(profile.valid, 1).astype(float), np.maximum(there.sum(axis=1), 1).astype(float)
    change = np.where(there, matrix, 0.0).sum(axis=1) / m - profile.mean
    apart = np.where(there, matrix - (profile.mean + change)[:, None], 0.0)
    pooled = (n * profile.std**2 + (apart * apart).sum(axis=1)) / (n + m) + change**2 * n * m / (n + m) ** 2
    spread = np.sqrt(pooled)
    effect = np.divide(change, spread, out=np.zeros_like(change), where=spread > 1e-9)
    known = np.isfinite(profile.points)
    scaled = np.where(
        known, (profile.points - profile.mean[:, None]) / np.maximum(profile.std, 1e-9)[:, None], 0.0
    )
    skew = (scaled * scaled * scaled).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    scale = np.sqrt(profile.inflation * (1.0 / n + 1.0 / m))
    z = _without_skew(effect / scale, skew * (n - m) / (n + m) * scale)
    return Outcome(2.0 * ndtr(-np.abs(z)), effect, z)


def _without_skew(z: Floats, skew: Floats) -> Floats:
    """First Cornish-Fisher term, z - g(z² - 1)/6: squared scores are skewed and the alarm line is far out.

    Held constant beyond the point where the expansion would turn back.
    """
    limit = np.minimum(6.0, 3.0 / np.maximum(np.abs(skew), 1e-9))
    near = np.clip(z, -limit, limit)
    return np.asarray(z - skew * (near**2 - 1.0) / 6.0)


def shape_test(cells: Cells, inflation: Floats) -> Outcome:
    """Kolmogorov-Smirnov distance; asymptotic p-value, conservative with ties (Hodges 1958)."""
    from scipy.special import kolmogorov

    distance = np.abs(cells.reference - cells.current).max(axis=1, initial=0.0)
    rows = cells.n * cells.m / np.maximum(cells.n + cells.m, 1.0) / inflation
    return Outcome(np.asarray(kolmogorov(np.sqrt(rows) * distance)), distance, distance)


def range_test(cells: Cells) -> Outcome:
    """Share of the window beyond the reference's extremes.

    k values beyond the largest of n: P = m!(N - k)! / ((m - k)! N!), exact for exchangeable rows.
    """
    from scipy.special import gammaln

    m, total = cells.m, cells.n + cells.m
    if not cells.current.shape[1]:
        return Outcome(np.ones(len(m)), np.zeros(len(m)), np.zeros(len(m)))
    beyond = np.maximum(np.rint(cells.current[:, 0] * m), np.rint((1.0 - cells.current[:, -1]) * m))
    logs = gammaln(m + 1) - gammaln(m - beyond + 1) + gammaln(total - beyond + 1) - gammaln(total + 1)
    return Outcome(np.minimum(2.0 * np.exp(logs), 1.0), beyond / np.maximum(m, 1.0), beyond)


def missing_test(before: NDArray[np.int64], n: int, after: NDArray[np.int64], m: int) -> Outcome:
    """Difference of the missing rates: Fisher's exact test, twice the smaller tail."""
    rates = after / max(m, 1) - before / max(n, 1)
    p = np.ones(len(rates))
    for j in np.flatnonzero(np.abs(rates) > 0.0):
        p[j] = _fisher(int(before[j]), n, int(after[j]), m)
    return Outcome(p, rates, rates)


def _fisher(before: int, n: int, after: int, m: int) -> float:
    from scipy.special import gammaln, logsumexp

    total = before + after
    x = np.arange(max(0, total - n), min(total, m) + 1)
    log = (gammaln(m + 1) - gammaln(x + 1) - gammaln(m - x + 1)) + (
        gammaln(n + 1) - gammaln(total - x + 1) - gammaln(n - total + x + 1)
    )
    log -= logsumexp(log)
    tail = min(float(np.exp(log[x >= after]).sum()), float(np.exp(log[x <= after]).sum()))
    return min(1.0, 2.0 * tail)


def category_test(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[float, float, float]:
    """Change of a category mix: (p-value, effect, χ²).

    Twice the smaller of Pearson's χ² of homogeneity and the best level's exact Fisher test over all levels:
    the first sees a mix that moved, the second one level that vanished. Levels too rare to expect five in the
    smaller sample, and levels the reference never had, are counted together. Effect is Cohen's w less its
    upward bias, √((χ² - df)₊/rows).
    """
    from scipy.special import chdtrc

    names = sorted({*before, *after})
    table = np.asarray([[before.get(x, 0), after.get(x, 0)] for x in names], dtype=float).reshape(-1, 2)
    sizes = table.sum(axis=0)
    if min(sizes) <= 0:
        return 1.0, 0.0, 0.0
    need = 5.0 * sizes.sum() / min(sizes)
    common = (table.sum(axis=1) >= need) & (table[:, 0] > 0)
    kept, rest = table[common], table[~common].sum(axis=0)
    if rest.sum() >= need or not len(kept):
        kept = np.vstack([kept, rest])
    elif rest.sum() > 0:
        kept[kept.sum(axis=1).argmin()] += rest
    if len(kept) < 2:
        return 1.0, 0.0, 0.0
    expected = kept.sum(axis=1, keepdims=True) * sizes / sizes.sum()
    statistic = float(((kept - expected) ** 2 / expected).sum())
    df = len(kept) - 1
    rows = float(sizes.prod() / sizes.sum())
    effect = float(np.sqrt(max(statistic - df, 0.0) / rows))
    n, m = int(sizes[0]), int(sizes[1])
    single = min(_fisher(int(was), n, int(now), m) for was, now in kept)
    return min(1.0, 2.0 * min(float(chdtrc(df, statistic)), len(kept) * single)), effect, statistic
