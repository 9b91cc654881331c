"""How strongly columns belong together: known values, every mix of kinds, and odd columns."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.association import associations, informative, strength

RNG = np.random.default_rng(4)
A = RNG.normal(size=300)
LEVEL = RNG.integers(0, 3, 300).astype(float)


@pytest.mark.smoke
def test_two_numbers_are_compared_by_rank_and_keep_their_sign() -> None:
    assert strength(A, np.exp(A), categories=(False, False)) == pytest.approx(1)
    assert strength(A, -(A**3), categories=(False, False)) == pytest.approx(-1)


def test_a_category_explains_a_number_whichever_comes_first() -> None:
    number = 10 * LEVEL + 0.1 * A
    assert strength(LEVEL, number, categories=(True, False)) > 0.99
    assert strength(number, LEVEL, categories=(False, True)) > 0.99
    assert strength(LEVEL, A, categories=(True, False)) < 0.2


def test_two_categories_are_compared_by_cramers_v() -> None:
    assert strength(LEVEL, 2 - LEVEL, categories=(True, True)) == pytest.approx(1, abs=0.02)
    assert strength(LEVEL, RNG.permutation(LEVEL), categories=(True, True)) < 0.2


def test_gaps_are_left_out_pair_by_pair_and_constant_columns_altogether() -> None:
    gaps = np.where(np.arange(300) % 3 == 0, np.nan, A)
    columns = {"a": A, "gaps": gaps, "none": np.full(300, np.nan), "same": np.ones(300), "level": LEVEL}
    names, matrix = associations(columns, {"level"})
    assert names == ["a", "gaps", "level"]
    assert matrix[0, 1] == pytest.approx(1)
    assert np.array_equal(matrix, matrix.T)
    assert np.all(np.diag(matrix) == 1)


def test_the_columns_that_tell_most_are_kept_in_their_order() -> None:
    columns = {f"noise{i}": RNG.normal(size=300) for i in range(6)} | {"told": LEVEL + 0.1 * A, "last": LEVEL}
    assert informative(columns, LEVEL.astype(str), 2) == ["told", "last"]
    assert informative(columns, LEVEL, 2, number=True) == ["told", "last"]
    assert informative(columns, None, 2) == ["noise0", "noise1"]
    assert informative(columns, LEVEL, 8) == list(columns)
