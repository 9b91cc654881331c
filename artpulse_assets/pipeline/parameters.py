"""The parameters a problem states for its estimators, judged before anything is fitted.

Belongs here: making each estimator once to hear what scikit-learn says of its parameters. Does not belong here: which
algorithms there are and their defaults (``estimators``), fitting (``candidates``).
"""

from __future__ import annotations

import re
from typing import Any

from artpulse_assets.pipeline import estimators
from artpulse_assets.pipeline.estimators import Effort
from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError, ProblemError

EFFORTS: tuple[Effort, ...] = (
    "full",
    "quick",
)  # the full one first: what it states holds for the quick one too
WIDTH = 8  # of the matrix the parameters are made for; only defaults depend on it
_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_TWICE = re.compile(r"multiple values for keyword argument '(\w+)'")


def judge(problem: Problem) -> None:
    """Raise ``ProblemError`` for a parameter that scikit-learn does not know, or whose value it does not take."""
    for effort in EFFORTS:
        for name in dict.fromkeys([*estimators.field(problem), *problem.training.parameters]):
            said = _said(
                problem.task, estimators.parameters(name, problem.task, WIDTH, problem.training, effort)
            )
            if said:
                key = "parameters" if effort == "full" else "quick"  # the full ones were judged before
                raise ProblemError(f"{problem.name}: training.{key}.{name}: {said}")


def _said(task: str, params: dict[str, Any]) -> str:
    """What is wrong with ``params`` as the end of a sentence, empty when nothing is."""
    try:
        made = estimators.make(task, params, seed=0, parts=2, columns=estimators.Columns(blocks=(WIDTH,)))
        for part in (made, *made.get_params(deep=True).values()):
            if hasattr(part, "_parameter_constraints") and not isinstance(part, type):
                part._validate_params()  # what fit would call first
    except (DataError, ValueError) as error:  # scikit-learn's own is a TypeError too
        return str(error)
    except TypeError as error:
        if unknown := _UNKNOWN.search(str(error)):
            return f"there is no parameter {unknown[1]!r}; correct its name or remove the line."
        if twice := _TWICE.search(str(error)):
            return f"{twice[1]} is set by the pipeline itself; remove the line."
        return f"{error}."
    return ""
