"""What one input field, one rule between fields, and the target are, as data.

Belongs here: the records of a contract and how a single value becomes a number of the input matrix (a category the
index of its level, a missing value NaN). Does not belong here: whole rows (``contract``), files (``tables``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

FieldKind = Literal["number", "category"]
Level = int | str
Task = Literal["classification", "regression"]
MISSING = "missing"  # a code of another coding that means "not known"
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One input field.

    A number: ``minimum``/``maximum`` bound what is accepted (inclusive, in ``unit``; None is unbounded); outside
    ``typical_minimum``/``typical_maximum`` a row is accepted with a warning. A category: one of ``levels``.
    ``nullable`` fields may be missing. ``codes`` maps, for each other coding, the text of its code to a level of
    this field or to ``"missing"``.
    """

    name: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    typical_minimum: float | None = None
    typical_maximum: float | None = None
    description: str = ""
    kind: FieldKind = "number"
    levels: tuple[Level, ...] = ()
    nullable: bool = False
    codes: Mapping[str, Mapping[str, Level]] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[float, float]:
        """Hard range of a number, infinite where there is none; of a category the range of level indices."""
        if self.kind == "category":
            return 0.0, float(len(self.levels) - 1)
        return (
            -np.inf if self.minimum is None else self.minimum,
            np.inf if self.maximum is None else self.maximum,
        )

    @property
    def typical(self) -> tuple[float, float]:
        """Typical range, infinite where there is none."""
        return (
            -np.inf if self.typical_minimum is None else self.typical_minimum,
            np.inf if self.typical_maximum is None else self.typical_maximum,
        )

    def place(self, value: Any) -> int | None:
        """Index of the level ``value`` is, None when it is none. 4 and 4.0 are the same integer level; True is none."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        if isinstance(value, float):
            if not value.is_integer():
                return None
            value = int(value)
        return next(
            (i for i, level in enumerate(self.levels) if type(level) is type(value) and level == value), None
        )

    def shown(self, number: float) -> float | Level | None:
        """The value behind a number of the input matrix: a level, a float, or None for NaN."""
        if np.isnan(number):
            return None
        return self.levels[int(number)] if self.kind == "category" else float(number)

    def to_dict(self) -> dict[str, Any]:
        """Plain data without what was left at its default."""
        default = Field(self.name)
        found = {
            key: value for key, value in vars(self).items() if key == "name" or value != getattr(default, key)
        }
        if "levels" in found:
            found["levels"] = list(self.levels)
        if "codes" in found:
            found["codes"] = {name: dict(codes) for name, codes in self.codes.items()}
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Field:
        """The reverse of ``to_dict``; raises ``TypeError`` for a foreign key."""
        return cls(**{**data, "levels": tuple(data.get("levels", ()))})


@dataclass(frozen=True)
class Rule:
    """A rule between two number fields: ``left`` ``op`` ``right``. Rows with a missing side keep it."""

    left: str
    op: str
    right: str
    severity: Literal["warn", "refuse"] = "warn"
    message: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong with a row that breaks it."""
        return self.message or f"{self.left} must be {self.op} {self.right}."

    def broken(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(n,) which rows break it."""
        known = ~(np.isnan(left) | np.isnan(right))
        return np.asarray(known & ~OPERATORS[self.op](left, right))


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Classification: ``labels`` in index order; ``positive_label`` makes a binary problem answer one probability,
    whose label is given from ``threshold`` on; an answer whose likeliest label has less than ``unsure_below`` is
    marked unsure. Regression: ``unit``, and the ``capped_at`` from which on the truth says "at least".
    """

    name: str
    labels: tuple[str, ...] = ()
    description: str = ""
    unit: str = ""
    positive_label: str = ""
    threshold: float = 0.5
    unsure_below: float = 0.0
    capped_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data: name, labels and description always, the rest where it differs from its default."""
        default = Target(self.name)
        found = {key: value for key, value in vars(self).items() if value != getattr(default, key)}
        return {**found, "name": self.name, "labels": list(self.labels), "description": self.description}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Target:
        """The reverse of ``to_dict``; raises ``TypeError`` for a foreign key."""
        return cls(**{**data, "labels": tuple(data.get("labels", ()))})
