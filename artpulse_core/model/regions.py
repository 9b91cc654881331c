"""Which parts of a picture an answer rests on: each is painted over in turn.

Belongs here: regions of a picture, for any feature set, and the blocks of numbers of ``rich`` that people can name. Does
not belong here: fields of rows (``explain``), drawing (the pages).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from artpulse_core.model.explain import Explainable

MAX_GRID = 6


@dataclass(frozen=True)
class Regions:
    """How far the probability of ``label`` falls when each cell of a grid is painted in the picture's mean colour.

    ``drops`` has one row a row of the grid, top first; above 0 the cell speaks for the label, below against it. Drops need
    not sum to the answer: two cells may say the same. ``runs`` is how often features were taken.
    """

    label: str
    answer: float
    drops: tuple[tuple[float, ...], ...]
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "grid": len(self.drops), "drops": [list(row) for row in self.drops]}


def regions(
    predictor: Explainable,
    pixels: np.ndarray,
    extract: Callable[[np.ndarray], np.ndarray],
    *,
    grid: int = 4,
    label: int | None = None,
) -> Regions:
    """Look at ``grid`` × ``grid`` (2 to 6) cells of (h, w, 3) uint8 ``pixels`` with the feature set's ``extract``.

    Costs grid² + 1 extractions and one call of the model: with 4 and 18 ms each, 0.3 s. Raises ``ValueError`` for another
    grid.
    """
    if not 2 <= grid <= MAX_GRID:
        raise ValueError(f"The grid must be between 2 and {MAX_GRID}, not {grid}.")
    height, width = pixels.shape[:2]
    fill = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    rows, columns = (np.linspace(0, size, grid + 1).round().astype(np.int64) for size in (height, width))
    vectors = [extract(pixels)]
    for down in range(grid):
        for right in range(grid):
            painted = pixels.copy()
            painted[rows[down] : rows[down + 1], columns[right] : columns[right + 1]] = fill
            vectors.append(extract(painted))
    found = predictor.predict(np.stack(vectors))
    place = int(found.predictions[0]) if label is None else label
    probability = np.asarray(found.probabilities)[:, place]
    drops = (probability[0] - probability[1:]).reshape(grid, grid)
    return Regions(
        label=predictor.labels[place],
        answer=float(probability[0]),
        drops=tuple(tuple(float(value) for value in row) for row in drops),
        runs=len(vectors),
    )


def blocks(names: Sequence[str], rest: str = "other numbers") -> dict[str, tuple[int, ...]]:
    """Columns by what they look at, for ``explain``: colour, texture, detail, layout of ``rich``, then the ``rest``.

    Empty where this says nothing: without numbers of ``rich``, or with those of one block alone.
    """
    of = _blocks()
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(of.get(name, rest), []).append(place)
    return {name: tuple(places) for name, places in found.items()} if len(found) > 1 else {}


@cache
def _blocks() -> dict[str, str]:
    from artpulse_core.features import colour, detail, layout, texture
    from artpulse_core.features.base import luma

    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    lab, grey = colour.to_lab(pixels), luma(pixels)
    names = {
        "colour": colour.colour_block(pixels, lab),
        "texture": texture.texture_block(pixels, lab, grey),
        "detail": detail.detail_block(pixels, lab, grey),
        "layout": layout.layout_block(lab, grey),
    }
    return {name: block for block, values in names.items() for name in values}
