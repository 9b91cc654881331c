"""How strongly two columns belong together, whatever their kinds.

Belongs here: one number for two numbers, two categories, or one of each. Does not belong here: drawing, or any
verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from artpulse_assets.columns import numbers, separation


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's ρ over the rows where both are known; 0 where one of them does not vary."""
    from scipy.stats import rankdata

    keep = np.isfinite(first) & np.isfinite(second)
    if keep.sum() < 3:
        return 0.0
    ranks = [rankdata(part[keep]) for part in (first, second)]
    spread = [part - part.mean() for part in ranks]
    size = float(np.sqrt((spread[0] ** 2).sum() * (spread[1] ** 2).sum()))
    return float((spread[0] * spread[1]).sum() / size) if size > 0 else 0.0


def cramers_v(first: np.ndarray, second: np.ndarray) -> float:
    """Cramér's V of two columns of categories, 0–1, corrected for chance (Bergsma 2013); 0 where one is constant."""
    a, b = (np.unique(part, return_inverse=True)[1] for part in (first, second))
    n, rows, columns = len(a), int(a.max(initial=-1)) + 1, int(b.max(initial=-1)) + 1
    if n < 2 or rows < 2 or columns < 2:
        return 0.0
    counts = np.zeros((rows, columns))
    np.add.at(counts, (a, b), 1)
    wanted = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi = float(((counts - wanted) ** 2 / wanted).sum()) / n
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    r, c = (size - (size - 1) ** 2 / (n - 1) for size in (rows, columns))
    return float(min(1.0, np.sqrt(phi / max(min(r, c) - 1, 1e-12))))


def strength(first: np.ndarray, second: np.ndarray, *, categories: tuple[bool, bool]) -> float:
    """Spearman's ρ (−1 to 1) of two numbers, Cramér's V of two categories, the correlation ratio η of one of each.

    ``first`` and ``second``: n floats with NaN for missing; ``categories``: which of them are level indices.
    """
    if not any(categories):
        return rank_correlation(first, second)
    keep = np.isfinite(first) & np.isfinite(second)
    a, b = first[keep], second[keep]
    if all(categories):
        return cramers_v(a, b)
    return float(np.sqrt(separation(b, a) if categories[0] else separation(a, b)))


def associations(columns: Mapping[str, Any], categories: Collection[str]) -> tuple[list[str], np.ndarray]:
    """Names of the varying columns and their f × f strengths; ``categories`` names the columns of level indices."""
    kept = {str(name): numbers(values) for name, values in columns.items()}
    kept = {name: values for name, values in kept.items() if len(np.unique(values[np.isfinite(values)])) > 1}
    names = list(kept)
    matrix = np.eye(len(names))
    for i, first in enumerate(names):
        for j in range(i):
            kinds = (first in categories, names[j] in categories)
            matrix[i, j] = matrix[j, i] = strength(kept[first], kept[names[j]], categories=kinds)
    return names, matrix


def informative(
    columns: Mapping[str, Any], truth: np.ndarray | None, most: int, *, number: bool = False
) -> list[str]:
    """The ``most`` columns that tell most about ``truth`` (n labels, or n numbers where ``number``), in their order.

    Without a truth the first ones.
    """
    names = list(columns)
    if len(names) <= most or truth is None:
        return names[:most]
    told = {
        name: abs(rank_correlation(numbers(columns[name]), truth))
        if number
        else separation(numbers(columns[name]), truth)
        for name in names
    }
    best = set(sorted(names, key=lambda name: -told[name])[:most])
    return [name for name in names if name in best]
