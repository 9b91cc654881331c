"""The parameters a problem states for its estimators, judged before anything is fitted.

Belongs here: making each estimator once to hear what scikit-learn says of its parameters. Does not belong here: which
algorithms there are and their defaults (``estimators``), fitting (``candidates``).
"""

from __future__ import annotations

import re
from typing import Any

from artpulse_assets.pipeline import estimators
from artpulse_assets.pipeline.estimators import Columns, Effort
from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError, ProblemError
from artpulse_core.features import table

EFFORTS: tuple[Effort, ...] = (
    "full",
    "quick",
)  # the full one first: what it states holds for the quick one too
WIDTH = 8  # of the matrix the parameters are made for; only defaults depend on it
_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_TWICE = re.compile(r"multiple values for keyword argument '(\w+)'")


def judge(problem: Problem) -> None:
    """Raise ``ProblemError`` for a parameter that scikit-learn does not know, or whose value it does not take."""
    columns = _columns(problem)
    for effort in EFFORTS:
        for name in dict.fromkeys([*estimators.field(problem), *problem.training.parameters]):
            said = _said(
                problem.task,
                estimators.parameters(name, problem.task, WIDTH, problem.training, effort),
                columns,
            )
            if said:
                key = "parameters" if effort == "full" else "quick"  # the full ones were judged before
                raise ProblemError(f"{problem.name}: training.{key}.{name}: {said}")


def _columns(problem: Problem) -> Columns:
    """Columns as the problem's set has them, before any row was read."""
    if problem.source.kind == "images":
        return Columns(blocks=(WIDTH,))
    chosen = table.get(problem.features)
    return Columns((*chosen.apart, *chosen.distances), chosen.apart, chosen.distances)


def _said(task: str, params: dict[str, Any], columns: Columns) -> str:
    """What is wrong with ``params`` as the end of a sentence, empty when nothing is."""
    try:
        made = estimators.make(task, params, seed=0, parts=2, columns=columns)
        members = made.members() if hasattr(made, "members") else ()
        for part in (made, *members, *made.get_params(deep=True).values()):
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
