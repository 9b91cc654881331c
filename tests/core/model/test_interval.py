"""Intervals hold the truth as often as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artpulse_core.errors import DataError
from artpulse_core.model import interval


def uneven(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, value and columns; the error grows with the value and with the second column."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 1, (n, 4))
    value = 5 * features[:, 0]
    spread = (0.1 + features[:, 0]) * np.where(features[:, 1] > 0.5, 2.0, 0.5)
    return value + spread * rng.normal(size=n), value, features


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_coverage_is_the_level_though_errors_are_uneven(level: float) -> None:
    y, value, features = uneven(4000, 0)
    arrays = interval.fit(y, value, features, level=level)
    y, value, features = uneven(20000, 1)
    lower, upper = interval.bounds(value, arrays, features)
    held = (lower <= y) & (y <= upper)
    assert abs(held.mean() - level) < 0.015
    for part in (value < 1, value > 4, features[:, 1] > 0.5, features[:, 1] <= 0.5):
        assert abs(held[part].mean() - level) < 0.05


def test_knowing_where_errors_are_large_makes_intervals_narrower() -> None:
    y, value, features = uneven(4000, 0)
    with_columns = interval.fit(y, value, features)
    without = interval.fit(y, value)
    y, value, features = uneven(4000, 1)
    narrow = np.subtract(*reversed(interval.bounds(value, with_columns, features))).mean()
    wide = np.subtract(*reversed(interval.bounds(value, without))).mean()
    constant = 2 * np.quantile(np.abs(y - value), 0.9)
    assert narrow < 0.9 * wide < 0.9 * constant


@pytest.mark.parametrize("n", [20, 60])
def test_few_rows_cover_at_least_the_level_on_average(n: int) -> None:
    covered = []
    for seed in range(150):
        y, value, features = uneven(n, seed)
        arrays = interval.fit(y, value, features)
        y, value, features = uneven(300, 1000 + seed)
        lower, upper = interval.bounds(value, arrays, features)
        covered.append(((lower <= y) & (y <= upper)).mean())
    assert 0.885 < np.mean(covered) < 0.96


def test_too_few_rows_for_the_level_are_refused_with_the_number_needed() -> None:
    y, value, _ = uneven(8, 0)
    with pytest.raises(DataError, match="at least 9"):
        interval.fit(y, value)
    y, value, _ = uneven(9, 0)
    assert np.isfinite(interval.fit(y, value)["interval.half"])


def test_intervals_stay_within_the_range_of_the_truth() -> None:
    y, value, _ = uneven(500, 0)
    arrays = interval.fit(np.clip(y, 0, 5), value, minimum=0.0, maximum=5.0)
    lower, upper = interval.bounds(np.array([-1.0, 0.1, 4.9, 7.0]), arrays)
    assert (lower >= 0).all()
    assert (upper <= 5).all()
    assert (lower <= upper).all()


def test_one_row_gets_what_it_gets_in_a_batch() -> None:
    y, value, features = uneven(1000, 0)
    arrays = interval.fit(y, value, features)
    lower, upper = interval.bounds(value[:20], arrays, features[:20])
    for row in range(20):
        alone = interval.bounds(value[row : row + 1], arrays, features[row : row + 1])
        assert (alone[0][0], alone[1][0]) == (lower[row], upper[row])


def test_perfect_values_and_constant_columns_give_empty_intervals() -> None:
    y = np.arange(200.0)
    arrays = interval.fit(y, y, np.ones((200, 3)))
    lower, upper = interval.bounds(y, arrays, np.ones((200, 3)))
    assert np.allclose(lower, y)
    assert np.allclose(upper, y)


def test_the_arrays_travel_in_an_npz_without_objects(tmp_path: Path) -> None:
    y, value, features = uneven(1000, 0)
    arrays = interval.fit(y, value, features)
    assert all(name.startswith(interval.PREFIX) for name in arrays)
    np.savez(tmp_path / "state.npz", **arrays)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as loaded:
        again = interval.bounds(value, dict(loaded), features)
    assert np.array_equal(again, interval.bounds(value, arrays, features))
