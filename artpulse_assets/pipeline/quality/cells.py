"""Cells of a sample as examples.

Belongs here: turning a mask over the matrix into what people read. Does not belong here: making the mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artpulse_assets.pipeline.quality.finding import MOST_EXAMPLES, Example, listed
from artpulse_assets.pipeline.quality.sample import Sample


def cells(sample: Sample, wrong: np.ndarray, rule: Sequence[str]) -> list[Example]:
    """The first cells of a mask n × f; ``rule`` has one text a column."""
    rows, places = (found[:MOST_EXAMPLES].tolist() for found in np.nonzero(wrong))
    return [
        Example(
            str(sample.paths[row]),
            f"{sample.present[place].name} = {sample.present[place].shown(sample.matrix[row, place])}",
            rule[place],
        )
        for row, place in zip(rows, places, strict=True)
    ]


def named(sample: Sample, wrong: np.ndarray) -> str:
    """The columns of a mask n × f that have any such cell."""
    return listed(sample.names[place] for place in np.flatnonzero(wrong.any(axis=0)))
