"""What /ops/control takes and gives: the bodies, checked by these models, and the shapes of the answers for OpenAPI.

Belongs here: form only; a version that does not exist or a plan that makes no sense is refused by the agent. Other
answers are in ``documents``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

ProblemName = Annotated[str, Field(min_length=1, max_length=64, description="The problem's name.")]
Version = Annotated[int, Field(ge=1, lt=2**31, description="Number of a registered version.")]
Reason = Annotated[
    str,
    Field(
        max_length=1000,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="Why; it stays in the change table.",
    ),
]
Seen = Annotated[Version, Field(description="The champion you have seen; another one is a conflict (409).")]
SeenOrNone = Annotated[Seen | None, Field(description="The champion you have seen; null when there is none.")]
Percent = Annotated[float, Field(ge=0, le=100, description="Share of the requests, in percent.")]
Share = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(ge=0, lt=1e9)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Override = Annotated[
    bool, Field(description="Go on although the gate does not say promote; the reason is the record.")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Change(_Body):
    problem: ProblemName
    reason: Reason


class PromotePrimary(_Change):
    """Make a version the champion: the challenger, unless another one is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"problem": "art_core5", "expected": 2, "reason": "Better on the new pictures"}
        }
    )
    expected: SeenOrNone
    version: Version | None = None
    override: Override = False


class EmergencyRollback(_Change):
    """Back to the newest earlier champion that was not rejected; the one that is left is rejected."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"problem": "art_core5", "expected": 3, "reason": "Wrong on bright pictures"}
        }
    )
    expected: Seen


class Freeze(_Change):
    """Refuse every change but rollback, pause and abort from now on, or lift that."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"problem": "art_core5", "expected": 3, "frozen": True, "reason": "Exhibition week"}
        }
    )
    expected: SeenOrNone
    frozen: bool


class PlanFields(_Body):
    """How a rollout goes on by itself; what is left out has its default."""

    steps: list[Annotated[float, Field(gt=0, le=100)]] = Field(
        default=[1.0, 5.0, 25.0, 50.0, 100.0],
        min_length=1,
        max_length=100,
        description="Rising percents of the secondary.",
    )
    soak_seconds: Seconds = Field(default=600.0, description="A step is left no sooner.")
    min_samples: Count = Field(default=100, description="Answers of the secondary that a step needs.")
    alpha: Share = Field(default=0.05, description="Bound of the error of the whole rollout.")
    max_error_increase: Share = Field(default=0.02, description="Of the share of answers that fail.")
    max_slow_increase: Share = Field(default=0.10, description="Of the share of answers above the budget.")
    max_label_shift: Share = Field(default=0.25, description="Total variation of the label mix.")
    budget_ms: Seconds = 250.0
    hard_errors: Count = Field(default=5, description="As many failures stop it at once, if they are also")
    hard_share: Share = Field(default=0.5, description="at least this share of the secondary's answers.")
    promote: bool = Field(default=False, description="The last step ends in a promotion.")


class RolloutStart(_Change):
    """Put a version beside the champion: the challenger, unless another one is named."""

    action: Literal["start"]
    expected: Seen
    mode: Literal["canary", "blue_green", "shadow"]
    version: Version | None = None
    percent: Percent | None = Field(default=None, description="Default: the first step of the plan.")
    plan: PlanFields | None = None
    override: Override = False


class RolloutSet(_Change):
    """Give the secondary another share, and end a pause."""

    action: Literal["set"]
    expected: Seen
    percent: Percent


class RolloutPause(_Change):
    """Keep the share and take no further step."""

    action: Literal["pause"]
    expected: Seen


class RolloutAbort(_Change):
    """Give the whole share back to the champion at once."""

    action: Literal["abort"]
    expected: Seen


class RolloutChange(
    RootModel[
        Annotated[RolloutStart | RolloutSet | RolloutPause | RolloutAbort, Field(discriminator="action")]
    ]
):
    """Start, set, pause or abort a rollout."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "problem": "art_core5",
                "action": "start",
                "mode": "canary",
                "percent": 5,
                "expected": 2,
                "reason": "Try the new pictures",
            }
        }
    )


class GateCheck(_Body):
    """Which version to look at: the challenger, unless another one is named."""

    model_config = ConfigDict(json_schema_extra={"example": {"problem": "art_core5"}})
    problem: ProblemName
    version: Version | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChangeRow(_Answer):
    """One row of the change table."""

    sequence: int
    model: str
    action: Literal["register", "promote", "rollback", "rollout", "freeze", "adopt"]
    expected: int | None
    target: int | None
    rollout: dict[str, Any] | None = Field(description="What is routed where after the change.")
    actor: str
    reason: str
    verdict: dict[str, Any] | None
    idempotency_key: str | None
    state: Literal["open", "done", "undone", "refused"] = Field(
        description="An abort or a freeze counts as soon as it is open."
    )
    outcome: str | None = Field(description="Why it was refused or undone.")
    opened_at: str
    closed_at: str | None
    closing: int | None
    prev_hash: str
    hash: str
    seal: str | None


class ChangeMade(ChangeRow):
    """The change; ``replayed`` when its idempotency key had made it before."""

    replayed: bool


class Frozen(_Answer):
    """Who froze the changes of a model, when and why."""

    sequence: int
    by: str
    since: str
    reason: str


class ControlState(_Answer):
    """What counts for one model now, as versions."""

    model: str
    champion: int | None
    challenger: int | None
    previous: int | None
    blue: int | None
    green: int | None
    registry: str | None = Field(description="Why the registry was not asked; the table answers instead.")
    unaudited: bool | None = Field(description="The champion alias was moved by hand; null: unknown.")
    rollout: dict[str, Any]
    frozen: Frozen | None
    open: ChangeRow | None
    newest: ChangeRow | None


class ControlStates(_Answer):
    """Every problem, or the one that was asked for."""

    problems: dict[str, ControlState]


class Audit(_Answer):
    """Changes, newest first; ``next`` is the ``before`` of the next page, ``head`` the ends of both hash chains."""

    changes: list[ChangeRow]
    next: int | None
    head: str


class GateChecked(_Answer):
    """What the gate said, and what a promotion would say now."""

    problem: str
    model: str
    champion: int | None
    version: int
    judged_at: str | None
    verdict: dict[str, Any] | None
    allowed: bool
    message: str


class Reloaded(_Answer):
    """Whether the agent has looked since, and the release of this host now."""

    polled: bool
    release: int | None
