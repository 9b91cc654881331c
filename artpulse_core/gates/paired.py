"""Two models on the same rows: which is better, and how sure is that.

Belongs here: the paired bootstrap and McNemar's test. Does not belong here: limits (``policy``), verdicts
(``evaluate``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artpulse_core.gates.statistics import Floats, Interval, Ints, accuracy, macro_f1, macro_from_counts

_CHUNK_CELLS = 4_000_000


@dataclass(frozen=True)
class Pair:
    """True classes and the two models' answers, (n,) indices below ``k`` each."""

    y: Ints
    champion: Ints
    challenger: Ints
    k: int

    def part(self, mask: NDArray[np.bool_]) -> Pair:
        """The rows of ``mask``."""
        return Pair(self.y[mask], self.champion[mask], self.challenger[mask], self.k)

    def gain(self, metric: str) -> float:
        """Metric of the challenger less that of the champion."""
        return score(metric, self.y, self.challenger, self.k) - score(metric, self.y, self.champion, self.k)

    def discordant(self) -> tuple[int, int]:
        """Rows only the challenger has right, and rows only the champion has right."""
        mine, other = self.challenger == self.y, self.champion == self.y
        return int((mine & ~other).sum()), int((other & ~mine).sum())


def score(metric: str, y: Ints, predicted: Ints, k: int) -> float:
    """``accuracy`` or ``macro_f1`` of one model."""
    return accuracy(y, predicted) if metric == "accuracy" else macro_f1(y, predicted, k)


def mcnemar_worse(gained: int, lost: int) -> float:
    """One-sided exact p-value that the challenger loses more rows than it gains.

    P(X >= lost) for X ~ Binomial(gained + lost, 1/2) (McNemar 1947, doi:10.1007/BF02295996, exact form).
    """
    from scipy.special import bdtrc

    total = gained + lost
    return 1.0 if lost == 0 else float(bdtrc(lost - 1, total, 0.5))


def paired_bootstrap(pair: Pair, *, metric: str, resamples: int, seed: int) -> Floats:
    """Resampled differences challenger - champion of ``metric`` (``macro_f1`` or ``accuracy``), (resamples,).

    Rows that agree in (true, champion, challenger) are interchangeable, so resampling rows is one multinomial
    draw over at most k³ cells (Efron & Tibshirani 1993, chapter 16, paired by row).
    """
    k, n = pair.k, len(pair.y)
    cells, counts = np.unique((pair.y * k + pair.champion) * k + pair.challenger, return_counts=True)
    truth, first, second = cells // (k * k), (cells // k) % k, cells % k
    rng = np.random.default_rng(seed)
    eye = np.eye(k)
    parts = []
    step = max(1, _CHUNK_CELLS // len(cells))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.multinomial(n, counts / n, size=size).astype(float)
        if metric == "accuracy":
            parts.append(drawn @ ((second == truth).astype(float) - (first == truth)) / n)
            continue
        actual = drawn @ eye[truth]
        scores = [
            macro_from_counts(drawn @ (eye[truth] * (guess == truth)[:, None]), drawn @ eye[guess], actual)
            for guess in (first, second)
        ]
        parts.append(scores[1] - scores[0])
    return np.concatenate(parts)


def interval(value: float, samples: Floats, alpha: float) -> Interval:
    """Percentile interval with ``alpha`` in each tail."""
    low, high = np.quantile(samples, [alpha, 1.0 - alpha])
    return Interval(value, float(low), float(high))
