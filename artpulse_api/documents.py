"""The shapes of the answers, for OpenAPI; handlers build plain dictionaries, and tests hold the two together."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


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


class Answer(_Document):
    """Predictions, in the order of the rows; with ``?partial=1`` a refused row has null in its places."""

    request_id: str
    problem: str
    model: str
    version: int
    mlflow_model_uri: str
    rollout_mode: Literal["single", "canary", "blue_green", "shadow"]
    rollout_route: Literal["primary", "secondary"]
    synthetic: bool = Field(description="True when the model learned from generated pictures.")
    labels: list[str | None]
    predictions: list[int | None] = Field(description="Index of each label in the model's labels.")
    probabilities: list[dict[str, float] | None]
    warnings: list[str]
    errors: list[RowIssue] = Field(default=[], description="Refused rows; only with ?partial=1.")
    label: str = Field(default="", description="The label; only for one row sent without a list.")
    confidence: float = Field(default=0, ge=0, le=1, description="The label's probability; as label.")
    model_version: int = Field(default=0, description="The version; as label.")
    timestamp: str = Field(default="", description="When it was answered; as label.")


class PictureAnswer(Answer):
    """The answer to a picture: ``features`` are the five visual features taken from it."""

    features: dict[str, float]


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
    """One input number with the range that is accepted and the range that is usual."""

    name: str
    minimum: float
    maximum: float
    unit: str = ""
    typical_minimum: float | None = None
    typical_maximum: float | None = None
    description: str = ""


class SchemaTarget(_Document):
    """What is predicted."""

    name: str
    labels: list[str]
    description: str


class Schema(_Document):
    """The contract of one problem."""

    problem: str
    input: Literal["table", "image"]
    target: SchemaTarget
    fields: list[SchemaField]
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
    """Ground truth was stored."""

    status: Literal["stored"]
    request_id: str
    row: int
    label: str
