"""How features hang together in the reference: correlations, and rows that come in groups.

Belongs here: what a profile must know about dependence so that tests over many correlated features keep
their false-alarm rate. Does not belong here: the tests themselves (``joint``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_ROWS = 1000
ALL_PAIRS_UP_TO = 64
PARTNERS = 5


@dataclass(frozen=True)
class Dependence:
    """Normal-score correlations of the number features.

    ``joint`` (d,) which features vary; ``trace2``, ``trace3`` traces of R² and R³ over these; ``pairs``
    (p, 2) places of feature pairs and ``correlation`` (p,) of each: all pairs of up to 64 features, and of
    more features each with its five strongest partners; ``rows`` the number of rows behind these numbers, and
    ``pair_rows`` (p,) those in which both features of a pair are known.
    """

    joint: NDArray[np.bool_]
    trace2: float
    trace3: float
    pairs: NDArray[np.int64]
    correlation: Floats
    rows: int
    pair_rows: NDArray[np.int64]

    @classmethod
    def build(cls, matrix: Floats, hashes: NDArray[np.uint64]) -> Dependence:
        """Measure (features × n) values on at most 1,000 rows, whatever order they come in."""
        chosen = choose_rows(hashes)
        scores = normal_scores(matrix[:, chosen])
        joint = (scores != 0.0).any(axis=1)
        rows, varied = len(chosen), np.flatnonzero(joint)
        if rows < 4 or not len(varied):
            none = np.empty(0, np.int64)
            return cls(joint & False, 0.0, 0.0, none.reshape(0, 2), np.empty(0), rows, none)
        unit = scores[varied].astype(np.float32)
        full = (unit @ unit.T).astype(np.float64)
        np.fill_diagonal(full, 1.0)
        trace2, trace3 = _traces(full, rows)
        left, right = _pairs(full)
        pairs = np.column_stack([varied[left], varied[right]])
        correlation, known = pairwise(scores, matrix[:, chosen], pairs)
        return cls(joint, trace2, trace3, pairs, correlation, rows, known)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays named ``dependence_…``."""
        return {f"dependence_{name}": np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Dependence:
        """The reverse of ``to_arrays``; raises ``KeyError`` for a missing array.

        Profiles of earlier versions do not say how many rows are behind a pair: all of them, then.
        """
        rows = int(arrays["dependence_rows"])
        whole = np.full(len(arrays["dependence_pairs"]), rows, dtype=np.int64)
        return cls(
            joint=arrays["dependence_joint"],
            trace2=float(arrays["dependence_trace2"]),
            trace3=float(arrays["dependence_trace3"]),
            pairs=arrays["dependence_pairs"],
            correlation=arrays["dependence_correlation"],
            rows=rows,
            pair_rows=arrays.get("dependence_pair_rows", whole),
        )


def _pairs(full: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    d = len(full)
    if d <= ALL_PAIRS_UP_TO:
        left, right = np.triu_indices(d, 1)
        return left.astype(np.int64), right.astype(np.int64)
    strength = np.abs(full)
    np.fill_diagonal(strength, -1.0)
    partners = np.argpartition(-strength, PARTNERS, axis=1)[:, :PARTNERS].ravel()
    own = np.repeat(np.arange(d), PARTNERS)
    codes = np.unique(np.minimum(own, partners) * d + np.maximum(own, partners))
    return codes // d, codes % d


def choose_rows(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """At most ``MAX_ROWS`` distinct rows, the same ones in whatever order they come."""
    distinct = np.unique(hashes, return_index=True)[1].astype(np.int64)
    return distinct[:MAX_ROWS]


def normal_scores(matrix: Floats) -> Floats:
    """Van der Waerden scores of (features × n) values: Φ⁻¹ of mid-ranks, centred, of unit length.

    Missing values and constant features are zero.
    """
    from scipy.special import ndtri

    ranks = np.full(matrix.shape, 0.5)
    for j, values in enumerate(matrix):
        present = ~np.isnan(values)
        whole = bool(present.all())
        kept = values if whole else values[present]
        if len(kept) < 2:
            continue
        places = np.argsort(kept)
        ordered = kept[places]
        new = np.empty(len(kept), dtype=bool)
        new[0] = True
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        mid = np.arange(len(kept)) + 0.5
        if not new.all():
            starts = np.flatnonzero(new)
            ends = np.append(starts[1:], len(kept))
            mid = ((starts + ends) / 2.0)[np.cumsum(new) - 1]
        share = np.empty(len(kept))
        share[places] = mid / len(kept)
        ranks[j, slice(None) if whole else present] = share
    scores = np.asarray(ndtri(ranks), dtype=np.float64)
    scores -= np.where(np.isnan(matrix), 0.0, scores.mean(axis=1, keepdims=True)) if scores.size else 0.0
    length = np.sqrt((scores**2).sum(axis=1, keepdims=True)) if scores.size else 1.0
    return np.asarray(np.divide(scores, length, out=np.zeros_like(scores), where=length > 1e-9))


def pairwise(scores: Floats, matrix: Floats, pairs: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Correlation of each pair of normal scores over the rows where both are known, and how many these are.

    Columns of a table are often missing together, in the same rows: then far fewer rows speak for a pair than there
    are, and a change that is chance would look certain.
    """
    left, right = pairs.T
    product = (scores @ scores.T)[left, right]
    known = ~np.isnan(matrix)
    if known.all():
        return product, np.full(len(pairs), matrix.shape[1], dtype=np.int64)
    present = known.astype(np.float64)
    both = np.rint((present @ present.T)[left, right]).astype(np.int64)
    size = (scores**2) @ present.T  # i, j: sum of squares of i over the rows where j is known
    length = np.sqrt(size[left, right] * size[right, left])
    return np.divide(product, length, out=np.zeros_like(product), where=length > 1e-9), both


def _traces(full: Floats, rows: int) -> tuple[float, float]:
    """Traces of R² and R³ after off-diagonals are shrunk by what chance alone adds to their squares.

    E r² = ρ² + (1 - ρ²)² / (rows - 1) (Schäfer & Strimmer 2005, doi:10.2202/1544-6115.1175).
    """
    d = len(full)
    squares = full**2
    total = float(squares.sum() - d)
    noise = float((((1.0 - squares) ** 2).sum()) / (rows - 1))
    factor = float(np.sqrt(max(0.0, 1.0 - noise / total))) if total > 0 else 0.0
    shrunk = full * factor
    np.fill_diagonal(shrunk, 1.0)
    square = shrunk @ shrunk
    return float((shrunk**2).sum()), float((square * shrunk).sum())


def cluster_inflation(matrix: Floats, groups: NDArray[Any] | None) -> Floats:
    """(features,) factor by which rows in groups inflate the variance of a mean; 1 without groups.

    Ratio of the between-group to the independent-rows variance of the mean normal score (Kish 1965, design
    effect; Liang & Zeger 1986 for the sum over groups), never under 1.
    """
    if groups is None or not matrix.size:
        return np.ones(len(matrix))
    _, member = np.unique(groups.astype(str), return_inverse=True)
    scores = normal_scores(matrix)
    sums = np.zeros((len(matrix), int(member.max()) + 1))
    for j, row in enumerate(scores):
        sums[j] = np.bincount(member, row, sums.shape[1])
    return np.asarray(np.maximum((sums**2).sum(axis=1), 1.0))
