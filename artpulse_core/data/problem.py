"""A problem file as one typed record: what may stand in it.

Belongs here: the keys of a problem beside its source (``problem_source``) and its fields (``problem_fields``). Does
not belong here: what must hold between them (``problem_rules``), finding and reading files (``problems``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field as PydanticField
from pydantic import StringConstraints, model_validator

from artpulse_core.data import problem_rules
from artpulse_core.data.contract import Contract, Field, Rule, Target
from artpulse_core.data.limits import Quality
from artpulse_core.data.problem_fields import FieldText, RuleText, TargetText
from artpulse_core.data.problem_source import Images, Part, Ratio, TableFile, repeated

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
LossMetric = Literal["log_loss", "brier", "rmse", "mae"]
__all__ = [
    "Card", "Decision", "FieldText", "Images", "LossMetric", "Problem", "Ratio", "RuleText", "TableFile", "TargetText",
    "Training", "repeated",
]  # fmt: skip


class Decision(Part):
    """How an answer becomes a label: the ``threshold`` of a positive label with what its errors cost, and the
    confidence below which an answer is marked unsure.
    """

    threshold: float = PydanticField(default=0.5, gt=0, lt=1)
    unsure_below: float = PydanticField(default=0.0, ge=0, lt=1)
    false_negative: float = PydanticField(default=1.0, gt=0, allow_inf_nan=False)
    false_positive: float = PydanticField(default=1.0, gt=0, allow_inf_nan=False)


class Training(Part):
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
    parameters: dict[str, dict[str, Any]] = PydanticField(default_factory=dict)
    quick: dict[str, dict[str, Any]] = PydanticField(default_factory=dict)


class Card(Part):
    """What a model card says that no figure can: for what the model is, and for what not."""

    intended_use: str = ""
    not_for: str = ""
    limits: str = ""
    licence: str = ""
    citation: str = ""


class Problem(Part):
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
        if fault := next(problem_rules.faults(self), None):
            raise ValueError(fault)
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
