"""Where a rollout stands and what happens next, put together for people and pages.

Belongs here: reading and joining the table, the events and the verdict. It changes nothing, and says the same as the
next tick of ``delivery`` would decide.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from artpulse_core.control import lineage
from artpulse_core.control.advance import Step
from artpulse_core.control.delivery import look
from artpulse_core.control.rollout import Rollout
from artpulse_core.control.rules import frozen_words
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.clock import parse
from artpulse_core.store.database import Database

ENDED = {
    "promoted": "the secondary was promoted",
    "failed": "it was stopped because the secondary did worse",
    "aborted": "it was stopped by hand",
    "ended": "a change of champion ended it",
}


def progress(db: Database, model: str, problem: str, *, now: datetime) -> dict[str, Any]:
    """``{model, running, state, since, by, reason, sequence, frozen, windows, decision, verdict, next, next_at}``.

    ``state`` is the ``Rollout`` of now as data; ``windows`` the counts of both slots a stage; ``decision`` and
    ``verdict`` are those of ``advance``, None while nothing runs; ``next`` is a sentence, ``next_at`` the earliest
    time of a further step (None when no clock decides it). Raises ``StoreError``.
    """
    rows = changes.history(db, model)
    state, last, frozen = lineage.state_of(rows), lineage.state_row(rows), lineage.frozen_by(rows)
    document: dict[str, Any] = {
        "model": model,
        "running": state.running,
        "state": state.to_dict(),
        "since": last.closed_at if last else None,
        "by": last.actor if last else None,
        "reason": last.reason if last else None,
        "sequence": last.sequence if last else None,
        "frozen": frozen.to_dict() if frozen else None,
    }
    found = look(db, rows, model, problem, now)
    if found is None:
        ended = f"; of the last one: {ENDED[state.outcome]}" if state.outcome else ""
        return {
            **document, "windows": [], "decision": None, "verdict": None,
            "next": f"No rollout runs{ended}.", "next_at": None,
        }  # fmt: skip
    step = found.step
    ends = parse(state.stages[-1].began) + timedelta(seconds=state.plan.soak_seconds) if state.stages else now
    soaked = ends if ends > now and step.decision == "hold" and not (state.paused or frozen) else None
    return {
        **document,
        "windows": [asdict(window) for window in found.windows],
        "decision": step.decision,
        "verdict": dict(step.verdict),
        "next": _next(state, step, frozen, soaked),
        "next_at": soaked.isoformat() if soaked else None,
    }


def _next(state: Rollout, step: Step, frozen: Change | None, soaked: datetime | None) -> str:
    summary = str(step.verdict["summary"])
    if step.decision == "abort":
        return f"The next tick stops it and sends everything to version {state.primary}. {summary}"
    if frozen is not None:
        return f"Held: {frozen_words(frozen)}"
    if state.paused:
        return f"Paused at {state.percent:g} %: it goes on with `artpulse rollout set --percent`, or ends with `abort`."
    if step.decision == "advance":
        return f"The next tick raises the share from {state.percent:g} to {step.percent:g} %. {summary}"
    if step.decision == "hold":
        wait = f" No further step before {soaked.isoformat(timespec='seconds')}." if soaked else ""
        return f"Held.{wait} {summary}"
    if state.plan.promote and state.approved:
        return f"The next tick promotes version {state.secondary}. {summary}"
    why = "" if state.approved else "; the gate has not agreed to it, so that needs --override"
    return f"It passed every step and waits for a person: `artpulse promote` makes it champion{why}."
