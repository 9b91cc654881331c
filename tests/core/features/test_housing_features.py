"""The table set of homes, on invented homes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from artpulse_core.errors import ProblemError
from artpulse_core.features import table
from artpulse_core.features.housing import FIELDS
from artpulse_core.features.kriging import search

COLUMNS = [SimpleNamespace(name=name, kind="number", levels=(), nullable=False) for name in FIELDS]
HOUSING = table.get("housing")


def homes(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Homes whose price depends on income and place; coordinates are rounded, so that many share one."""
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            rng.gamma(4.0, 1.0, n) + 0.5,
            rng.integers(1, 53, n),
            rng.gamma(20.0, 0.27, n) + 0.5,
            rng.gamma(60.0, 0.018, n) + 0.3,
            rng.integers(100, 4000, n),
            rng.gamma(9.0, 0.32, n) + 0.7,
            np.round(rng.uniform(34, 35, n), 1),
            np.round(rng.uniform(-119, -118, n), 1),
        ]
    ).astype(np.float64)
    y = 0.4 * x[:, 0] + np.sin(9 * x[:, 6]) + np.cos(7 * x[:, 7]) + 2.5 + 0.1 * rng.normal(size=n)
    return x, np.clip(y, 0.15, 5.00001)


def test_the_same_rows_give_the_same_numbers() -> None:
    x, y = homes()
    first, second = (HOUSING.fit(COLUMNS, x, y, seed=seed) for seed in (0, 1))
    assert np.array_equal(first.matrix, second.matrix)
    assert np.isfinite(first.matrix).all()


def test_the_columns_are_named_once_each() -> None:
    x, y = homes()
    fitted = HOUSING.fit(COLUMNS, x, y, seed=0)
    names = HOUSING.open(fitted.arrays).names
    assert len(set(names)) == len(names) == fitted.matrix.shape[1]
    assert names[:8] == FIELDS


def test_a_row_of_training_is_never_told_its_own_target() -> None:
    x, y = homes()
    before = HOUSING.fit(COLUMNS, x, y, seed=0).matrix
    for row in (0, 17, 250):
        other = y.copy()
        other[row] += 2.0
        after = HOUSING.fit(COLUMNS, x, other, seed=0).matrix
        assert np.array_equal(after[row], before[row])
        assert not np.array_equal(after, before)  # its neighbours are told


def test_a_row_of_training_is_told_what_a_new_row_would_be() -> None:
    x, y = homes()
    fitted = HOUSING.fit(COLUMNS, x, y, seed=0)
    for row in (3, 90):
        rest = np.arange(len(x)) != row
        others = HOUSING.fit(COLUMNS, x[rest], y[rest], seed=0)
        told = HOUSING.open(others.arrays).transform(x[row : row + 1])[0]
        # Homes on one coordinate are equally near; which of them counts is the tree's choice, so the means of few differ.
        names = HOUSING.open(others.arrays).names
        stable = [names.index(name) for name in (*FIELDS, "km to neighbour 1", "km to neighbour 16")]
        assert np.allclose(told[stable], fitted.matrix[row, stable])


def test_one_row_gives_what_it_gives_in_a_batch() -> None:
    x, y = homes()
    encoder = HOUSING.open(HOUSING.fit(COLUMNS, x, y, seed=0).arrays)
    new, _ = homes(50, seed=5)
    batch = encoder.transform(new)
    alone = np.vstack([encoder.transform(row[None]) for row in new])
    assert np.allclose(batch, alone, rtol=1e-6, atol=1e-6)
    assert np.array_equal(batch, batch.astype(np.float32).astype(np.float64))


def test_neighbours_tell_the_price_of_a_place() -> None:
    x, y = homes(1500)
    encoder = HOUSING.open(HOUSING.fit(COLUMNS, x, y, seed=0).arrays)
    new, truth = homes(300, seed=5)
    told = encoder.transform(new)[:, encoder.names.index("kriged target 1")]
    assert np.sqrt(np.mean((told - truth) ** 2)) < 0.4 * truth.std()


def test_fitted_arrays_travel_in_an_npz_without_objects(tmp_path: Path) -> None:
    x, y = homes()
    fitted = HOUSING.fit(COLUMNS, x, y, seed=0)
    np.savez(tmp_path / "state.npz", **dict(fitted.arrays))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as loaded:
        encoder = HOUSING.open(dict(loaded))
    assert np.array_equal(encoder.transform(x[:9]), HOUSING.open(fitted.arrays).transform(x[:9]))


def test_extreme_and_few_rows_still_give_finite_numbers() -> None:
    x, y = homes(12)
    encoder = HOUSING.open(HOUSING.fit(COLUMNS, x, y, seed=0).arrays)
    extreme = x[:2].copy()
    extreme[0, :6] = (20.0, 100.0, 200.0, 100.0, 100000.0, 2000.0)
    extreme[1, :6] = (0.0, 0.0, 0.1, 0.1, 1.0, 0.1)
    assert np.isfinite(encoder.transform(extreme)).all()


def test_all_rows_on_one_point_leave_the_own_row_out() -> None:
    from scipy.spatial import cKDTree

    points = np.zeros((50, 2))
    distance, near = search(cKDTree(points), points, 32, np.arange(50))
    assert near.shape == distance.shape == (50, 32)
    assert not (near == np.arange(50)[:, None]).any()


def test_the_numbers_without_neighbours_are_the_first_ones_of_those_with() -> None:
    x, y = homes()
    apart = table.get("housing_apart")
    fitted = apart.fit(COLUMNS, x, None, seed=0)
    encoder = apart.open(fitted.arrays)
    whole = HOUSING.fit(COLUMNS, x, y, seed=0)
    assert np.array_equal(fitted.matrix, whole.matrix[:, : len(encoder.names)])
    assert HOUSING.open(whole.arrays).names[: len(encoder.names)] == encoder.names


def test_other_fields_or_no_target_are_refused_with_what_to_do() -> None:
    x, y = homes()
    with pytest.raises(ProblemError, match="'MedInc'"):
        HOUSING.fit(COLUMNS[1:], x[:, 1:], y, seed=0)
    with pytest.raises(ProblemError, match="needs a target"):
        HOUSING.fit(COLUMNS, x, None, seed=0)
