"""The shape of a prediction and of its explanation, for OpenAPI.

Belongs here: what ``answers`` and ``explanations`` build as plain dictionaries; tests hold the two together. Does not
belong here: every other answer (``documents``).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from artpulse_api.documents import Document, Issue


class RowIssue(Issue):
    """One thing that is wrong with one row."""

    row: int


class Interval(Document):
    """Bounds between which the truth lies with the probability ``level``."""

    lower: float
    upper: float
    level: float


class Contribution(Document):
    """What one field, or a group of fields that is told as one, adds to the explained number."""

    name: str
    value: float | int | str | None = Field(description="The field's; null if missing, or of a large group.")
    contribution: float


class Explanation(Document):
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


class Neighbour(Document):
    """A training example: its label or value, and how far it is, in standard deviations of a field."""

    id: str = Field(description="Its path, row number or id.")
    label: str | None = None
    value: float | None = None
    distance: float
    digest: str | None = Field(default=None, description="Of a picture's content.")


class Colour(Document):
    """A main colour of a picture, as #rrggbb, and its share of the picture."""

    colour: str
    share: float


class Regions(Document):
    """How far the probability of ``label`` falls when a cell of the picture is painted over, top row first."""

    label: str
    answer: float
    drops: list[list[float]]
    grid: int
    runs: int = Field(description="How often features were taken.")


class _Answer(Document):
    request_id: str
    problem: str
    model: str
    version: int
    mlflow_model_uri: str
    rollout_mode: Literal["single", "canary", "blue_green", "shadow"]
    rollout_route: Literal["primary", "secondary"]
    synthetic: bool = Field(description="True when the model learned from generated pictures.")
    labels: list[str | None] = Field(default=[], description="Of a classification, as are the next ones.")
    predictions: list[int | None] = Field(
        default=[], description="Index of each label in the model's labels."
    )
    probabilities: list[dict[str, float] | float | None] = Field(
        default=[], description="Of every label; of the positive label alone where the problem has one."
    )
    positive_label: str = Field(default="", description="Whose probability is given.")
    threshold: float = Field(
        default=0.5, description="The positive label is answered from this probability on."
    )
    unsure: list[bool | None] = Field(
        default=[], description="The likeliest label is less likely than unsure_below."
    )
    unsure_below: float = Field(default=0, description="Answers with less confidence are marked unsure.")
    values: list[float | None] = Field(default=[], description="Of a regression, as are the next ones.")
    unit: str = Field(default="", description="Of the values.")
    intervals: list[Interval | None] = Field(
        default=[], description="Where the truth lies, at the stated level."
    )
    warnings: list[str]
    errors: list[RowIssue] = Field(default=[], description="Refused rows; only with ?partial=1.")
    label: str = Field(default="", description="The label; only for one row sent without a list.")
    confidence: float = Field(default=0, ge=0, le=1, description="The label's probability; as label.")
    prediction: float = Field(default=0, description="The value; as label.")
    confidence_interval: Interval | None = Field(default=None, description="The value's interval; as label.")
    model_version: int = Field(default=0, description="The version; as label.")
    timestamp: str = Field(default="", description="When it was answered; as label.")


class Answer(_Answer):
    """Predictions, in the order of the rows; with ``?partial=1`` a refused row has null in its places."""

    explanations: list[Explanation | None] = Field(
        default=[], description="Why, a row each; only with ?explain=1."
    )
    neighbours: list[list[Neighbour] | None] = Field(
        default=[], description="The nearest training rows, nearest first; only with ?explain=1."
    )


class PictureAnswer(_Answer):
    """The answer to a picture: ``features`` are the five visual features taken from it."""

    features: dict[str, float]
    explanation: Explanation | None = Field(
        default=None,
        description="Why; only with ?explain, and null where features have no names people know.",
    )
    neighbours: list[Neighbour] = Field(
        default=[], description="The nearest training pictures, nearest first; only with ?explain."
    )
    palette: list[Colour] = Field(default=[], description="Largest share first; only with ?explain.")
    regions: Regions | None = Field(default=None, description="Only with ?explain=regions.")
