"""Answers to whole areas of the map that were left out: how wrong a model is far from everything it knows.

Belongs here: leaving out a fifth of the blocks of a spatial split once, on the train rows. Does not belong here: what
is made of the errors (``calibrate``), the blocks (``cuts``).

Random folds hardly hold a row that is far from all others, so they cannot say how wide an interval must be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artpulse_assets.pipeline import candidates, cuts
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.errors import DataError
from artpulse_core.features import table

VERSION = "1"


@dataclass(frozen=True)
class Strange:
    """Rows of areas left out: truth (m), values (m) and columns (m × w) of a model that saw nothing around them;
    ``distance`` is the place of the column that says how far the nearest row it knew is."""

    y: np.ndarray
    values: np.ndarray
    matrix: np.ndarray
    distance: int


def left_out(rows: TrainRows, candidate: Candidate, seed: int, memo: Memo) -> Strange | None:
    """A fifth of the blocks answered by ``candidate`` fitted on the others; None where the rows lie on no map."""
    if not rows.encoding or rows.task != "regression" or not table.get(rows.encoding).distance:
        return None
    names = [item.name for item in rows.fields]
    whole = cuts.Whole(rows.y, np.arange(len(rows.y)).astype(str), rows.x, names, classification=False)
    try:
        cut = cuts.cuts("spatial", whole, seed)[0]
    except DataError:  # no coordinates, or all rows in a few blocks
        return None

    def build(folder: Path) -> None:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            answers, matrix = candidates.answered(
                rows, cut.learn, rows.x[cut.answer], candidate.params["algorithm"], candidate.params, seed
            )
        np.savez(folder / "answers.npz", values=answers[:, 0], matrix=matrix)

    made = memo.make("areas", {"candidate": candidate.key, "seed": seed, "version": VERSION}, build)
    known = candidates.columns(rows, rows.encoded)
    with np.load(made.folder / "answers.npz", allow_pickle=False) as kept:
        return Strange(rows.y[cut.answer], kept["values"], kept["matrix"], known.names.index(known.distance))
