"""Which problem an address without a name stands for."""

from __future__ import annotations

from artpulse_api.serving import Call, Serving

ART = "art"


def default_problem(serving: Serving, call: Call) -> str:
    """/predict: ARTPULSE_DEFAULT_PROBLEM, or the only served table problem while that one is not served."""
    default = serving.settings.default_problem
    problems = call.snapshot.problems
    if default in problems:
        return default
    tables = [name for name, served in problems.items() if served.primary.contract.input == "table"]
    return tables[0] if len(tables) == 1 else default


def picture_problem(serving: Serving, call: Call) -> str:
    """/predict-image: art, or the only served image problem, else the default (features of a picture fit it too)."""
    problems = call.snapshot.problems
    images = [name for name, served in problems.items() if served.primary.contract.input == "image"]
    if ART in images:
        return ART
    return images[0] if len(images) == 1 else default_problem(serving, call)
