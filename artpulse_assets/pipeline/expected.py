"""What the problem file expects of each column of a dataset.

Belongs here: the one place where the table schema, the data quality checks and the figures read fields, kinds and
ranges from a problem. Does not belong here: any rule about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from artpulse_assets.pipeline import frames
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
        if self.low == -FLOAT32 and self.high == FLOAT32:
            return "a number in single precision"
        if FLOAT32 in (-self.low, self.high):
            return f"at least {self.low:g}" if self.high == FLOAT32 else f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"


def columns(problem: Problem, names: Sequence[str] | None = None) -> tuple[Column, ...]:
    """The input columns of a frame of ``problem``, in the order of the matrix.

    ``names``: the columns where the caller has settled them, else those of ``frames.columns``.
    """
    own, fields = (
        frames.columns(problem),
        problem.contract.fields,
    )  # pictures that are sent as such have no fields
    stated = {name: _column(name, item) for name, item in zip(own, fields, strict=False)}
    return tuple(stated.get(name) or Column(name) for name in (own if names is None else names))


def _column(name: str, item: Field) -> Column:
    low, high = item.bounds
    return Column(
        name=name,
        kind=item.kind,
        low=max(low, -FLOAT32),
        high=min(high, FLOAT32),
        typical=item.typical,
        levels=tuple(str(level) for level in item.levels),
        nullable=item.nullable,
        stated=True,
    )
