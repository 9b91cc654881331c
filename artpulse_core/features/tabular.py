"""The table set for any table: medians for missing numbers, one column for each level of a category.

Belongs here: what every table needs, whatever it is about. Does not belong here: scaling, which is the estimators' own
business (trees want none), and anything that looks at the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from artpulse_core.features.table import FieldLike, Fitted, TableSet, single

NUMBER, LEVEL, MISSING = range(3)


class Table(TableSet):
    """Numbers, imputed by the median of training, with a column that says so where training had missing ones;
    categories one-hot over their levels, with a column for missing where the field may be."""

    name = "table"
    version = 1

    def fit(self, fields: Sequence[FieldLike], x: np.ndarray, y: np.ndarray | None, *, seed: int) -> Fitted:
        """``y`` and ``seed`` are not used: nothing here is learned from targets or by chance."""
        plan: list[tuple[int, int, float, str]] = []  # what, of which field, with which number, called
        for place, field in enumerate(fields):
            column = x[:, place]
            known = column[~np.isnan(column)]
            if field.kind == "category":
                levels = list(field.levels or ())
                plan += [
                    (LEVEL, place, float(index), f"{field.name}={level}")
                    for index, level in enumerate(levels)
                ]
                if field.nullable:
                    plan.append((MISSING, place, 0.0, f"{field.name} missing"))
                continue
            median = float(np.median(known)) if len(known) else 0.0
            plan.append((NUMBER, place, median, field.name))
            if len(known) < len(column):
                plan.append((MISSING, place, 0.0, f"{field.name} missing"))
        what, of, number, called = zip(*plan, strict=True)
        arrays = {
            "what": np.array(what, dtype=np.int64),
            "field": np.array(of, dtype=np.int64),
            "number": np.array(number, dtype=np.float64),
            "names": np.array(called, dtype=np.str_),
        }
        return Fitted(arrays, self.open(arrays).transform(x))

    def open(self, arrays: Mapping[str, np.ndarray]) -> TableEncoder:
        """The encoder; costs microseconds."""
        return TableEncoder(arrays)


class TableEncoder:
    """``Table``, fitted."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.names = tuple(str(name) for name in arrays["names"])
        self.fields: np.ndarray = arrays["field"]
        self._number = arrays["number"]
        what = arrays["what"]
        self._level = what == LEVEL
        self._missing = what == MISSING

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Rows as numbers; never NaN. A number that was never missing in training is filled all the same."""
        cells = x[:, self.fields].astype(np.float64)
        absent = np.isnan(cells)
        filled = np.where(absent, self._number, cells)
        matrix = np.where(self._level, cells == self._number, filled)
        return single(np.where(self._missing, absent, matrix))
