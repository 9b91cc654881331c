"""The table sets: what any table becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artpulse_core.errors import ProblemError
from artpulse_core.features import table


@dataclass(frozen=True)
class Column:
    """A field as a table set sees it."""

    name: str
    kind: str = "number"
    levels: Sequence[Any] = ()
    nullable: bool = False


FIELDS = (
    Column("age"),
    Column("size", nullable=True),
    Column("colour", "category", ("red", "blue"), nullable=True),
    Column("grade", "category", (1, 2, 3)),
)
NAN = float("nan")
ROWS = np.array([[30.0, 2.0, 0, 0], [40.0, NAN, 1, 2], [50.0, 4.0, NAN, 1], [70.0, 10.0, 1, 1]])


def test_numbers_are_filled_and_levels_get_a_column_each() -> None:
    fitted = table.get("table").fit(FIELDS, ROWS, None, seed=0)
    encoder = table.get("table").open(fitted.arrays)
    assert encoder.names == (
        "age",
        "size",
        "size missing",
        "colour=red",
        "colour=blue",
        "colour missing",
        "grade=1",
        "grade=2",
        "grade=3",
    )
    assert fitted.matrix[1].tolist() == [40, 4, 1, 0, 1, 0, 0, 0, 1]
    assert fitted.matrix[2].tolist() == [50, 4, 0, 0, 0, 1, 0, 1, 0]


def test_a_number_that_was_never_missing_in_training_is_filled_without_a_column() -> None:
    fields = FIELDS[:1]
    fitted = table.get("table").fit(fields, ROWS[:, :1], None, seed=0)
    encoder = table.get("table").open(fitted.arrays)
    assert encoder.names == ("age",)
    assert encoder.transform(np.array([[NAN]])).tolist() == [[45.0]]


def test_a_column_that_is_missing_in_all_rows_becomes_zero() -> None:
    fitted = table.get("table").fit(FIELDS[:1], np.full((3, 1), NAN), None, seed=0)
    assert fitted.matrix.tolist() == [[0, 1]] * 3


def test_one_row_gives_what_it_gives_in_a_batch_and_the_matrix_is_the_transform() -> None:
    fitted = table.get("table").fit(FIELDS, ROWS, None, seed=0)
    encoder = table.get("table").open(fitted.arrays)
    batch = encoder.transform(ROWS)
    assert np.array_equal(batch, fitted.matrix)
    assert np.array_equal(batch, np.vstack([encoder.transform(row[None]) for row in ROWS]))


def test_numbers_are_exactly_float32_and_never_infinite() -> None:
    fitted = table.get("table").fit(FIELDS[:1], np.array([[0.1], [1e300], [-1e300]]), None, seed=0)
    assert np.isfinite(fitted.matrix.astype(np.float32)).all()
    assert np.array_equal(fitted.matrix, fitted.matrix.astype(np.float32).astype(np.float64))


def test_fitted_arrays_travel_in_an_npz_without_objects(tmp_path: Path) -> None:
    fitted = table.get("table").fit(FIELDS, ROWS, None, seed=0)
    np.savez(tmp_path / "state.npz", **dict(fitted.arrays))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as loaded:
        encoder = table.get("table").open(dict(loaded))
    assert np.array_equal(encoder.transform(ROWS), fitted.matrix)


def test_an_unknown_set_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ProblemError, match="'tables'; there are: table, heart, housing, housing_apart"):
        table.get("tables")


def test_each_set_has_a_fingerprint_of_its_own() -> None:
    prints = [table.get(name).fingerprint for name in table.names()]
    assert len(set(prints)) == len(prints)
    assert all(len(print_) == 64 for print_ in prints)
