"""Numbers that describe a feature before and after: quantiles, missing rate, PSI.

Belongs here: information for people; nothing here raises an alarm. PSI is among it because people look for
it, with what it shows by chance alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift.marginal import Cells, Floats
from artpulse_core.drift.profile import Profile

_QUANTILES = np.arange(1, 10) / 10.0


def describe(
    profile: Profile, ordered: Floats, valid: NDArray[np.int64], cells: Cells
) -> list[dict[str, Any]]:
    """A number feature's ``reference`` and ``current`` (median, q10, q90, missing), ``psi``, ``psi_by_chance``."""
    k = profile.points.shape[1]
    if not k or not ordered.shape[1]:
        return [{} for _ in valid]
    upto = cells.reference[:, 1::2]
    place = np.stack([(upto < q - 1e-12).sum(axis=1) for q in _QUANTILES], axis=1)
    place = np.minimum(place, k - 1)
    before = np.take_along_axis(profile.points, place, axis=1)
    spots = np.minimum((np.outer(valid, _QUANTILES)).astype(np.int64), np.maximum(valid - 1, 0)[:, None])
    after = np.take_along_axis(ordered, spots, axis=1)
    psi, chance = _psi(cells, place)
    lost = ordered.shape[1] - valid
    rows = max(profile.n, 1)
    return [
        {
            "reference": _numbers(before[j], profile.missing[j] / rows),
            "current": _numbers(after[j], lost[j] / ordered.shape[1]),
            "psi": float(psi[j]),
            "psi_by_chance": float(chance[j]),
        }
        for j in range(len(valid))
    ]


def _numbers(quantiles: Floats, missing: float) -> dict[str, float | None]:
    q10, median, q90 = (float(x) if np.isfinite(x) else None for x in quantiles[[0, 4, 8]])
    return {"median": median, "q10": q10, "q90": q90, "missing": float(missing)}


def _psi(cells: Cells, place: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Population stability index over the reference's deciles, half a row added to each bin.

    Without any drift it averages (bins - 1)(1/n + 1/m) (Yurdakul & Naranjo 2020), given beside it.
    """
    shares = []
    for cumulative, rows in ((cells.reference, cells.n), (cells.current, cells.m)):
        at = np.take_along_axis(cumulative[:, 1::2], place, axis=1)
        edge = np.zeros((len(at), 1))
        bins = np.diff(np.concatenate([edge, at, edge + 1.0], axis=1), axis=1) * rows[:, None] + 0.5
        shares.append(bins / bins.sum(axis=1, keepdims=True))
    psi = ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum(axis=1)
    used = 1 + (np.diff(place, axis=1) > 0).sum(axis=1)
    return psi, used * (1.0 / np.maximum(cells.n, 1.0) + 1.0 / np.maximum(cells.m, 1.0))
