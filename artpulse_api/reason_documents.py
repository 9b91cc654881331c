"""The shapes of what ``?explain`` adds to an answer, for OpenAPI (see ``documents``)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Contribution(_Document):
    """What one field, or a group of fields that is told as one, adds to the explained number."""

    name: str
    value: float | int | str | None = Field(description="The field's; null if missing, or of a large group.")
    contribution: float


class Explanation(_Document):
    """``reference`` + all ``contributions`` + ``rest`` = ``answer``: Shapley values against typical training rows."""

    method: Literal["linear", "exact", "sampled"]
    quantity: Literal["probability", "log_odds", "value"] = Field(description="What answer counts.")
    label: str | None = Field(description="Whose probability or log-odds; null of a value.")
    answer: float
    reference: float = Field(description="The mean answer to typical training rows.")
    contributions: list[Contribution] = Field(description="The largest first, at most ten.")
    rest: float = Field(description="The sum of those not shown.")
    uncertainty: float = Field(description="Bounds the standard error of a contribution that was sampled.")
    rows: int = Field(description="How many rows the model was asked.")


class Neighbour(_Document):
    """A training example: its label or value, and how far it is, in standard deviations of a field."""

    id: str = Field(description="Its path, row number or id.")
    label: str | None = None
    value: float | None = None
    distance: float
    digest: str | None = Field(default=None, description="Of a picture's content.")


class Colour(_Document):
    """A main colour of a picture, as #rrggbb, and its share of the picture."""

    colour: str
    share: float


class Regions(_Document):
    """How far the probability of ``label`` falls when a cell of the picture is painted over, top row first."""

    label: str
    answer: float
    drops: list[list[float]]
    grid: int
    runs: int = Field(description="How often features were taken.")
