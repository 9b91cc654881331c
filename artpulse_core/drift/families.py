"""The families of tests of single features: which test applies to which features of a window.

Belongs here: running the tests of ``marginal`` where they make sense. Does not belong here: correction and
alarm (``compare``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift import marginal
from artpulse_core.drift.marginal import Cells, Outcome
from artpulse_core.drift.profile import Profile
from artpulse_core.drift.window import Window


@dataclass(frozen=True)
class Family:
    """One kind of test over features: outcome and the places (in ``Profile.names``) it belongs to."""

    name: str
    outcome: Outcome
    places: NDArray[np.int64]
    scale: float = 1.0


def families(
    profile: Profile, window: Window, cells: Cells, used: NDArray[np.int64], details: list[dict[str, Any]]
) -> tuple[list[Family], Outcome]:
    """All families with a feature to test, and the location outcome of every number feature.

    ``used`` are the number features with enough values; of a model's answers only the mean is judged. The level that changed most is added to ``details``.
    """
    location, spread = marginal.rank_tests(cells, profile.inflation)
    asked, used = used[profile.answers[used]], used[~profile.answers[used]]
    found = [
        Family("answers", marginal.mean_test(profile, window.matrix).pick(asked), asked),
        Family("location", location.pick(used), used),
        Family("spread", spread.pick(used), used),
        Family("shape", marginal.shape_test(cells, profile.inflation).pick(used), used),
        Family("range", marginal.range_test(cells).pick(used), used),
        _missing(profile, window),
        _categories(profile, window, cells, details),
    ]
    return [family for family in found if len(family.places)], location


def _missing(profile: Profile, window: Window) -> Family:
    before = np.concatenate([profile.missing, profile.category_missing])
    after = np.concatenate(
        [
            np.isnan(window.matrix).sum(axis=1),
            np.asarray([flags.sum() for flags in window.gone], dtype=np.int64),
        ]
    )
    some = np.flatnonzero(before + after)
    outcome = marginal.missing_test(before[some], profile.n, after[some], window.m)
    return Family("missing", outcome, some, scale=max(1.0, len(before) / max(len(some), 1)))


def _categories(profile: Profile, window: Window, cells: Cells, details: list[dict[str, Any]]) -> Family:
    """Category features, and numbers with few values, whose mix can change without a shift."""
    d = len(profile.numbers)
    results: list[tuple[dict[str, int], dict[str, int]]] = []
    places: list[int] = []
    few = (np.isfinite(profile.points).sum(axis=1) <= marginal.FEW_LEVELS) & (cells.m > 0)
    few &= ~profile.answers
    for j in np.flatnonzero(few).tolist():
        before, after = _levels_of_number(profile, cells, j)
        results.append((before, after))
        places.append(j)
    for j, (text, gone) in enumerate(zip(window.levels, window.gone, strict=True)):
        names, counts = np.unique(text[~gone], return_counts=True)
        results.append((profile.levels(j), dict(zip(names.tolist(), counts.tolist(), strict=True))))
        places.append(d + j)
    rows = [marginal.category_test(before, after) for before, after in results]
    for place, (before, after) in zip(places, results, strict=True):
        details[place] |= _largest_change(before, after)
    table = np.asarray(rows, dtype=float).reshape(-1, 3)
    return Family(
        "category", Outcome(table[:, 0], table[:, 1], table[:, 2]), np.asarray(places, dtype=np.int64)
    )


def _levels_of_number(profile: Profile, cells: Cells, j: int) -> tuple[dict[str, int], dict[str, int]]:
    points = profile.points[j][np.isfinite(profile.points[j])]
    held = (profile.upto[j] - profile.below[j])[: len(points)]
    pairs = cells.current[j].reshape(-1, 2)[: len(points)] * cells.m[j]
    seen = np.rint(pairs[:, 1] - pairs[:, 0]).astype(int)
    names = [f"{value:g}" for value in points]
    after = dict(zip(names, seen.tolist(), strict=True))
    return dict(zip(names, held.tolist(), strict=True)), {**after, "other": int(cells.m[j] - seen.sum())}


def _largest_change(before: dict[str, int], after: dict[str, int]) -> dict[str, Any]:
    n, m = max(sum(before.values()), 1), max(sum(after.values()), 1)
    change = {name: after.get(name, 0) / m - before.get(name, 0) / n for name in sorted({*before, *after})}
    if not change:
        return {}
    level = max(change, key=lambda name: abs(change[name]))
    return {"level": level, "change": change[level]}
