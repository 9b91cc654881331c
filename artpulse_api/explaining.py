"""``?explain``: the reasons of the answers of one request, told by the model that gave them.

Belongs here: which rows are explained, and the keys that join the answer. Does not belong here: computing anything
(``artpulse_core.model.reasons``). Nothing of it reaches events or metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flask import Request

from artpulse_api.errors import RequestRefused
from artpulse_api.work import Result
from artpulse_core.errors import BundleError
from artpulse_core.model import reasons
from artpulse_core.model.predictor import Predictor

GRID = 4
WORDS = {"": "", "0": "", "false": "", "1": "explain", "true": "explain", "regions": "regions"}


@dataclass(frozen=True)
class Reasons:
    """What joins the answer, and the seconds it took, which are not the model's."""

    answer: Mapping[str, Any]
    seconds: float


def asked(request: Request, *, picture: bool = False) -> str:
    """What the query asks for: nothing (""), ``explain``, or of a picture ``regions``; raises ``RequestRefused`` 422."""
    if not request.query_string:
        return ""
    word = WORDS.get(request.args.get("explain", "").lower())
    if word is None or (word == "regions" and not picture):
        choices = "1, 0 or regions" if picture else "1 or 0"
        raise RequestRefused(422, "query_invalid", f"The parameter explain is {choices}.")
    return word


def few(count: int) -> None:
    """Raise ``RequestRefused`` 422 where more rows are to be explained than one request may ask for."""
    if count > reasons.MAX_ROWS:
        raise RequestRefused(
            422,
            "explain_too_many_rows",
            f"At most {reasons.MAX_ROWS} rows are explained at once, and these are {count}: ask for fewer, or without explain.",
        )


def rows(total: int, accepted: tuple[int, ...]) -> Callable[[Result], Result]:
    """Explains the ``accepted`` of ``total`` rows: ``explanations`` and ``neighbours``, null for the others."""

    def told(predictor: Predictor, matrix: np.ndarray) -> dict[str, Any]:
        explanations: list[Any] = [None] * total
        near: list[Any] = [None] * total
        for number, row in zip(accepted, matrix, strict=True):
            found = reasons.of_row(predictor, row)
            explanations[number], near[number] = found["explanation"], found["neighbours"]
        return {"explanations": explanations, "neighbours": near}

    return lambda result: _explained(result, told)


def picture(data: bytes, word: str) -> Callable[[Result], Result]:
    """Explains one picture: ``explanation``, ``neighbours``, ``palette``, and with the word regions ``regions``."""
    grid = GRID if word == "regions" else 0

    def told(predictor: Predictor, matrix: np.ndarray) -> dict[str, Any]:
        return reasons.of_picture(predictor, data, matrix[0], grid=grid)

    return lambda result: _explained(result, told)


def _explained(result: Result, told: Callable[[Predictor, np.ndarray], dict[str, Any]]) -> Result:
    predictor = result.service.predictor
    begun = time.perf_counter()
    try:
        reasons.check(predictor)
    except BundleError as error:
        raise RequestRefused(422, "explain_unavailable", error.message) from None
    answer = told(predictor, result.numbers.matrix)
    return replace(result, reasons=Reasons(answer, time.perf_counter() - begun))
