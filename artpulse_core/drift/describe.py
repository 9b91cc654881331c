"""Numbers that describe a feature before and after: quantiles, missing rate, PSI.

Belongs here: information for people; nothing here raises an alarm. PSI is among it because people look for
it, with what it shows by chance alone.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift.marginal import Cells, Floats
from artpulse_core.drift.profile import Profile
from artpulse_core.drift.window import Window

_QUANTILES = np.arange(1, 10) / 10.0


def describe(profile: Profile, window: Window, ordered: Floats, cells: Cells) -> list[dict[str, Any]]:
    """One entry a feature: ``reference``, ``current`` (missing rate; of numbers median, q10, q90) and PSI.

    ``ordered`` holds the window's sorted values, missing last.
    """
    gone = [np.isnan(window.matrix).sum(axis=1), [flags.sum() for flags in window.gone]]
    after = np.concatenate(gone) / max(window.m, 1)
    before = np.concatenate([profile.missing, profile.category_missing]) / max(profile.n, 1)
    entries: list[dict[str, Any]] = [
        {"reference": {"missing": float(was)}, "current": {"missing": float(now)}}
        for was, now in zip(before, after, strict=True)
    ]
    if profile.points.shape[1] and window.m:
        for entry, numbers in zip(entries, _numbers(profile, ordered, cells), strict=False):
            entry["reference"] |= numbers["reference"]
            entry["current"] |= numbers["current"]
            entry |= {"psi": numbers["psi"], "psi_by_chance": numbers["psi_by_chance"]}
    return entries


def _numbers(profile: Profile, ordered: Floats, cells: Cells) -> list[dict[str, Any]]:
    k, valid = profile.points.shape[1], cells.m.astype(np.int64)
    upto = cells.reference[:, 1::2]
    place = np.stack([(upto < q - 1e-12).sum(axis=1) for q in _QUANTILES], axis=1)
    place = np.minimum(place, k - 1)
    before = np.take_along_axis(profile.points, place, axis=1)
    spots = np.minimum((np.outer(valid, _QUANTILES)).astype(np.int64), np.maximum(valid - 1, 0)[:, None])
    after = np.take_along_axis(ordered, spots, axis=1)
    psi, chance = _psi(cells, place)
    return [
        {
            "reference": was,
            "current": now,
            "psi": by_decile,
            "psi_by_chance": by_chance,
        }
        for was, now, by_decile, by_chance in zip(
            _quantiles(before), _quantiles(after), psi.tolist(), chance.tolist(), strict=True
        )
    ]


def _quantiles(values: Floats) -> list[dict[str, float | None]]:
    """Of (d, 9) deciles; None for what is infinite or missing."""
    chosen = values[:, [4, 0, 8]]
    names = ("median", "q10", "q90")
    return [
        {name: value if isfinite(value) else None for name, value in zip(names, row, strict=True)}
        for row in chosen.tolist()
    ]


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
