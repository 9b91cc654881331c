"""The splits of an evaluation of places: blocks of the map stay whole, and are as large as asked."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.pipeline import cuts
from artpulse_assets.pipeline.cuts import Cut, Whole
from artpulse_core.errors import DataError


def places(rows: int = 600, side: float = 6.0) -> Whole:
    rng = np.random.default_rng(4)
    x = np.column_stack(
        [rng.normal(size=rows), rng.uniform(33, 33 + side, rows), rng.uniform(-120, -114, rows)]
    )
    units = np.arange(rows).astype(str)
    return Whole(rng.normal(size=rows), units, x, ("MedInc", "Latitude", "Longitude"), classification=False)


def blocks_of(rows: Whole, chosen: np.ndarray, degrees: float) -> set[tuple[float, ...]]:
    return {tuple(cell) for cell in np.floor(rows.x[chosen, 1:] / degrees)}


@pytest.mark.parametrize(("kind", "degrees"), [("spatial", 0.5), ("spatial:1", 1.0), ("spatial:0.25", 0.25)])
def test_a_spatial_split_answers_every_row_once_and_learns_nothing_from_its_block(
    kind: str, degrees: float
) -> None:
    rows = places()
    made: list[Cut] = cuts.cuts(kind, rows, seed=0)
    assert len(made) == cuts.FOLDS
    assert sorted(np.concatenate([cut.answer for cut in made])) == list(range(600))
    for cut in made:
        assert not blocks_of(rows, cut.learn, degrees) & blocks_of(rows, cut.answer, degrees)
        assert 100 <= len(cut.answer) <= 140


def test_the_same_seed_gives_the_same_blocks_and_another_seed_others() -> None:
    first, again, other = (cuts.cuts("spatial", places(), seed)[0].answer for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


@pytest.mark.parametrize("kind", ["spatial:0", "spatial:0.000"])
def test_blocks_of_no_size_are_refused(kind: str) -> None:
    with pytest.raises(DataError, match="larger than 0 degrees"):
        cuts.cuts(kind, places(), 0)


def test_blocks_too_large_for_the_folds_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"fewer than 5 folds: use --split spatial:DEGREES with smaller"):
        cuts.cuts("spatial:60", places(), 0)


@pytest.mark.parametrize("kind", ["spatial:", "spatial:half", "spatial:-1", "map"])
def test_other_words_are_refused_with_the_splits_there_are(kind: str) -> None:
    with pytest.raises(DataError, match=r"it is random:SEED, grouped, spatial, spatial:DEGREES"):
        cuts.cuts(kind, places(), 0)


def test_rows_without_coordinates_are_refused_by_the_name_of_the_field() -> None:
    rows = places()
    nowhere = Whole(rows.y, rows.units, rows.x, ("MedInc", "lat", "east"), classification=False)
    with pytest.raises(DataError, match="there is no longitude"):
        cuts.cuts("spatial", nowhere, 0)
