"""Why a model answered so, as it is told beside an answer: over HTTP, and on the command line.

Belongs here: which parts of an input are told apart for a problem, and collecting what is said of one row or picture.
Does not belong here: the computing (``explain``, ``neighbours``, ``palette``, ``regions``), and how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_core.data.picture import decode
from artpulse_core.errors import BundleError
from artpulse_core.features import table
from artpulse_core.model.explain import PREFIX, explain
from artpulse_core.model.neighbours import nearest
from artpulse_core.model.palette import palette
from artpulse_core.model.predictor import Predictor
from artpulse_core.model.regions import blocks, regions

MAX_ROWS = 20  # explained in one request; each costs some 10 ms
LIKE = 5  # training examples named for each answer


def check(predictor: Predictor) -> None:
    """Raise ``BundleError`` for the model of a bundle that was packaged without what explanations need."""
    if PREFIX + "background" not in predictor.bundle.state:
        raise BundleError(
            "This model was packaged before explanations were: train it again, and promote what comes of it."
        )


def of_row(predictor: Predictor, row: np.ndarray) -> dict[str, Any]:
    """``explanation`` and ``neighbours`` of one row (f,) of the input matrix, as plain JSON values.

    A problem with a positive label has that one's probability explained, any other classification the label answered.
    ``explanation`` is None where no part of the input has a name people know (the numbers of a network).
    """
    told_apart = parts(predictor)
    told = None
    if told_apart is not None:
        told = explain(
            predictor,
            row,
            label=predictor.finish.positive,
            groups=told_apart or None,
            encode=predictor.encode,
            ask=predictor.mixtures,
        ).to_dict()
    near = [item.to_dict(predictor.labels) for item in nearest(predictor.bundle.state, row, LIKE)]
    return {"explanation": told, "neighbours": near}


def of_picture(predictor: Predictor, image: bytes, row: np.ndarray, *, grid: int = 0) -> dict[str, Any]:
    """What ``of_row`` says of the picture whose features are ``row``, and its ``palette``.

    With a ``grid`` (2 to 6) also ``regions``: which cells speak for the label; that takes features grid² + 1 times.
    """
    found = {**of_row(predictor, row), "palette": palette(image)}
    if grid:
        pictures = predictor.pictures
        pixels = decode(image, pictures.side)
        label = predictor.finish.positive
        found["regions"] = regions(predictor, pixels, pictures.extract, grid=grid, label=label).to_dict()
    return found


def parts(predictor: Predictor) -> Mapping[str, tuple[int, ...]] | None:
    """What is told apart: name → columns; empty where it is each column, None where columns mean nothing to people."""
    fields = predictor.bundle.contract.fields
    manifest = predictor.bundle.manifest
    if predictor.encoder is None:
        return {} if fields else blocks(manifest.feature_names) or None
    names = [field.name for field in fields]
    groups = [group for group in table.get(manifest.features).together if set(group) <= set(names)]
    if not groups:
        return {}
    taken = {name: group for group in groups for name in group}
    players = dict.fromkeys(taken.get(name, (name,)) for name in names)
    return {", ".join(group): tuple(names.index(name) for name in group) for group in players}
