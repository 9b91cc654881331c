"""Progressive delivery: look at a rollout once and do what its evidence asks for.

Belongs here: gathering the evidence, asking ``advance`` and making at most one change. Does not belong here: judging
(``advance``), how a change is made (``traffic``, ``promotion``), and when to look: the Dagster sensor steps, the agent
only aborts. A tick keeps nothing between two calls, so any number of tickers on any number of hosts may look at once:
what they decide is tied to the row they decided on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from artpulse_core.control import lineage, promotion, traffic
from artpulse_core.control.advance import Decision, Step, advance
from artpulse_core.control.registry import Registry
from artpulse_core.control.rollout import Evidence, Rollout, Window
from artpulse_core.control.rules import frozen_words, named
from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.store import changes, events
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

May = Literal["step", "abort"]


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


@dataclass(frozen=True)
class Look:
    """A running rollout: its state, the row that says so, the counts of both slots by stage, what they ask for."""

    state: Rollout
    row: Change
    windows: Sequence[Window]
    step: Step


def look(db: Database, rows: Iterable[Change], model: str, problem: str, now: datetime) -> Look | None:
    """What the rollout in ``rows`` (of ``model``) has shown until ``now``; None when none runs. Raises ``StoreError``."""
    rows = list(rows)
    state, row = lineage.state_of(rows), lineage.state_row(rows)
    if row is None or not state.running or state.primary is None or state.secondary is None:
        return None
    versions = state.primary, state.secondary
    windows = events.slot_counts(
        db, model, problem, versions, state.stages, budget_ms=state.plan.budget_ms, now=now
    )
    return Look(state, row, windows, advance(state, Evidence(windows), now))


def tick(
    db: Database, registry: Registry, model: str, problem: str, *, may: May, actor: str, now: datetime
) -> Tick:
    """Look at the rollout of ``model`` once and carry out what ``may`` allows.

    ``step`` may advance, finish and abort; ``abort`` may abort only. A change that somebody else makes at the same
    moment, a freeze and a refusal are sentences and no errors. Raises ``StoreError`` and ``RegistryError``; nothing
    is half done then that ``promotion.recover`` would not complete or undo.
    """
    rows = changes.history(db, model)
    found = look(db, rows, model, problem, now)
    if found is None:
        return Tick("hold", None, None, f"{problem}: no rollout of {model} is running.")
    state, row, step = found.state, found.row, found.step
    said = f"{problem}: {step.verdict['summary']}"
    why = _held_back(step, state, rows, may) or _moved_by_hand(registry, model, step, state)
    if step.decision == "hold" or why:
        return Tick("hold", step.verdict, None, f"{said} {why}".rstrip())
    common: dict[str, Any] = {
        "actor": actor,
        "reason": str(step.verdict["summary"]),
        "idempotency_key": _key(rows, row, step.decision),
        "decided_on": row.sequence,
        "now": now,
    }
    try:
        change = _carry_out(db, registry, model, step, state, _gate_said(rows, state), common)
    except (ChangeConflict, ChangeRefused) as error:
        return Tick("hold", step.verdict, None, f"{said} Not done: {error.message}")
    return Tick(step.decision, step.verdict, change, f"{said} {_done(step, state, change)}")


def _held_back(step: Step, state: Rollout, rows: Iterable[Change], may: May) -> str:
    """Why what the evidence asks for is not done now; empty when it may be."""
    if step.decision in ("hold", "abort"):
        return ""
    if may == "abort":
        return f"To {step.decision} is left to the sensor."
    if (freeze := lineage.frozen_by(rows)) is not None:
        return f"Held: {frozen_words(freeze)}"
    if step.decision == "finish" and not state.plan.promote:
        return f"Version {state.secondary} waits for a person to promote it, as its plan says."
    if step.decision == "finish" and not state.approved:
        return f"Version {state.secondary} waits for a person to promote it: the gate has not approved it."
    return ""


def _moved_by_hand(registry: Registry, model: str, step: Step, state: Rollout) -> str:
    # Asked only when something is to be done: most looks need no registry.
    if step.decision not in ("advance", "finish"):
        return ""
    champion = registry.alias(model, lineage.CHAMPION)
    if champion == state.primary:
        return ""
    return f"The champion alias was moved by hand to {named(champion)}; adopt it or move it back first."


def _key(rows: Iterable[Change], state: Change, decision: str) -> str:
    """One change for each decision on one state row, however many look.

    A try that was taken back (the registry went away) or met another champion (moved by hand at that moment), and a
    lift of a freeze make a new key, because the old one would repeat its first answer for ever. A plain refusal does
    not: it would be refused again, a row each look.
    """
    key = f"rollout:{state.sequence}:{decision}"
    again = sum(
        ((row.idempotency_key or "").startswith(key) and (row.state == "undone" or _raced(row)))
        or (row.state == "done" and row.action == "freeze")
        for row in rows
        if row.sequence > state.sequence
    )
    return f"{key}:{again}" if again else key


def _raced(row: Change) -> bool:
    return row.state == "refused" and (row.rollout or {}).get("code") == ChangeConflict.code


def _gate_said(rows: Iterable[Change], state: Rollout) -> Mapping[str, Any] | None:
    """The verdict with which the rollout was started."""
    started = lineage.start_row(rows, state.salt)
    return None if started is None else started.verdict


def _carry_out(
    db: Database,
    registry: Registry,
    model: str,
    step: Step,
    state: Rollout,
    gate: Mapping[str, Any] | None,
    common: dict[str, Any],
) -> Change:
    if step.decision == "abort":
        return traffic.abort(db, registry, model, verdict=step.verdict, failed=True, **common)
    common["expected"] = state.primary
    if step.decision == "advance":
        return traffic.set_percent(db, registry, model, step.percent, verdict=step.verdict, **common)
    assert state.secondary is not None
    # What was approved when the rollout began is confirmed by what it showed: both stand in the row.
    verdict = {**step.verdict, "gate": gate}
    return promotion.promote(db, registry, model, state.secondary, verdict=verdict, **common)


def _done(step: Step, state: Rollout, change: Change) -> str:
    again = " already" if change.replayed else ""
    if step.decision == "abort":
        return f"Version {state.secondary} was stopped{again}; version {state.primary} answers everything."
    if step.decision == "advance":
        return f"Version {state.secondary} answers {step.percent:g} %{again}."
    return f"Version {state.secondary} is the champion{again}."
