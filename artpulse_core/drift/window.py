"""A window of events brought into the shape of a profile: same features, each event once.

Belongs here: aligning columns and counting identical events once. Does not belong here: tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift import columns as cols
from artpulse_core.drift.columns import Floats
from artpulse_core.drift.profile import Profile

_MOSTLY_DISTINCT = 0.9


@dataclass(frozen=True)
class Window:
    """``matrix`` (number features × m) and ``levels``, ``gone`` (one array a category feature), m events.

    ``absent`` are features the window lacks (all values missing), ``extra`` columns the profile lacks.
    """

    matrix: Floats
    levels: list[NDArray[np.str_]]
    gone: list[NDArray[np.bool_]]
    hashes: NDArray[np.uint64]
    rows: int
    m: int
    absent: tuple[str, ...]
    extra: tuple[str, ...]


def read_window(profile: Profile, current: Any, ids: Any | None) -> Window:
    """Align ``current`` to ``profile`` and keep each event once.

    With ``ids`` (m,) the first row of each id is kept. Without, exactly repeated rows are counted once if
    rows of the reference hardly ever repeat; where they do, repetition is what the data look like, and where
    a feature was lost, rows look alike that are not.
    """
    table = cols.read_table(current)
    rows = len(next(iter(table.values()), np.empty(0)))
    nothing = np.full(rows, np.nan)
    matrix = np.empty((len(profile.numbers), rows))
    for j, name in enumerate(profile.numbers.tolist()):
        matrix[j] = cols.to_numbers(table.get(name, nothing))
    pairs = [cols.to_levels(table.get(name, nothing)) for name in profile.categories.tolist()]
    levels, gone = [text for text, _ in pairs], [flags for _, flags in pairs]
    hashes = cols.row_hashes(matrix, levels, rows)
    absent = tuple(name for name in profile.names if name not in table)
    lost = bool(absent) or bool((np.isnan(matrix).all(axis=1) & (profile.valid > 0)).any())
    kept = np.arange(rows)
    if ids is not None and len(ids) == rows:
        kept = cols.first_of_each(np.asarray(ids).astype(str))
    elif profile.distinct >= _MOSTLY_DISTINCT and not lost:
        kept = cols.first_of_each(hashes)
    if len(kept) < rows:
        matrix, hashes = matrix[:, kept], hashes[kept]
        levels, gone = [text[kept] for text in levels], [flags[kept] for flags in gone]
    known = set(profile.names)
    extra = tuple(name for name in table if name not in known)
    return Window(matrix, levels, gone, hashes, rows, len(kept), absent, extra)
