"""What is to be answered, and one slot's answer to it.

Belongs here: the rows of one request, free of the model that answers them, and asking a model. Does not belong here:
which slot is asked (``predicting``), or what is said of it (``answers``, ``events``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from artpulse_api.slots import Service
from artpulse_core.errors import Issue


@dataclass(frozen=True)
class Numbers:
    """Rows as one model takes them (n × f), their warnings, and what joins the answer."""

    matrix: np.ndarray
    warnings: Sequence[Sequence[str]]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """Rows to answer: the ``accepted`` ones of ``total`` (their numbers, rising) with the hash of each content.

    ``numbers`` gives them as a model takes them; it may raise ``ImageRefused``. ``size`` is what keeping this costs,
    in bytes.
    """

    total: int
    flat: bool
    accepted: Sequence[int]
    contents: Sequence[str]
    numbers: Callable[[Service], Numbers]
    size: int
    issues: Sequence[tuple[int, Issue]] = ()


@dataclass(frozen=True)
class Result:
    """What one model says to the accepted rows; ``seconds`` is what it needed."""

    service: Service
    numbers: Numbers
    labels: Sequence[str]
    predictions: Sequence[int]
    probabilities: Sequence[Mapping[str, float]]
    confidences: Sequence[float]
    seconds: float


def ask(service: Service, work: Work) -> Result:
    """Run the model of ``service``; raises ``ImageRefused`` for a picture, anything else for a model that failed."""
    numbers = work.numbers(service)
    started = time.perf_counter()
    spread: list[list[float]] = []
    predictions: list[int] = []
    if len(numbers.matrix):
        prediction = service.predictor.predict(numbers.matrix)
        spread, predictions = prediction.probabilities.tolist(), prediction.predictions.tolist()
    seconds = time.perf_counter() - started
    names = service.contract.target.labels
    return Result(
        service=service,
        numbers=numbers,
        labels=[names[index] for index in predictions],
        predictions=predictions,
        probabilities=[dict(zip(names, row, strict=True)) for row in spread],
        confidences=[row[index] for row, index in zip(spread, predictions, strict=True)],
        seconds=seconds,
    )
