"""The shapes of the answers, for OpenAPI; handlers build plain dictionaries, and tests hold the two together.

Belongs here: errors, health, models and contracts. Does not belong here: predictions (``prediction_documents``).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Issue(Document):
    """One thing that is wrong, with a JSON pointer into the body as it was sent."""

    pointer: str
    code: str
    message: str


class Problem(Document):
    """Every answer that is no success (RFC 9457); ``instance`` is the request id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[Issue]


class Health(Document):
    """The process is alive."""

    status: Literal["ok"]


class ReadyProblem(Document):
    """One problem of the release: the version in service and the one released."""

    ready: bool
    version: int
    released: int


class Registry(Document):
    """Models come from a registry."""

    enabled: bool


class Readiness(Document):
    """Every problem of the release is loaded; ``degraded`` names what is away or could not be renewed."""

    status: Literal["ready"]
    problems: dict[str, ReadyProblem]
    degraded: list[str]
    model_registry: Registry
    release: int


class Identity(Document):
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


class SchemaField(Document):
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


class SchemaTarget(Document):
    """What is predicted."""

    name: str
    labels: list[str]
    description: str
    unit: str = ""
    positive_label: str = ""
    threshold: float = 0.5
    unsure_below: float = 0
    capped_at: float | None = None


class SchemaRule(Document):
    """A rule between two fields; a row that breaks one of severity ``refuse`` is refused."""

    left: str
    op: str
    right: str
    severity: Literal["warn", "refuse"]
    message: str


class Schema(Document):
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


class ModelRow(Document):
    """One served problem."""

    problem: str
    model: str
    mode: str
    percent: float
    slots: dict[str, Identity]


class Models(Document):
    """Every served problem."""

    release: int
    models: list[ModelRow]


class FeedbackStored(Document):
    """Ground truth was stored; ``label`` is the label, or the value as text."""

    status: Literal["stored"]
    request_id: str
    row: int
    label: str
