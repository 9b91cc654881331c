"""What the problem file expects of each column of a dataset.

Belongs here: the one place where the table schema, the data quality checks and the figures read fields, kinds and
ranges from a problem. Does not belong here: any rule about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from artpulse_core import features
from artpulse_core.data.problems import Problem

FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Column:
    """One column: hard range ``low``–``high``, typical range (NaN where none is stated), levels of a category.

    A category holds the index of its level, 0 … k−1; a missing value is NaN and allowed where ``nullable``.
    """

    name: str
    kind: Literal["number", "category"] = "number"
    low: float = -FLOAT32
    high: float = FLOAT32
    typical_low: float = float("nan")
    typical_high: float = float("nan")
    levels: tuple[str, ...] = ()
    nullable: bool = False
    stated: bool = False

    def shown(self, value: float) -> str:
        """A value as people know it: the level's name, or the number."""
        if self.kind == "category" and np.isfinite(value) and 0 <= value < len(self.levels):
            return self.levels[int(value)] if float(value).is_integer() else f"{value:g}"
        return "missing" if np.isnan(value) else f"{value:g}"

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
    stated = {item.name: _column(item) for item in problem.fields}
    if names is None:
        names = tuple(stated) or features.get(problem.features).names
    return tuple(stated.get(name, Column(name)) for name in names)


def pictures(problem: Problem) -> bool:
    """Whether the rows are pictures (their features may be sent as a table all the same)."""
    return problem.source.kind == "images"


def regression(problem: Problem) -> bool:
    """Whether the target is a number."""
    return str(problem.task) == "regression"


def _column(item: Any) -> Column:
    def number(name: str, otherwise: float) -> float:
        value = getattr(item, name, None)
        return otherwise if value is None else float(value)

    levels = tuple(str(level) for level in getattr(item, "levels", None) or ())
    category = str(getattr(item, "kind", "number")) == "category"
    return Column(
        name=item.name,
        kind="category" if category else "number",
        low=0.0 if category else number("minimum", -FLOAT32),
        high=len(levels) - 1.0 if category else number("maximum", FLOAT32),
        typical_low=number("typical_minimum", float("nan")),
        typical_high=number("typical_maximum", float("nan")),
        levels=levels,
        nullable=bool(getattr(item, "nullable", False)),
        stated=True,
    )
