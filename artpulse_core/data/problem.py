"""The parts of a problem file as typed records: what may stand in it, and what must hold between its parts.

Belongs here: keys, types, ranges and the rules between them. Does not belong here: finding and reading files
(``problems``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator, model_validator
from pydantic import Field as PydanticField

from artpulse_core.data.contract import Contract, Field, Rule, Target
from artpulse_core.data.fields import MISSING, Level
from artpulse_core.data.limits import Quality

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Finite = Annotated[float, PydanticField(allow_inf_nan=False)]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
LossMetric = Literal["log_loss", "brier", "rmse", "mae"]
CLASSIFICATION_METRICS = ("macro_f1", "accuracy", "auc", "log_loss", "brier")
REGRESSION_METRICS = ("rmse", "mae")
MAX_LEVELS = 200


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Images(_Part):
    """A folder of labelled pictures: the data set ``dataset``, or a user's own ``folder``."""

    kind: Literal["images"]
    dataset: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")] = ""
    folder: str = ""

    @model_validator(mode="after")
    def _one(self) -> Images:
        if bool(self.dataset) == bool(self.folder):
            raise ValueError("images come from either a dataset or a folder; state one of them")
        return self


class Ratio(_Part):
    """A derived column: column ``of`` divided by column or number ``by``."""

    name: FieldName
    of: FieldName
    by: FieldName | Annotated[float, PydanticField(gt=0, allow_inf_nan=False)]


class TableFile(_Part):
    """A CSV: ``file`` below the data folder, or a user's own by its absolute path."""

    kind: Literal["table"]
    file: Annotated[str, StringConstraints(min_length=1)]
    columns: tuple[FieldName, ...] = ()
    separator: Literal["", ",", ";", "\t", "|"] = ""
    decimal: Literal[".", ","] = "."
    missing: tuple[str, ...] = ()
    id: FieldName | None = None
    group: FieldName | None = None
    coding: str = ""
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    url: str = ""
    ratios: tuple[Ratio, ...] = ()

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        if ".." in value.replace("\\", "/").split("/"):
            raise ValueError("the path leads outside its folder; remove the .. from it")
        return value

    @field_validator("columns")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := repeated(value):
            raise ValueError(f"the column {twice!r} is named twice")
        return value


class TargetText(_Part):
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
    values: dict[str, Label] = {}
    codes: dict[str, dict[str, Label]] = {}


class FieldText(_Part):
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
    codes: dict[str, dict[str, Level]] = {}

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


class RuleText(_Part):
    """A rule between two number fields; see ``fields.Rule``."""

    left: FieldName
    op: Literal["<=", "<", ">=", ">"]
    right: FieldName
    severity: Literal["warn", "refuse"] = "warn"
    message: str = ""


class Decision(_Part):
    """How an answer becomes a label: the ``threshold`` of a positive label with what its errors cost, and the
    confidence below which an answer is marked unsure.
    """

    threshold: float = PydanticField(default=0.5, gt=0, lt=1)
    unsure_below: float = PydanticField(default=0.0, ge=0, lt=1)
    false_negative: float = PydanticField(default=1.0, gt=0, allow_inf_nan=False)
    false_positive: float = PydanticField(default=1.0, gt=0, allow_inf_nan=False)


class Training(_Part):
    """How candidates are compared and how much data is kept aside for the gate.

    ``candidates`` names the algorithms that compete (absent: the usual ones of the task), ``parameters`` overrides
    their parameters, ``quick`` does under the quick effort. ``chosen`` settles beforehand which one is taken, where
    so little data would choose by chance. ``metric`` absent: macro_f1, or rmse for a regression.
    """

    metric: str = ""
    test_fraction: float = PydanticField(default=0.25, gt=0, lt=0.6)
    folds: int = PydanticField(default=5, ge=2, le=10)
    seed: int = 20
    candidates: tuple[str, ...] = ()
    chosen: str = ""
    quick_candidates: tuple[str, ...] = ()
    parameters: dict[str, dict[str, Any]] = {}
    quick: dict[str, dict[str, Any]] = {}


class Card(_Part):
    """What a model card says that no figure can: for what the model is, and for what not."""

    intended_use: str = ""
    not_for: str = ""
    limits: str = ""
    licence: str = ""
    citation: str = ""


class Problem(_Part):
    """What is learned; immutable, read from one TOML file."""

    name: Name
    title: str
    description: str = ""
    task: Literal["classification", "regression"]
    input: Literal["image", "table"]
    model: ModelName
    features: str
    owner: str = "team:artpulse"
    coding: str = ""
    source: Annotated[Images | TableFile, PydanticField(discriminator="kind")]
    target: TargetText
    fields: tuple[FieldText, ...] = ()
    rules: tuple[RuleText, ...] = ()
    decision: Decision = Decision()
    training: Training = Training()
    quality: Quality = Quality()
    card: Card = Card()

    @model_validator(mode="after")
    def _whole(self) -> Problem:
        names = [item.name for item in self.fields]
        if twice := repeated(names):
            raise ValueError(f"the field {twice!r} is named twice")
        if (self.input == "table") != bool(names):
            raise ValueError('input = "table" needs [[fields]]; input = "image" has none')
        if self.input == "image" and isinstance(self.source, TableFile):
            raise ValueError('input = "image" needs [source] kind = "images"')
        if self.task == "regression" and isinstance(self.source, Images):
            raise ValueError('task = "regression" needs [source] kind = "table"')
        numbers = {item.name for item in self.fields if item.kind == "number"}
        if odd := [side for rule in self.rules for side in (rule.left, rule.right) if side not in numbers]:
            raise ValueError(f"a rule names {odd[0]!r}, which is no number field")
        codings = {coding for item in self.fields for coding in item.codes}
        if codings and "coding" in names:
            raise ValueError("a field is called 'coding', by which a row states its coding; rename it")
        if self.coding in codings:
            raise ValueError(
                f"coding = {self.coding!r} is that of the levels themselves; fields.codes has others"
            )
        known = CLASSIFICATION_METRICS if self.task == "classification" else REGRESSION_METRICS
        if self.training.metric and self.training.metric not in known:
            raise ValueError(f"training.metric of a {self.task} is one of {', '.join(known)}")
        return self

    @property
    def metric(self) -> str:
        """What candidates are compared by."""
        return self.training.metric or ("macro_f1" if self.task == "classification" else "rmse")

    @property
    def noun(self) -> str:
        """What one example is called."""
        return "picture" if isinstance(self.source, Images) else "row"

    @property
    def contract(self) -> Contract:
        """The contract before the data was read: labels are still empty."""
        target, decision = self.target, self.decision
        return Contract(
            problem=self.name,
            input=self.input,
            target=Target(
                target.name,
                (),
                target.description,
                unit=target.unit,
                positive_label=target.positive_label,
                threshold=decision.threshold,
                unsure_below=decision.unsure_below,
                capped_at=target.capped_at,
            ),
            fields=tuple(Field(**item.model_dump()) for item in self.fields),
            task=self.task,
            coding=self.coding,
            rules=tuple(Rule(**item.model_dump()) for item in self.rules),
        )


def repeated(values: Iterable[Any]) -> Any:
    """The first value that occurs a second time, None when there is none."""
    found = list(values)
    return next((value for place, value in enumerate(found) if value in found[:place]), None)
