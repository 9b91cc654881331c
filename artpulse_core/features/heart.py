"""The table set for the heart fields: the plain table, and two findings that are read together.

Belongs here: what a cardiologist would not read as separate columns. Does not belong here: the plain columns
(``tabular``).

- ``vessels``: how many vessels are narrowed. One column for each of 0 to 3 does not know that 3 is more than 1.
- ``depression not rising``: the depression of the ST segment where its slope is flat or falling, 0 where it rises. An
  exercise test counts as positive for a horizontal or downsloping depression (Gibbons et al. 2002, ACC/AHA guideline
  update for exercise testing, doi:10.1161/01.CIR.0000034670.06526.15); one that rises is common in the healthy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from artpulse_core.errors import ProblemError
from artpulse_core.features.table import FieldLike, Fitted, TableSet, single
from artpulse_core.features.tabular import Table, TableEncoder

VESSELS, DEPRESSION, SLOPE = "ca", "oldpeak", "slope"
RISING = 1
ADDED = ("vessels", "depression not rising")


class Heart(TableSet):
    """``table`` with two columns more. What is missing counts as the training rows do on average: the median number
    of vessels and of the depression, and the share of slopes that do not rise."""

    name = "heart"
    version = 1

    def __init__(self) -> None:
        self._table = Table()

    def fit(self, fields: Sequence[FieldLike], x: np.ndarray, y: np.ndarray | None, *, seed: int) -> Fitted:
        """``y`` and ``seed`` are not used. Raises ``ProblemError`` without the fields ca, oldpeak and slope."""
        names = [field.name for field in fields]
        if lacking := [name for name in (VESSELS, DEPRESSION, SLOPE) if name not in names]:
            raise ProblemError(f"The table feature set 'heart' needs the field {lacking[0]!r}; use 'table'.")
        places = [names.index(name) for name in (VESSELS, DEPRESSION, SLOPE)]
        levels = [list(fields[place].levels or ()) for place in places]
        if not levels[0] or RISING not in levels[2]:
            raise ProblemError(
                "The table feature set 'heart' needs ca and slope as categories, with 1 the rising slope; use 'table'."
            )
        vessels, depression, slope = (x[:, place] for place in places)
        rising = float(levels[2].index(RISING))
        known = slope[~np.isnan(slope)]
        arrays = {
            **self._table.fit(fields, x, y, seed=seed).arrays,
            "places": np.array(places, dtype=np.int64),
            "vessels": np.array(levels[0], dtype=np.float64),
            "rising": np.array(rising),
            "usual": np.array(
                [
                    _median(vessels),
                    _median(depression),
                    float((known != rising).mean()) if len(known) else 0.5,
                ]
            ),
        }
        return Fitted(arrays, self.open(arrays).transform(x))

    def open(self, arrays: Mapping[str, np.ndarray]) -> HeartEncoder:
        """The encoder; costs microseconds."""
        return HeartEncoder(arrays)

    @property
    def fingerprint(self) -> str:
        """That of the plain table is part of it."""
        return f"{super().fingerprint[:32]}{self._table.fingerprint[:32]}"


class HeartEncoder:
    """``Heart``, fitted."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._table = TableEncoder(arrays)
        self.names = (*self._table.names, *ADDED)
        self._places = arrays["places"]
        self._vessels = arrays["vessels"]
        self._rising = float(arrays["rising"])
        self._usual = arrays["usual"]

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Rows as numbers; never NaN."""
        cells = x[:, self._places].astype(np.float64)
        absent = np.isnan(cells)
        vessel = np.where(absent[:, 0], self._usual[0], cells[:, 0]).astype(np.int64)
        depression = np.where(absent[:, 1], self._usual[1], cells[:, 1])
        share = np.where(absent[:, 2], self._usual[2], cells[:, 2] != self._rising)
        added = np.column_stack([self._vessels[vessel], depression * share])
        return np.hstack([self._table.transform(x), single(added)])


def _median(column: np.ndarray) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0
