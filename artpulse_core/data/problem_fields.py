"""Fields, rules and target of a problem file as typed records.

Belongs here: their keys, and what must hold within one of them. Does not belong here: what holds between them and the
rest of a problem (``problem_rules``), the records of a contract (``fields``).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field as PydanticField
from pydantic import StringConstraints, field_validator, model_validator

from artpulse_core.data.fields import MISSING, Level
from artpulse_core.data.problem_source import FieldName, Part, repeated

Label = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Finite = Annotated[float, PydanticField(allow_inf_nan=False)]
MAX_LEVELS = 200


class TargetText(Part):
    """The target as the file states it; labels are found in the data, or are those of ``values`` and ``codes``.

    ``values`` maps the text of a cell to its label, ``codes`` does for each other coding of the file.
    """

    name: FieldName
    description: str = ""
    unit: str = ""
    minimum: Finite | None = None
    maximum: Finite | None = None
    capped_at: Finite | None = None
    positive_label: str = ""
    values: dict[str, Label] = PydanticField(default_factory=dict)
    codes: dict[str, dict[str, Label]] = PydanticField(default_factory=dict)


class FieldText(Part):
    """One field as the file states it; see ``fields.Field``."""

    name: FieldName
    kind: Literal["number", "category"] = "number"
    minimum: Finite | None = None
    maximum: Finite | None = None
    unit: str = ""
    typical_minimum: Finite | None = None
    typical_maximum: Finite | None = None
    description: str = ""
    levels: tuple[Level, ...] = ()
    nullable: bool = False
    codes: dict[str, dict[str, Level]] = PydanticField(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("a field's name is printable text without spaces around it")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> FieldText:
        if self.kind == "category":
            return self._as_category()
        if self.levels or self.codes:
            raise ValueError(f'{self.name} has levels or codes; they belong to kind = "category"')
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        usual_low = low if self.typical_minimum is None else self.typical_minimum
        usual_high = high if self.typical_maximum is None else self.typical_maximum
        if not low <= usual_low < usual_high <= high:
            raise ValueError(
                f"the ranges of {self.name} do not nest: minimum ≤ typical_minimum < typical_maximum ≤ maximum"
            )
        return self

    def _as_category(self) -> FieldText:
        bounds = (self.minimum, self.maximum, self.typical_minimum, self.typical_maximum)
        if any(bound is not None for bound in bounds):
            raise ValueError(f"{self.name} is a category, which has levels and no ranges")
        if not 2 <= len(self.levels) <= MAX_LEVELS:
            raise ValueError(f"{self.name} needs from 2 to {MAX_LEVELS} levels")
        if repeated(self.levels):
            raise ValueError(f"{self.name} names the level {repeated(self.levels)!r} twice")
        if alike := repeated(map(str, self.levels)):
            raise ValueError(
                f"{self.name} has the level {alike} as a number and as text, which no file tells apart; keep one of them"
            )
        for coding, codes in self.codes.items():
            foreign = [level for level in codes.values() if level not in (*self.levels, MISSING)]
            if foreign:
                raise ValueError(
                    f"{self.name}: the coding {coding} maps to {foreign[0]!r}, which is no level of it"
                )
            if MISSING in codes.values() and not self.nullable:
                raise ValueError(
                    f"{self.name}: the coding {coding} has a code for missing; state nullable = true"
                )
        return self


class RuleText(Part):
    """A rule between two number fields; see ``fields.Rule``."""

    left: FieldName
    op: Literal["<=", "<", ">=", ">"]
    right: FieldName
    severity: Literal["warn", "refuse"] = "warn"
    message: str = ""
