"""The contract: the input fields and the target as data.

Belongs here: the validation of rows against the fields, and the JSON schema. The HTTP layer, the graph's
table schemas, the MLflow signature and the drift profile all read this one description. The contract inside a
bundle is the one that counts when serving, because labels are known only after the data was read. Does not belong
here: what a single field is (``fields``), the pydantic model of a row (``row_model``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from artpulse_core.data import row_model
from artpulse_core.data.fields import Field, Rule, Target, Task
from artpulse_core.errors import ContractViolation, Issue

__all__ = ["Contract", "Field", "InputKind", "Rows", "Rule", "Target", "Task"]

InputKind = Literal["image", "table"]


@dataclass(frozen=True)
class Rows:
    """Validated rows: ``matrix`` is n × f float64 in field order (a category is the index of its level, a missing
    value NaN), ``warnings`` one list a row.
    """

    matrix: np.ndarray
    warnings: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Contract:
    """Input fields and target of one problem. ``coding`` names the coding of the fields' own levels."""

    problem: str
    input: InputKind
    target: Target
    fields: tuple[Field, ...] = ()
    task: Task = "classification"
    coding: str = ""
    rules: tuple[Rule, ...] = ()
    _adapter: TypeAdapter[list[Any]] = field(init=False, repr=False, compare=False)
    _row: type[BaseModel] = field(init=False, repr=False, compare=False)
    _typical: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        row = row_model.build(self.problem, self.fields, self.coding, self.codings)
        object.__setattr__(self, "_row", row)
        object.__setattr__(self, "_adapter", TypeAdapter(list[row]))  # type: ignore[valid-type]  # a model made at run time
        bounds = [item.typical for item in self.fields]
        object.__setattr__(self, "_typical", np.array(bounds, dtype=np.float64).reshape(len(bounds), 2))

    @property
    def names(self) -> tuple[str, ...]:
        """Field names in the order of the matrix columns."""
        return tuple(item.name for item in self.fields)

    @property
    def codings(self) -> tuple[str, ...]:
        """Other codings that rows may state beside ``coding``."""
        return tuple(sorted({name for item in self.fields for name in item.codes}))

    @property
    def digest(self) -> str:
        """``sha256:…`` over the canonical JSON; equal digests accept and answer the same."""
        return (
            "sha256:" + hashlib.sha256(orjson.dumps(self.to_dict(), option=orjson.OPT_SORT_KEYS)).hexdigest()
        )

    @property
    def row_model(self) -> type[BaseModel]:
        """The pydantic model of one row, for OpenAPI."""
        return self._row

    def validate(self, rows: Sequence[Any], pointer: str = "/rows") -> Rows:
        """Check ``rows`` (objects of field → value) against the fields and rules.

        A row may state its ``coding`` where there are several; its codes are turned into this contract's levels.
        Raises ``ContractViolation`` with one issue a wrong field, each with a JSON pointer below ``pointer``.
        """
        issues: list[Issue] = []
        if self.codings:
            rows, issues = row_model.recoded(rows, self.fields, self.coding, pointer)
        try:
            models = self._adapter.validate_python(rows)
        except ValidationError as error:
            found = [row_model.issue(item, pointer) for item in error.errors()]
            named = {item.pointer for item in issues}
            raise _violation([*issues, *(item for item in found if item.pointer not in named)]) from None
        if issues:
            raise _violation(issues)
        keys = [row_model.key(place) for place in range(len(self.fields))]
        matrix = np.array([[getattr(model, key) for key in keys] for model in models], dtype=np.float64)
        matrix = matrix.reshape(len(models), len(keys))
        refused = [
            Issue(f"{pointer}/{row}/{rule.left}", "rule_broken", rule.sentence)
            for rule, broken in self._broken(matrix, "refuse")
            for row in np.flatnonzero(broken)
        ]
        if refused:
            raise _violation(refused)
        return Rows(matrix, self.warnings(matrix))

    def warnings(self, matrix: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """One tuple of sentences a row: values outside the typical range, and rules that only warn."""
        if not len(matrix):
            return ()
        odd = (matrix < self._typical[:, 0]) | (matrix > self._typical[:, 1])
        broken = self._broken(matrix, "warn")
        if not odd.any() and not broken:
            return ((),) * len(matrix)
        return tuple(
            (
                *(
                    f"{self.fields[column].name} is outside its typical range {_range(*self._typical[column])}"
                    for column in np.flatnonzero(row)
                ),
                *(rule.sentence for rule, rows in broken if rows[place]),
            )
            for place, row in enumerate(odd)
        )

    def _broken(self, matrix: np.ndarray, severity: str) -> list[tuple[Rule, np.ndarray]]:
        names = self.names
        found = [
            (rule, rule.broken(matrix[:, names.index(rule.left)], matrix[:, names.index(rule.right)]))
            for rule in self.rules
            if rule.severity == severity
        ]
        return [(rule, rows) for rule, rows in found if rows.any()]

    def broken_rules(self, matrix: np.ndarray) -> list[tuple[Rule, np.ndarray]]:
        """Rules that refuse, each with the (n,) rows of ``matrix`` that break it; only those that are broken."""
        return self._broken(matrix, "refuse")

    def with_labels(self, labels: Sequence[str]) -> Contract:
        """The same contract with the labels found in the data."""
        return replace(self, target=replace(self.target, labels=tuple(labels)))

    def shown(self, row: np.ndarray) -> dict[str, Any]:
        """One row of the input matrix as a caller would send it."""
        return {item.name: item.shown(value) for item, value in zip(self.fields, row.tolist(), strict=True)}

    def json_schema(self) -> dict[str, Any]:
        """JSON schema of one row."""
        return self._row.model_json_schema()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as written to ``contract.json``; what is at its default is left out."""
        more: dict[str, Any] = {"task": self.task} if self.task != "classification" else {}
        if self.coding:
            more["coding"] = self.coding
        if self.rules:
            more["rules"] = [vars(rule) for rule in self.rules]
        return {
            "problem": self.problem,
            "input": self.input,
            "target": self.target.to_dict(),
            "fields": [item.to_dict() for item in self.fields],
            **more,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Contract:
        """The reverse of ``to_dict``; raises ``KeyError``/``TypeError`` on a foreign document."""
        return cls(
            problem=data["problem"],
            input=data["input"],
            target=Target.from_dict(data["target"]),
            fields=tuple(Field.from_dict(item) for item in data["fields"]),
            task=data.get("task", "classification"),
            coding=data.get("coding", ""),
            rules=tuple(Rule(**item) for item in data.get("rules", ())),
        )


def _range(low: float, high: float) -> str:
    if np.isinf(low):
        return f"up to {high:g}"
    return f"from {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"


def _violation(issues: Sequence[Issue]) -> ContractViolation:
    return ContractViolation("The input breaks the contract.", tuple(issues))
