"""The table set for heart fields adds two findings that are read together to the plain table."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_core.data import problems
from artpulse_core.errors import ProblemError
from artpulse_core.features import table

FIELDS = problems.read(problems.SHIPPED / "heart.toml").contract.fields
NAMES = [field.name for field in FIELDS]


def rows(**cells: list[float]) -> np.ndarray:
    """Rows of the input matrix, zeros where nothing is said."""
    n = len(next(iter(cells.values())))
    x = np.zeros((n, len(FIELDS)))
    for name, values in cells.items():
        x[:, NAMES.index(name)] = values
    return x


def test_vessels_are_counted_and_a_depression_counts_where_the_slope_does_not_rise() -> None:
    x = rows(ca=[0, 1, 3, 2], oldpeak=[1.5, 1.5, 2.5, 0.0], slope=[0, 1, 2, 1])

    fitted = table.get("heart").fit(FIELDS, x, None, seed=0)

    assert fitted.matrix[:, -2:].tolist() == [[0, 0], [1, 1.5], [3, 2.5], [2, 0]]
    assert table.get("heart").open(fitted.arrays).names[-2:] == ("vessels", "depression not rising")


def test_the_other_columns_are_those_of_the_plain_table() -> None:
    x = rows(age=[40, 50, 60, 70], ca=[0, 1, np.nan, 3], thal=[0, 1, 2, np.nan])

    heart, plain = (table.get(name).fit(FIELDS, x, None, seed=0) for name in ("heart", "table"))

    assert np.array_equal(heart.matrix[:, :-2], plain.matrix)


def test_what_is_missing_counts_as_training_does_on_average() -> None:
    train = rows(ca=[1, 1, 3, 0], oldpeak=[1.0, 1.0, 2.0, 0.0], slope=[0, 1, 2, 1])
    fitted = table.get("heart").fit(FIELDS, train, None, seed=0)
    encoder = table.get("heart").open(fitted.arrays)

    asked = rows(ca=[np.nan, 0, 0], oldpeak=[0.0, np.nan, 2.0], slope=[1, 1, np.nan])

    assert encoder.transform(asked)[:, -2:].tolist() == [[1, 0], [0, 1.0], [0, 1.5]]


def test_a_table_without_the_fields_is_told_to_use_the_plain_one() -> None:
    with pytest.raises(ProblemError, match="needs the field 'oldpeak'; use 'table'"):
        table.get("heart").fit([f for f in FIELDS if f.name != "oldpeak"], np.zeros((4, 12)), None, seed=0)
