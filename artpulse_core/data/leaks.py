"""Columns that give the target away.

Belongs here: a column against the target, both as numbers. Does not belong here: what columns are (``inference``),
leakage over the split (data quality).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from artpulse_core.data.fields import Task

Leak = Literal["same", "determines"]


def leak(column: np.ndarray, target: np.ndarray, task: Task) -> Leak | None:
    """What (n,) ``column`` says about (n,) ``target`` (label indices, or values of a regression).

    ``same``: one goes with one value of the other, exactly, everywhere; for numbers in the same or the reverse
    order, so that a scaled, shifted or logarithmic copy counts. ``determines``: each repeated value of the column
    goes with one label only. Rows where either is missing are left out.
    """
    known = ~(np.isnan(column) | np.isnan(target))
    column, target = column[known], target[known]
    if len(column) < 10:
        return None
    values, place = np.unique(column, return_inverse=True)
    labels, label = np.unique(target, return_inverse=True)
    pairs = np.unique(place * len(labels) + label)
    if len(pairs) != len(values):
        return None
    if len(values) == len(labels):
        steps = np.diff(pairs % len(labels))
        few = len(values) <= 0.5 * len(column)
        ordered = len(values) > 2 and (bool(np.all(steps > 0)) or bool(np.all(steps < 0)))
        if few or ordered:
            return "same"
    return "determines" if task == "classification" and 5 * len(values) <= len(column) else None
