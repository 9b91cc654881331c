"""What a rollout does next: hold, advance, finish or abort, from its state, its evidence and the time.

Belongs here: the decision, as a pure function. Does not belong here: the rules it follows (``judging``), counting
evidence, carrying a decision out (``delivery``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from artpulse_core.control import judging
from artpulse_core.control.rollout import Counts, Evidence, Plan, Rollout, Window
from artpulse_core.gates.rules import RuleResult, undecided
from artpulse_core.store.clock import parse

Decision = Literal["hold", "advance", "finish", "abort"]


@dataclass(frozen=True)
class Step:
    """What to do now.

    ``percent`` is the share of the secondary after it: the next step for ``advance``, 100 for ``finish``, 0 for
    ``abort`` and the present one for ``hold``. ``verdict`` is plain JSON: ``decision`` (pass, fail, inconclusive),
    ``summary`` (a sentence that also says what is waited for) and ``rules``.
    """

    decision: Decision
    verdict: dict[str, Any]
    percent: float


def advance(state: Rollout, evidence: Evidence, now: datetime) -> Step:
    """The next step of ``state`` at ``now`` (an aware time).

    A broken rule aborts, whether the rollout is paused or soaking. Otherwise it goes on when every rule passed, the
    step's soak is over and it has its samples; what is missing is said. A shadow never goes on by itself, and a clock
    that stands before the beginning of the step goes nowhere. Never raises on odd evidence: it passes nothing.
    """
    if not state.running:
        return _step(state, "hold", "inconclusive", "No rollout is running.", [])
    windows = evidence.windows
    if any(not _possible(slot) for window in windows for slot in (window.primary, window.secondary)):
        odd = undecided("evidence", "The evidence counts more failures than answers.")
        return _step(state, "hold", "inconclusive", odd.reason, [odd])
    present = windows[-1] if windows and windows[-1].percent == state.percent else Window(state.percent)
    coming = _coming(state)
    rules = _rules(state.plan, windows, present, coming)
    broken = [rule for rule in rules if rule.blocks and rule.passed is False]
    if broken:
        return _step(state, "abort", "fail", f"Failed: {broken[0].reason}", rules)
    waiting = [rule for rule in rules if rule.blocks]
    if waiting:
        return _step(state, "hold", "inconclusive", f"Not decided: {waiting[0].reason}", rules)
    reason = _waits(state, now)
    if reason:
        return _step(state, "hold", "pass", f"Passed so far, but {reason}.", rules)
    if coming is None:
        return _step(state, "finish", "pass", "Passed the last step.", rules)
    return _step(state, "advance", "pass", f"Passed: from {state.percent:g} % to {coming:g} %.", rules)


def _rules(
    plan: Plan, windows: tuple[Window, ...], present: Window, coming: float | None
) -> list[RuleResult]:
    """Every rule, the quickest to act first; one that compares looks at the present share and the ones before."""
    goal = 100.0 if coming is None else coming
    return [
        judging.hard_stop(plan, windows),
        judging.rate(plan, "errors", windows, goal),
        judging.rate(plan, "slow", windows, goal),
        judging.labels(plan, windows),
        judging.samples(plan, present.secondary),
        judging.fewer_errors(plan, windows),
    ]


def _coming(state: Rollout) -> float | None:
    """The percent after the present one; None after the last, and for a shadow, whose next is to answer all."""
    if state.mode == "shadow":
        return None
    return next((step for step in state.plan.steps if step > state.percent), None)


def _waits(state: Rollout, now: datetime) -> str:
    """Why a rollout that passed stays where it is; empty when it may go on."""
    if state.paused:
        return "it is paused"
    if state.mode == "shadow":
        return "a shadow goes no further by itself, and is ready for a canary"
    if not state.stages:
        return "it is not known when this step began"
    stood = (now - parse(state.stages[-1].began)).total_seconds()
    if stood < 0:
        return "the clock stands before the beginning of this step"
    if stood < state.plan.soak_seconds:
        return f"this step soaks for another {state.plan.soak_seconds - stood:.0f} s"
    return ""


def _possible(counts: Counts) -> bool:
    """Whether such a count can be: nothing negative, no more failures, slow answers or labels than answers."""
    given = (counts.errors, counts.slow, *counts.labels.values())
    return (
        min(given, default=0) >= 0
        and max(counts.errors, counts.slow, sum(counts.labels.values())) <= counts.n
    )


def _step(
    state: Rollout,
    decision: Decision,
    said: Literal["pass", "fail", "inconclusive"],
    summary: str,
    rules: list[RuleResult],
) -> Step:
    verdict = {"decision": said, "summary": summary, "rules": [rule.to_dict() for rule in rules]}
    percent = {"hold": state.percent, "abort": 0.0, "finish": 100.0}.get(decision)
    return Step(decision, verdict, _coming(state) or 100.0 if percent is None else percent)
