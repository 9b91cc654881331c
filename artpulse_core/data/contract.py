"""The contract: the input fields and the target as data.

Belongs here: the fields, the validation of rows against them, and the JSON schema. The HTTP layer, the graph's
table schemas, the MLflow signature and the drift profile all read this one description. The contract inside a
bundle is the one that counts when serving, because labels are known only after the data was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic import Field as PydanticField

from artpulse_core.errors import ContractViolation, Issue

InputKind = Literal["image", "table"]
MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field; remove it.",
    "finite_number": "The value must be a finite number.",
    "float_type": "The value must be a number.",
    "float_parsing": "The value must be a number.",
    "dict_type": "A row is an object of field names and values.",
    "model_type": "A row is an object of field names and values.",
    "model_attributes_type": "A row is an object of field names and values.",
}


@dataclass(frozen=True)
class Field:
    """One input number.

    ``minimum``/``maximum`` bound what is accepted (inclusive, in ``unit``); outside
    ``typical_minimum``/``typical_maximum`` a row is accepted with a warning.
    """

    name: str
    minimum: float
    maximum: float
    unit: str = ""
    typical_minimum: float | None = None
    typical_maximum: float | None = None
    description: str = ""


@dataclass(frozen=True)
class Target:
    """What is predicted: the name of the target and its labels in index order."""

    name: str
    labels: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Rows:
    """Validated rows: ``matrix`` is n × f float64 in field order, ``warnings`` one list a row."""

    matrix: np.ndarray
    warnings: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Contract:
    """Input fields and target of one problem."""

    problem: str
    input: InputKind
    target: Target
    fields: tuple[Field, ...] = ()
    _adapter: TypeAdapter[list[Any]] = field(init=False, repr=False, compare=False)
    _row: type[BaseModel] = field(init=False, repr=False, compare=False)
    _typical: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        row = _row_model(self)
        object.__setattr__(self, "_row", row)
        object.__setattr__(self, "_adapter", TypeAdapter(list[row]))  # type: ignore[valid-type]  # a model made at run time
        bounds = [
            (
                -np.inf if item.typical_minimum is None else item.typical_minimum,
                np.inf if item.typical_maximum is None else item.typical_maximum,
            )
            for item in self.fields
        ]
        object.__setattr__(self, "_typical", np.array(bounds, dtype=np.float64).reshape(len(bounds), 2))

    @property
    def names(self) -> tuple[str, ...]:
        """Field names in the order of the matrix columns."""
        return tuple(item.name for item in self.fields)

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
        """Check ``rows`` (objects of field → number) against the fields.

        Raises ``ContractViolation`` with one issue a wrong field, each with a JSON pointer below ``pointer``.
        """
        try:
            models = self._adapter.validate_python(rows)
        except ValidationError as error:
            raise ContractViolation(
                "The input breaks the contract.", tuple(_issue(item, pointer) for item in error.errors())
            ) from None
        names = self.names
        matrix = np.array([[getattr(model, name) for name in names] for model in models], dtype=np.float64)
        return Rows(matrix.reshape(len(models), len(names)), self.warnings(matrix))

    def warnings(self, matrix: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """One tuple of sentences a row, for values outside the typical range."""
        if not len(matrix):
            return ()
        odd = (matrix < self._typical[:, 0]) | (matrix > self._typical[:, 1])
        if not odd.any():
            return ((),) * len(matrix)
        return tuple(
            tuple(
                f"{self.fields[column].name} is outside its typical range"
                f" {self._typical[column, 0]:g} to {self._typical[column, 1]:g}"
                for column in np.flatnonzero(row)
            )
            for row in odd
        )

    def with_labels(self, labels: Sequence[str]) -> Contract:
        """The same contract with the labels found in the data."""
        target = Target(self.target.name, tuple(labels), self.target.description)
        return Contract(self.problem, self.input, target, self.fields)

    def json_schema(self) -> dict[str, Any]:
        """JSON schema of one row."""
        return self._row.model_json_schema()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as written to ``contract.json``."""
        return {
            "problem": self.problem,
            "input": self.input,
            "target": {
                "name": self.target.name,
                "labels": list(self.target.labels),
                "description": self.target.description,
            },
            "fields": [
                {key: value for key, value in vars(item).items() if value not in ("", None)}
                for item in self.fields
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Contract:
        """The reverse of ``to_dict``; raises ``KeyError``/``TypeError`` on a foreign document."""
        target = data["target"]
        return cls(
            problem=data["problem"],
            input=data["input"],
            target=Target(target["name"], tuple(target["labels"]), target.get("description", "")),
            fields=tuple(Field(**item) for item in data["fields"]),
        )


def _row_model(contract: Contract) -> type[BaseModel]:
    definitions: dict[str, Any] = {}
    for item in contract.fields:
        text = " ".join(
            part for part in (item.description, f"Unit: {item.unit}." if item.unit else "") if part
        )
        bounds = PydanticField(
            ge=item.minimum, le=item.maximum, allow_inf_nan=False, strict=True, description=text or None
        )
        definitions[item.name] = (Annotated[float, bounds], ...)
    name = "".join(part.capitalize() for part in contract.problem.split("_")) + "Row"
    config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    return cast(type[BaseModel], create_model(name, __config__=config, **definitions))


def _issue(item: Mapping[str, Any], pointer: str) -> Issue:
    place = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in item["loc"])
    context = item.get("ctx", {})
    match item["type"]:
        case "greater_than_equal":
            message = f"The value must be at least {context['ge']:g}."
        case "less_than_equal":
            message = f"The value must be at most {context['le']:g}."
        case kind:
            message = MESSAGES.get(kind, item["msg"])
    return Issue(pointer + place, item["type"], message)
