"""What a drift comparison found, for people and machines.

Belongs here: the report and the sentence that explains one feature. Does not belong here: any test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "drift", "insufficient_data"]


@dataclass(frozen=True)
class DriftReport:
    """Outcome for one window.

    ``score`` is evidence over the alarm line: 1 and more is an alarm, the smaller of the two ratios
    log p / log limit and effect / smallest effect that counts; for the window it is that of its worst
    feature. ``features`` holds every feature; only blamed ones carry ``drift: true``.
    """

    status: Status
    score: float
    n_reference: int
    n_current: int
    features: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def drift(self) -> bool:
        """Whether the window raises the alarm."""
        return self.status == "drift"

    @property
    def blamed(self) -> tuple[str, ...]:
        """The features that drifted, the worst first."""
        named = [name for name, found in self.features.items() if found["drift"]]
        return tuple(sorted(named, key=lambda name: (-self.features[name]["score"], name)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "drift": self.drift,
            "score": self.score,
            "status": self.status,
            "features": self.features,
            "reasons": list(self.reasons),
            "n_reference": self.n_reference,
            "n_current": self.n_current,
        }


def explain(name: str, found: dict[str, Any]) -> str:
    """One sentence: what changed in a feature, from what to what."""
    test = found["test"]
    before, after = found.get("reference", {}), found.get("current", {})
    if test == "absent":
        return f"{name}: the window has no such column."
    if test == "answers":
        change = found["effect"]
        return f"{name}: the mean answer is {'higher' if change > 0 else 'lower'} by {abs(change):.2f} of its spread."
    if test == "missing":
        return (
            f"{name}: {after['missing']:.1%} of values are missing, {before['missing']:.1%} in the reference."
        )
    if test == "category":
        level, change = found.get("level"), found.get("change", 0.0)
        return f"{name}: the mix changed, most for {level!r} ({change:+.1%} of rows)."
    if test == "correlation":
        other, was, now = found["with"], found["correlation_reference"], found["correlation_current"]
        return f"{name}: its correlation with {other} went from {was:.2f} to {now:.2f}."
    if test == "range":
        return f"{name}: {found['effect']:.1%} of values lie beyond every value of the reference."
    if test == "spread":
        word = "wider" if found["effect"] > 0 else "narrower"
        return f"{name}: values are spread {word}: 10-90 % was {_span(before)}, is {_span(after)}."
    if test == "shape":
        return f"{name}: the distribution changed its shape: 10-90 % was {_span(before)}, is {_span(after)}."
    word = "higher" if found["effect"] > 0 else "lower"
    return (
        f"{name}: values are {word}: the median was {_told(before, 'median')}, is {_told(after, 'median')}."
    )


def _span(numbers: dict[str, Any]) -> str:
    return f"{_told(numbers, 'q10')} to {_told(numbers, 'q90')}"


def _told(numbers: dict[str, Any], key: str) -> str:
    value = numbers.get(key)
    return "infinite" if value is None else f"{value:.4g}"
