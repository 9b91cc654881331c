"""What the problem file expects of each column of a dataset.

Belongs here: the one place where the table schema, the data quality checks and the figures read fields, kinds and
ranges from a problem. Does not belong here: any rule about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artpulse_core import features
from artpulse_core.data.contract import Field
from artpulse_core.data.fields import FieldKind
from artpulse_core.data.problem import Problem

FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Column:
    """One column: hard range ``low``–``high``, ``typical`` range (infinite where none is stated), levels.

    A category holds the index of its level, 0 … k−1; a missing value is NaN and allowed where ``nullable``.
    """

    name: str
    kind: FieldKind = "number"
    low: float = -FLOAT32
    high: float = FLOAT32
    typical: tuple[float, float] = (-np.inf, np.inf)
    levels: tuple[str, ...] = ()
    nullable: bool = False
    stated: bool = False

    def shown(self, value: float) -> str:
        """A value as people know it: the level's name, or the number."""
        if np.isnan(value):
            return "missing"
        if self.kind == "category" and float(value).is_integer() and 0 <= value < len(self.levels):
            return self.levels[int(value)]
        return f"{value:g}"

    @property
    def range(self) -> str:
        """The hard range in words."""
        if self.kind == "category":
            return f"one of {', '.join(self.levels[:8])}{' …' if len(self.levels) > 8 else ''}"
        return f"{self.low:g} to {self.high:g}"


def columns(problem: Problem, names: Sequence[str] | None = None) -> tuple[Column, ...]:
    """The feature columns of ``problem`` in the order of the matrix.

    ``names``: the columns where the caller has settled them; else the fields, else the numbers of the feature set.
    """
    stated = {item.name: _column(item) for item in problem.contract.fields}
    if names is None:
        names = tuple(stated) or features.get(problem.features).names
    return tuple(stated.get(name) or Column(name) for name in names)


def pictures(problem: Problem) -> bool:
    """Whether the rows are pictures (their features may be sent as a table all the same)."""
    return problem.source.kind == "images"


def regression(problem: Problem) -> bool:
    """Whether the target is a number."""
    return problem.task == "regression"


def _column(item: Field) -> Column:
    low, high = item.bounds
    return Column(
        name=item.name,
        kind=item.kind,
        low=max(low, -FLOAT32),
        high=min(high, FLOAT32),
        typical=item.typical,
        levels=tuple(str(level) for level in item.levels),
        nullable=item.nullable,
        stated=True,
    )
