"""The shapes of the answers, for OpenAPI; handlers build plain dictionaries, and tests hold the two together."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from artpulse_api.reason_documents import Colour, Explanation, Neighbour, Regions


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Issue(_Document):
    """One thing that is wrong, with a JSON pointer into the body as it was sent."""

    pointer: str
    code: str
    message: str


class Problem(_Document):
    """Every answer that is no success (RFC 9457); ``instance`` is the request id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[Issue]


class RowIssue(Issue):
    """One thing that is wrong with one row."""

    row: int


class Interval(_Document):
    """Bounds between which the truth lies with the probability ``level``."""

    lower: float
    upper: float
    level: float


class _Answer(_Document):
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


class Health(_Document):
    """The process is alive."""

    status: Literal["ok"]


class ReadyProblem(_Document):
    """One problem of the release: the version in service and the one released."""

    ready: bool
    version: int
    released: int


class Registry(_Document):
    """Models come from a registry."""

    enabled: bool


class Readiness(_Document):
    """Every problem of the release is loaded; ``degraded`` names what is away or could not be renewed."""

    status: Literal["ready"]
    problems: dict[str, ReadyProblem]
    degraded: list[str]
    model_registry: Registry
    release: int


class Identity(_Document):
    """One registered model version."""

    problem: str
    model: str
    version: int
    alias: str
    digest: str
    mlflow_model_uri: str
    algorithm: str
    created_at: str
    git_commit: str | None
    synthetic: bool


class Metadata(Identity):
    """What a model takes and gives."""

    task: str
    input: Literal["table", "image"]
    target: str
    labels: list[str]
    feature_set: str
    features: list[str] = Field(description="In the order the model takes them.")
    metrics: dict[str, Any]
    default_problem: str
    problems: list[str]


class ModelInfo(Identity):
    """The version that answers, where it came from and its evaluation."""

    labels: list[str]
    feature_set: str
    features: list[str]
    fingerprint: str
    contract_digest: str
    provenance: dict[str, Any]
    metrics: dict[str, Any]
    evaluation: dict[str, Any]
    rollout_mode: str
    rollout_percent: float = Field(description="Share of the requests that the secondary answers.")
    secondary: Identity | None = Field(description="The version in the other slot, while there is one.")
    unaudited: bool = Field(description="True when the alias was moved outside ArtPulse.")
    release: int
    loaded_at: str


class SchemaField(_Document):
    """One input: a number with the range that is accepted and the range that is usual, or a category."""

    name: str
    kind: Literal["number", "category"] = "number"
    minimum: float | None = None
    maximum: float | None = None
    levels: list[int | str] = []
    nullable: bool = False
    codes: dict[str, dict[str, int | str]] = Field(
        default={}, description="Levels by the codes of other codings."
    )
    unit: str = ""
    typical_minimum: float | None = None
    typical_maximum: float | None = None
    description: str = ""


class SchemaTarget(_Document):
    """What is predicted."""

    name: str
    labels: list[str]
    description: str
    unit: str = ""
    positive_label: str = ""
    threshold: float = 0.5
    unsure_below: float = 0
    capped_at: float | None = None


class SchemaRule(_Document):
    """A rule between two fields; a row that breaks one of severity ``refuse`` is refused."""

    left: str
    op: str
    right: str
    severity: Literal["warn", "refuse"]
    message: str


class Schema(_Document):
    """The contract of one problem."""

    problem: str
    input: Literal["table", "image"]
    target: SchemaTarget
    fields: list[SchemaField]
    task: Literal["classification", "regression"] = "classification"
    coding: str = ""
    rules: list[SchemaRule] = []
    digest: str
    json_schema: dict[str, Any]


class ModelRow(_Document):
    """One served problem."""

    problem: str
    model: str
    mode: str
    percent: float
    slots: dict[str, Identity]


class Models(_Document):
    """Every served problem."""

    release: int
    models: list[ModelRow]


class FeedbackStored(_Document):
    """Ground truth was stored; ``label`` is the label, or the value as text."""

    status: Literal["stored"]
    request_id: str
    row: int
    label: str
