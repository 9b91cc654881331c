"""The verdict: a pure function of policy and evidence that says promote, reject or inconclusive.

Belongs here: putting the rules together. Each rule passes, fails or stays undecided, and says its value,
limit and reason: a failed rule rejects, an undecided one leaves the champion in place, and only a verdict
whose every rule passed promotes. Does not belong here: acting on it (``artpulse_core.control``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from artpulse_core.gates import rules, values
from artpulse_core.gates.evidence import Evidence, Task, as_utc
from artpulse_core.gates.policy import Policy
from artpulse_core.gates.rules import RuleResult

__all__ = ["Decision", "RuleResult", "Verdict", "evaluate", "evaluate_first"]

Decision = Literal["promote", "reject", "inconclusive"]
Rules = Callable[[Policy, Evidence, int], list[RuleResult]]
_CLOCK_SKEW = timedelta(minutes=5)
# Admission and decision are the same for both tasks; what is compared is not.
_COMPARE: Mapping[Task, Rules] = {"classification": rules.compare, "regression": values.compare}
_FLOORS: Mapping[Task, Rules] = {"classification": rules.floors, "regression": values.floors}


@dataclass(frozen=True)
class Verdict:
    """What the policy says, rule by rule."""

    decision: Decision
    rules: tuple[RuleResult, ...]
    summary: str

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not a promotion; empty for one."""
        return tuple(rule.reason for rule in self.rules if rule.blocks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: decision, summary, rules."""
        return {
            "decision": self.decision,
            "summary": self.summary,
            "rules": [rule.to_dict() for rule in self.rules],
        }


def evaluate(policy: Policy, evidence: Evidence | None, *, now: datetime, seed: int) -> Verdict:
    """Judge a challenger against the champion on the same test rows.

    ``now`` decides whether evidence is stale, ``seed`` makes the bootstrap repeatable. Never raises on bad
    evidence: missing, broken, stale or foreign evidence is a rule that does not pass.
    """
    results = _admission(policy, evidence, now, policy.evidence.min_rows)
    if evidence is not None and not evidence.gaps and evidence.champion is None:
        results.append(
            rules.undecided("champion", "There are no predictions of the champion to compare with.")
        )
    if evidence is not None:
        results += _same_test(evidence)
    if any(rule.blocks for rule in results) or evidence is None or evidence.champion is None:
        return _verdict(results)
    results += _COMPARE[evidence.task](policy, evidence, seed)
    return _verdict(results)


def evaluate_first(policy: Policy, evidence: Evidence | None, *, now: datetime, seed: int) -> Verdict:
    """Judge a model by absolute floors, for a registry without a champion.

    Evidence that does carry a champion's predictions is refused here: compare the two instead.
    """
    least = policy.first_rows("classification" if evidence is None else evidence.task)
    results = _admission(policy, evidence, now, least)
    if evidence is not None and evidence.champion is not None:
        results.append(rules.undecided("first_champion", "There is a champion: compare the two instead."))
    if any(rule.blocks for rule in results) or evidence is None:
        return _verdict(results)
    results += _FLOORS[evidence.task](policy, evidence, seed)
    return _verdict(results)


def _admission(policy: Policy, evidence: Evidence | None, now: datetime, min_rows: int) -> list[RuleResult]:
    """Whether there is evidence to look at: present, whole, fresh and of enough rows."""
    if evidence is None:
        return [rules.undecided("evidence", "There is no evidence.")]
    found = [rules.failed("challenger_predictions", reason) for reason in evidence.broken]
    found += [rules.undecided("evidence", reason) for reason in evidence.gaps]
    if evidence.test_hash is None:
        found.append(
            rules.undecided("test_hash", "The evidence does not say which test rows it was made on.")
        )
    found.append(_freshness(policy, evidence, now))
    n = len(evidence.y)
    found.append(
        RuleResult("test_rows", n, min_rows, True, f"{n} test rows.")
        if n >= min_rows
        else RuleResult(
            "test_rows", n, min_rows, None, f"Only {n} test rows; at least {min_rows} are needed."
        )
    )
    return found


def _freshness(policy: Policy, evidence: Evidence, now: datetime) -> RuleResult:
    limit = policy.evidence.max_age_hours
    if evidence.generated_at is None:
        return rules.undecided("evidence_age", "The evidence does not say when it was made.")
    age = as_utc(now) - evidence.generated_at
    hours = age.total_seconds() / 3600
    if age < -_CLOCK_SKEW:
        return RuleResult("evidence_age", hours, limit, None, "The evidence is dated in the future.")
    if hours > limit:
        return RuleResult("evidence_age", hours, limit, None, f"The evidence is {hours:.0f} hours old.")
    return RuleResult("evidence_age", hours, limit, True, f"The evidence is {max(hours, 0.0):.1f} hours old.")


def _same_test(evidence: Evidence) -> list[RuleResult]:
    if evidence.test_hash is None or evidence.champion is None:
        return []
    if evidence.champion_test_hash != evidence.test_hash:
        return [
            rules.undecided("same_test_rows", "Champion and challenger were measured on different test rows.")
        ]
    return [RuleResult("same_test_rows", 1.0, 1.0, True, "Both were measured on the same test rows.")]


def _verdict(results: list[RuleResult]) -> Verdict:
    decision: Decision = "promote"
    if any(rule.blocks and rule.passed is False for rule in results):
        decision = "reject"
    elif any(rule.blocks for rule in results):
        decision = "inconclusive"
    lead = {"promote": "Promote", "reject": "Reject", "inconclusive": "Inconclusive"}[decision]
    shown = [rule for rule in results if rule.blocks]
    shown.sort(key=lambda rule: rule.passed is None)
    told = shown[0] if shown else next(r for r in results if r.name in {"superiority", "floor_metric"})
    more = f" ({len(shown) - 1} more)" if len(shown) > 1 else ""
    return Verdict(decision, tuple(results), f"{lead}: {told.reason}{more}")
