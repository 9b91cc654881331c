"""Tests and bounds that may be looked at after every answer, for two slots that share the requests by chance.

Belongs here: e-values of counts and confidence bounds of a rate, on arrays. Does not belong here: what follows from
them (``artpulse_core.control.judging``).

The idea: whatever the share of failing answers is, and however it changes in a day, among slots that fail alike each
failure belongs to the secondary with probability ``q``, its share of the answers. A bet against that multiplies
one's stake by its likelihood ratio at each failure; a fair game seldom makes anybody rich, so a stake of 1/alpha
is evidence at level alpha at whatever moment one looks (Ville 1939; Shafer 2021, doi:10.1111/rssa.12647).

``q`` is the share that was seen, so that routing keys of very different traffic do not matter. Given the answers of
each slot, failures are then drawn without replacement, which varies less than the independent draws the bet is made
for: at any one look the e-value keeps its level exactly (Hoeffding 1963, theorem 4, doi:10.1080/01621459.1963.10500830).
That it keeps it over all looks is measured by ``benchmarks/rollout_sim.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# How many times as often the secondary fails: a bet is spread over these, most of it where a canary is decided.
RATIOS = (
    (1.2, 0.04),
    (1.5, 0.10),
    (2.0, 0.16),
    (3.0, 0.22),
    (5.0, 0.24),
    (10.0, 0.12),
    (32.0, 0.09),
    (200.0, 0.03),
)
# How far labels move: standard deviations of the log odds of each label's slot.
SPREADS = (0.3, 0.7, 1.5)
_TINY = 1e-300


def log_e_rate(hits: ArrayLike, total: ArrayLike, share: ArrayLike, *, worse: bool = True) -> Floats:
    """Natural log of the e-value that failures come more (``worse``) or less often from the secondary.

    ``hits`` of ``total`` failures were the secondary's, which gave ``share`` (0..1) of the answers; arrays whose last
    axis is the windows, over which evidence multiplies under one ratio. The result lacks that axis. With ratio r a
    failure is the secondary's with probability r·q / (r·q + 1 - q); a window without both slots says nothing.
    """
    x, m, q = (np.asarray(value, dtype=np.float64) for value in (hits, total, share))
    stake: Any = -np.inf
    for ratio, weight in RATIOS:
        r = ratio if worse else 1.0 / ratio
        log_bet = x * math.log(r) - m * np.log1p((r - 1.0) * q)
        stake = np.logaddexp(stake, log_bet.sum(axis=-1) + math.log(weight))
    return np.asarray(stake, dtype=np.float64)


def log_e_mix(hits: ArrayLike, total: ArrayLike) -> Floats:
    """Natural log of the e-value that the two slots give their labels in different proportions.

    ``hits`` of ``total`` answers with each label were the secondary's; the last two axes are windows and labels, and
    the result lacks them. Each label's odds of being the secondary's vary by a beta distribution around the share
    seen (beta-binomial), in one of ``SPREADS``; against it, every label has the same share.
    """
    from scipy.special import betaln, xlog1py, xlogy

    x, m = (np.asarray(value, dtype=np.float64) for value in (hits, total))
    first, every = x.sum(axis=-1, keepdims=True), m.sum(axis=-1, keepdims=True)
    q = np.divide(first, every, out=np.full(every.shape, 0.5), where=every > 0)
    both = (q > 0) & (q < 1)
    q = np.where(both, q, 0.5)
    even = xlogy(x, q) + xlog1py(m - x, -q)
    stake: Any = -np.inf
    for spread in SPREADS:
        strength = 1.0 / (q * (1.0 - q) * spread**2)
        a, b = strength * q, strength * (1.0 - q)
        terms = np.where(both, betaln(a + x, b + m - x) - betaln(a, b) - even, 0.0)
        stake = np.logaddexp(stake, terms.sum(axis=(-2, -1)) - math.log(len(SPREADS)))
    return np.asarray(stake, dtype=np.float64)


def upper_rate(hits: ArrayLike, n: ArrayLike, alpha: ArrayLike) -> Floats:
    """Bound above a rate after ``hits`` in ``n`` trials, wrong at any time at all with probability below ``alpha``.

    The largest p that the mixture of binomials over Beta(1/2, 1/2) does not beat by 1/alpha (Robbins 1970,
    doi:10.1214/aoms/1177696786). 1 without trials; to 1e-12 or better.
    """
    return _bound(hits, n, alpha, above=True)


def lower_rate(hits: ArrayLike, n: ArrayLike, alpha: ArrayLike) -> Floats:
    """The bound below a rate, as ``upper_rate``; 0 without trials."""
    return _bound(hits, n, alpha, above=False)


def _bound(hits: ArrayLike, n: ArrayLike, alpha: ArrayLike, *, above: bool) -> Floats:
    from scipy.special import betaln, xlog1py, xlogy

    x, trials, level = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (hits, n, alpha))
    )
    limit = betaln(x + 0.5, trials - x + 0.5) - math.log(math.pi) + np.log(level)
    seen = np.divide(x, trials, out=np.full(x.shape, 0.5), where=trials > 0)
    inner, outer = seen.copy(), np.full(x.shape, 1.0 if above else 0.0)
    for _ in range(46):
        middle = 0.5 * (inner + outer)
        inside = xlogy(x, np.maximum(middle, _TINY)) + xlog1py(trials - x, -middle) > limit
        inner, outer = np.where(inside, middle, inner), np.where(inside, outer, middle)
    return np.asarray(np.where(trials > 0, outer, 1.0 if above else 0.0), dtype=np.float64)
