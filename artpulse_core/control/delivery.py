"""Progressive delivery: look at a rollout once and do what its evidence asks for.

Belongs here: gathering the evidence, asking ``advance`` and making at most one change. Does not belong here: judging
(``advance``), how a change is made (``traffic``, ``promotion``), and when to look: the Dagster sensor steps, the agent
only aborts. A tick keeps nothing between two calls, so any number of tickers on any number of hosts may look at once:
what they decide is tied to the row they decided on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from artpulse_core.control import lineage, promotion, traffic
from artpulse_core.control.advance import Step, advance
from artpulse_core.control.registry import Registry
from artpulse_core.control.rollout import Evidence, Rollout
from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.store import changes, events
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

May = Literal["step", "abort"]
Decision = Literal["hold", "advance", "finish", "abort"]


@dataclass(frozen=True)
class Tick:
    """What one look came to.

    ``decision`` is what was done: ``hold`` when nothing was. ``verdict`` is what the evidence says, None when no
    rollout runs; ``change`` is the row that was written (by another ticker if it is ``replayed``), and ``sentence``
    says all of it to a person.
    """

    decision: Decision
    verdict: Mapping[str, Any] | None
    change: Change | None
    sentence: str


def tick(
    db: Database, registry: Registry, model: str, problem: str, *, may: May, actor: str, now: datetime
) -> Tick:
    """Look at the rollout of ``model`` once and carry out what ``may`` allows.

    ``step`` may advance, finish and abort; ``abort`` may abort only. A change that somebody else makes at the same
    moment, a freeze and a refusal are sentences and no errors. Raises ``StoreError`` and ``RegistryError``; nothing
    is half done then that ``promotion.recover`` would not complete or undo.
    """
    rows = changes.history(db, model)
    state = lineage.state_of(rows)
    if not state.running or state.primary is None or state.secondary is None:
        return Tick("hold", None, None, f"{problem}: no rollout of {model} is running.")
    windows = events.slot_counts(
        db,
        model,
        (state.primary, state.secondary),
        state.stages,
        budget_ms=state.plan.budget_ms,
        now=now,
    )
    step = advance(state, Evidence(windows), now)
    summary = str(step.verdict["summary"])
    if (why := _held_back(step, state, rows, may)) is not None:
        return Tick("hold", step.verdict, None, f"{problem}: {summary} {why}".rstrip())
    try:
        change = _carry_out(db, registry, model, step, state, rows, actor, now)
    except (ChangeConflict, ChangeRefused) as error:
        return Tick("hold", step.verdict, None, f"{problem}: {summary} Not done: {error.message}")
    return Tick(step.decision, step.verdict, change, f"{problem}: {summary} {_done(step, state, change)}")


def _held_back(step: Step, state: Rollout, rows: Iterable[Change], may: May) -> str | None:
    """Why what the evidence asks for is not done now; empty when it asks for nothing, None when it is done."""
    if step.decision == "hold":
        return ""
    if step.decision == "abort":
        return None
    if may == "abort":
        return f"To {step.decision} is left to the sensor."
    if (freeze := lineage.frozen_by(rows)) is not None:
        return f"Frozen by {freeze.actor} at {freeze.opened_at}: {freeze.reason}"
    if step.decision == "finish" and not state.plan.promote:
        return f"Version {state.secondary} waits for a person to promote it, as its plan says."
    if step.decision == "finish" and not state.approved:
        return f"Version {state.secondary} waits for a person to promote it: the gate has not approved it."
    return None


def _carry_out(
    db: Database,
    registry: Registry,
    model: str,
    step: Step,
    state: Rollout,
    rows: list[Change],
    actor: str,
    now: datetime,
) -> Change:
    common: dict[str, Any] = {
        "actor": actor,
        "reason": str(step.verdict["summary"]),
        "idempotency_key": _key(rows, step.decision),
        "now": now,
    }
    if step.decision == "abort":
        return traffic.abort(db, registry, model, verdict=step.verdict, failed=True, **common)
    if step.decision == "advance":
        return traffic.set_percent(
            db, registry, model, step.percent, expected=state.primary, verdict=step.verdict, **common
        )
    assert state.secondary is not None
    gate = _gate_said(rows, state)
    # What was approved when the rollout began is confirmed by what it showed: both stand in the row.
    verdict = {**step.verdict, "decision": "promote", "gate": gate}
    return promotion.promote(
        db, registry, model, state.secondary, expected=state.primary, verdict=verdict, **common
    )


def _key(rows: Iterable[Change], decision: str) -> str:
    """One change for each decision on one state.

    A freeze that came between makes a refusal, which the key would repeat for ever: so a lift makes a new key.
    """
    done = [row for row in rows if row.state == "done"]
    state = max(row.sequence for row in done if row.action in STATES and row.rollout)
    freeze = max((row.sequence for row in done if row.action == "freeze"), default=0)
    return f"rollout:{state}:{decision}" + (f":after:{freeze}" if freeze > state else "")


STATES = ("promote", "rollback", "rollout", "adopt")


def _gate_said(rows: Iterable[Change], state: Rollout) -> Mapping[str, Any] | None:
    started = [
        row for row in rows if row.state == "done" and row.rollout and row.rollout.get("salt") == state.salt
    ]
    return min(started, key=lambda row: row.sequence).verdict if started else None


def _done(step: Step, state: Rollout, change: Change) -> str:
    again = " already" if change.replayed else ""
    if step.decision == "abort":
        return f"Version {state.secondary} was stopped{again}; version {state.primary} answers everything."
    if step.decision == "advance":
        return f"Version {state.secondary} answers {step.percent:g} %{again}."
    return f"Version {state.secondary} is the champion{again}."
