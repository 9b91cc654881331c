"""A rollout: which share of the requests the secondary answers, and what was seen of both slots.

Belongs here: the state that stands in a change row, its plan, the evidence it is judged by, as plain immutable
data. Does not belong here: writing a row (``traffic``), counting events (``artpulse_core.store.events``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from artpulse_core.errors import ChangeRefused
from artpulse_core.exchange.release import Mode

MOST_STEPS = 100
SMALLEST_SHARE = 1e-9
MODES = get_args(Mode)
COLOURS = ("blue", "green")
Outcome = Literal["", "promoted", "failed", "aborted", "ended"]


@dataclass(frozen=True)
class Plan:
    """How a rollout goes on by itself.

    ``steps`` are the percents of the secondary, rising to 100. A step is left no sooner than ``soak_seconds`` after
    it began and with at least ``min_samples`` answers of the secondary in it. Increases are differences of shares
    (0.02: two points) between the slots: of answers that failed, of answers slower than ``budget_ms``, and the
    total variation of the label mix. A secondary that is shown to be worse, and by more than that, is stopped. A step
    is passed when at the share of the next one the increase stays below the limit among all requests: before 5 %
    twenty times the limit may remain possible for the secondary's own answers, before 100 % the limit itself.
    ``alpha`` bounds the error of the whole rollout, however often it is looked at. At ``hard_errors`` failures that
    are at least ``hard_share`` of its answers the secondary is stopped at once.
    With ``promote`` the last step ends in a promotion; without, it waits for a person.
    """

    steps: tuple[float, ...] = (1.0, 5.0, 25.0, 50.0, 100.0)
    soak_seconds: float = 600.0
    min_samples: int = 100
    alpha: float = 0.05
    max_error_increase: float = 0.02
    max_slow_increase: float = 0.10
    max_label_shift: float = 0.25
    budget_ms: float = 250.0
    hard_errors: int = 5
    hard_share: float = 0.5
    promote: bool = False


@dataclass(frozen=True)
class Stage:
    """One percent that was held: the state of a rollout remembers each, so that evidence can be counted by stage.

    ``began`` is a time of ``artpulse_core.store.clock.stamp``.
    """

    percent: float
    began: str


@dataclass(frozen=True)
class Rollout:
    """What is routed where after a change: the column ``rollout`` of a row.

    ``primary`` and ``secondary`` are versions. ``stages`` begins with the first percent of this rollout; the last one
    is the current. ``active`` is the colour of the primary, empty while nobody ever asked for colours; ``blue`` and
    ``green`` are the versions of the colours. ``approved`` says that the gate (or somebody over it) has agreed to
    the secondary becoming champion. ``outcome`` says how the last rollout ended, empty while it goes on.
    """

    mode: Mode = "single"
    primary: int | None = None
    secondary: int | None = None
    percent: float = 0.0
    salt: str = ""
    paused: bool = False
    approved: bool = False
    plan: Plan = field(default_factory=Plan)
    stages: tuple[Stage, ...] = ()
    active: str = ""
    blue: int | None = None
    green: int | None = None
    outcome: Outcome = ""

    @property
    def running(self) -> bool:
        """Whether a secondary is in service."""
        return self.mode != "single" and self.secondary is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        document = asdict(self)
        document["plan"]["steps"] = list(self.plan.steps)
        document["stages"] = [asdict(stage) for stage in self.stages]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Rollout:
        """The state of a row; keys of a newer release are left out.

        One that no release wrote, so that it was altered in the database, is the empty state: nothing is rolled out.
        """
        try:
            known = _known(cls, document)
            plan = _known(Plan, known.get("plan") or {})
            if "steps" in plan:
                plan["steps"] = tuple(plan["steps"])
            stages = tuple(Stage(**_known(Stage, stage)) for stage in known.get("stages") or ())
            state = cls(**{**known, "plan": Plan(**plan), "stages": stages})
            check_plan(state.plan)
        except (AttributeError, TypeError, ChangeRefused):
            return cls()
        possible = state.mode in MODES and _number(state.percent) and 0 <= state.percent <= 100
        return state if possible else cls()


@dataclass(frozen=True)
class Counts:
    """What one slot did in one stage: answers, those that failed, those slower than the budget, and labels given."""

    n: int = 0
    errors: int = 0
    slow: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """Both slots during one stage."""

    percent: float
    primary: Counts = field(default_factory=Counts)
    secondary: Counts = field(default_factory=Counts)


@dataclass(frozen=True)
class Evidence:
    """All windows of a rollout, oldest first; the last belongs to the current stage."""

    windows: tuple[Window, ...] = ()


def check_plan(plan: Plan) -> None:
    """Raise ``ChangeRefused`` naming the field that cannot be used; NaN and what is no number are none of these."""
    steps = plan.steps
    rising = all(_number(step) for step in steps) and all(
        a < b for a, b in zip((0.0, *steps), steps, strict=False)
    )
    if not 0 < len(steps) <= MOST_STEPS or not rising or steps[-1] > 100:
        raise ChangeRefused(
            f"steps: percents must rise, above 0 and up to 100; {MOST_STEPS} of them at most."
        )
    for name in ("alpha", "max_error_increase", "max_slow_increase", "max_label_shift", "hard_share"):
        value = getattr(plan, name)
        if not _number(value) or not SMALLEST_SHARE <= value <= 1:
            raise ChangeRefused(f"{name}: a share from {SMALLEST_SHARE:g} to 1.")
    for name in ("soak_seconds", "budget_ms"):
        value = getattr(plan, name)
        if not _number(value) or not 0 <= value < 1e9:
            raise ChangeRefused(f"{name}: 0 or more.")
    for name in ("min_samples", "hard_errors"):
        value = getattr(plan, name)
        if not _number(value) or not 1 <= value < 2**31 or value != int(value):
            raise ChangeRefused(f"{name}: at least 1, and whole; without samples nothing passes.")
    if not isinstance(plan.promote, bool):
        raise ChangeRefused("promote: true or false.")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12  # NaN is not


def _known(shape: type, document: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(shape)}
    return {name: value for name, value in document.items() if name in names}
