"""How an evaluation cuts rows into those learned from and those answered.

Belongs here: the named splits of ``artpulse evaluate``, as pairs of row indices. Does not belong here: the split of a
lane, which is kept from run to run (``split``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artpulse_assets.pipeline import split
from artpulse_core.errors import DataError

FOLDS = 5
TEST_SHARE = 0.2
BLOCK_DEGREES = 0.5
"""Side of the blocks of a spatial split, in degrees: 55 km from south to north, in California about 45 km across."""
SPLITS = "random:SEED, grouped, spatial, spatial:DEGREES or repeated:KxN"
LATITUDE, LONGITUDE = ("latitude", "lat"), ("longitude", "lon", "lng")


@dataclass(frozen=True)
class Cut:
    """``learn`` and ``answer`` are row indices; cuts of one ``repeat`` answer every row at most once."""

    learn: np.ndarray
    answer: np.ndarray
    repeat: int = 0


@dataclass(frozen=True)
class Whole:
    """All usable rows: ``y`` n, ``units`` n names of what stays together, ``x`` n × f with the names of its columns."""

    y: np.ndarray
    units: np.ndarray
    x: np.ndarray
    names: Sequence[str]
    classification: bool


def cuts(kind: str, rows: Whole, seed: int) -> list[Cut]:
    """The cuts of a split called ``kind``.

    ``random:SEED`` is scikit-learn's ``train_test_split`` with a test share of 0.2 (stratified for labels);
    ``grouped`` five folds that keep units whole; ``spatial`` five folds of whole blocks of half a degree of latitude
    and longitude, ``spatial:DEGREES`` of that many; ``repeated:KxN`` K stratified folds, N times over. Raises ``DataError`` for anything else.
    """
    if found := re.fullmatch(r"random:(\d{1,9})", kind):
        return [_random(rows, int(found[1]))]
    if kind == "grouped":
        units = rows.units.astype(str).tolist()
        labels = rows.y.astype(str).tolist() if rows.classification else [""] * len(units)
        return _of_fold(np.array(split.unit_folds(units, labels, FOLDS, seed)))
    if found := re.fullmatch(r"spatial(?::(\d{1,2}(?:\.\d{1,3})?))?", kind):
        return _of_fold(_blocks(rows, float(found[1] or BLOCK_DEGREES), seed))
    if found := re.fullmatch(r"repeated:(\d{1,2})x(\d{1,3})", kind):
        return _repeated(rows, int(found[1]), int(found[2]), seed)
    raise DataError(f"--split {kind!r} is not known; it is {SPLITS}.")


def _random(rows: Whole, seed: int) -> Cut:
    from sklearn.model_selection import train_test_split

    learn, answer = train_test_split(
        np.arange(len(rows.y)),
        test_size=TEST_SHARE,
        random_state=seed,
        stratify=rows.y if rows.classification else None,
    )
    return Cut(learn, answer)


def _of_fold(fold: np.ndarray, repeat: int = 0) -> list[Cut]:
    return [
        Cut(np.flatnonzero(fold != part), np.flatnonzero(fold == part), repeat) for part in np.unique(fold)
    ]


def _repeated(rows: Whole, folds: int, repeats: int, seed: int) -> list[Cut]:
    from sklearn.model_selection import KFold, StratifiedKFold

    if folds < 2 or repeats < 1:
        raise DataError("--split repeated:KxN needs at least 2 folds and 1 repeat.")
    made = []
    for repeat in range(repeats):
        splitter = (StratifiedKFold if rows.classification else KFold)(
            folds, shuffle=True, random_state=seed + repeat
        )
        made += [Cut(learn, answer, repeat) for learn, answer in splitter.split(rows.x, rows.y)]
    return made


def _blocks(rows: Whole, degrees: float, seed: int) -> np.ndarray:
    """A fold for each row: blocks of the map go whole to the fold that has the fewest rows, the largest first."""
    places = []
    for wanted in (LATITUDE, LONGITUDE):
        found = [place for place, name in enumerate(rows.names) if name.lower() in wanted]
        if not found:
            raise DataError(
                f"--split spatial needs fields called {wanted[0]} and {LONGITUDE[0]}; there is no {wanted[0]}."
            )
        places.append(found[0])
    if not degrees > 0:
        raise DataError("--split spatial:DEGREES needs blocks larger than 0 degrees.")
    cells = np.floor(rows.x[:, places] / degrees)
    _, block = np.unique(cells, axis=0, return_inverse=True)
    sizes = np.bincount(block)
    if len(sizes) < FOLDS:
        raise DataError(
            f"The rows lie in {len(sizes)} blocks of {degrees:g} degrees, fewer than {FOLDS} folds: use"
            " --split spatial:DEGREES with smaller ones."
        )
    order = np.random.default_rng(seed).permutation(len(sizes))
    held = np.zeros(FOLDS)
    fold_of = np.zeros(len(sizes), dtype=np.int64)
    for item in sorted(order, key=lambda item: -sizes[item]):
        fold_of[item] = int(held.argmin())
        held[fold_of[item]] += sizes[item]
    return np.asarray(fold_of[block])
