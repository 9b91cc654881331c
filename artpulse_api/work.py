"""What is to be answered, and one slot's answer to it.

Belongs here: the rows of one request, free of the model that answers them, and asking a model. Does not belong here:
which slot is asked (``predicting``), or what is said of it (``answers``, ``events``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_api.slots import Service
from artpulse_core.errors import Issue
from artpulse_core.model.finish import Prediction

if TYPE_CHECKING:
    from artpulse_api.explaining import Reasons

NOTHING = Prediction()


@dataclass(frozen=True)
class Numbers:
    """Rows as one model takes them (n × f), their warnings, what joins the answer, and what events keep of them.

    ``kept`` (n × w) are the watched columns where the model's own are too many to keep.
    """

    matrix: np.ndarray
    warnings: Sequence[Sequence[str]]
    extra: Mapping[str, Any] = field(default_factory=dict)
    kept: np.ndarray | None = None

    @property
    def watched(self) -> np.ndarray:
        """What events keep, n × w."""
        return self.matrix if self.kept is None else self.kept


@dataclass(frozen=True)
class Work:
    """Rows to answer: the ``accepted`` ones of ``total`` (their numbers, rising) with the hash of each content.

    ``numbers`` gives them as a model takes them; it may raise ``ImageRefused``. ``size`` is what keeping this costs,
    in bytes. ``explain`` adds its reasons to a result, where they were asked for; it may raise ``RequestRefused``.
    """

    total: int
    flat: bool
    accepted: Sequence[int]
    contents: Sequence[str]
    numbers: Callable[[Service], Numbers]
    size: int
    issues: Sequence[tuple[int, Issue]] = ()
    explain: Callable[[Result], Result] | None = None


@dataclass(frozen=True)
class Result:
    """What one model says to the accepted rows; ``seconds`` is what it needed.

    ``outputs`` are the answers as events keep them, one a row: ``{"label", "probabilities"}``, or ``{"value",
    "lower", "upper"}``. ``labels`` and ``confidences`` (of the label given) are one a row, empty for values.
    """

    service: Service
    numbers: Numbers
    prediction: Prediction
    outputs: Sequence[Mapping[str, Any]]
    labels: Sequence[str]
    confidences: Sequence[float]
    seconds: float
    reasons: Reasons | None = None


def ask(service: Service, work: Work) -> Result:
    """Run the model of ``service``; raises ``ImageRefused`` for a picture, anything else for a model that failed."""
    numbers = work.numbers(service)
    started = time.perf_counter()
    prediction = service.predictor.predict(numbers.matrix) if len(numbers.matrix) else NOTHING
    seconds = time.perf_counter() - started
    names = service.contract.target.labels
    labels: list[str] = []
    confidences: list[float] = []
    outputs: list[dict[str, Any]] = []
    if prediction.values is not None:
        outputs = _values(prediction)
    elif prediction.probabilities is not None and prediction.predictions is not None:
        spread, places = prediction.probabilities.tolist(), prediction.predictions.tolist()
        labels = [names[index] for index in places]
        confidences = [row[index] for row, index in zip(spread, places, strict=True)]
        outputs = [
            {"label": label, "probabilities": dict(zip(names, row, strict=True))}
            for label, row in zip(labels, spread, strict=True)
        ]
    return Result(service, numbers, prediction, outputs, labels, confidences, seconds)


def _values(prediction: Prediction) -> list[dict[str, Any]]:
    columns = [
        np.asarray(column).tolist() for column in (prediction.values, prediction.lower, prediction.upper)
    ]
    return [dict(zip(("value", "lower", "upper"), row, strict=True)) for row in zip(*columns, strict=True)]


def agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two outputs say the same: the same label, or a value inside the first one's interval."""
    if "label" in one:
        return bool(one["label"] == other.get("label"))
    return bool(one["lower"] <= other["value"] <= one["upper"])
