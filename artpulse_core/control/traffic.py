"""Traffic: rollouts as changes; which share of the requests the secondary answers.

Belongs here: starting, setting, pausing and aborting one, each a row with the whole state after it. Does not belong
here: when to go on (``advance``), and the end that makes the secondary champion (``promotion.promote``).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from artpulse_core.control import lineage, rules
from artpulse_core.control.promotion import carry_out
from artpulse_core.control.registry import Registry
from artpulse_core.control.rollout import COLOURS, Plan, Rollout, Stage, check_plan
from artpulse_core.control.rules import Decision, Request, Seen
from artpulse_core.errors import ChangeRefused
from artpulse_core.exchange.release import Mode
from artpulse_core.store.changes import Change
from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database

MODES: Mapping[str, Mode] = {"canary": "canary", "blue_green": "blue_green", "shadow": "shadow"}
DEFAULT_PLAN = Plan()
MOST_STAGES = 200  # each look at a rollout judges every one of them


def start(
    db: Database,
    registry: Registry,
    model: str,
    version: int,
    *,
    mode: str,
    percent: float | None = None,
    plan: Plan = DEFAULT_PLAN,
    active: str = "blue",
    expected: int | None,
    actor: str,
    reason: str,
    verdict: Mapping[str, Any] | None,
    override: bool = False,
    idempotency_key: str | None = None,
    now: datetime,
) -> Change:
    """Put ``version`` beside the champion ``expected`` as the secondary; ``percent`` defaults to the plan's first step.

    ``active`` is the colour the champion gets where there are no colours yet. A verdict of ``promote``, or an override
    with a reason, also approves the promotion at the end; ``inconclusive`` may start only. Raises ``ChangeRefused``,
    ``ChangeConflict``, ``RegistryError`` or ``StoreError``.
    """
    document = Rollout(plan=plan).to_dict()["plan"]
    asked = {"do": "start", "version": version, "mode": mode, "percent": percent, "plan": document}
    asked |= rules.over_the_gate(override)
    request = Request(model, "rollout", actor, reason, asked, expected, version, verdict, idempotency_key)

    def decide(seen: Seen) -> Decision:
        if mode not in MODES:
            raise ChangeRefused(f"A rollout is one of {', '.join(MODES)}, not {mode!r}.")
        if active not in COLOURS:
            raise ChangeRefused(f"A colour is one of {', '.join(COLOURS)}, not {active!r}.")
        check_plan(plan)
        share = _share(mode, (0.0 if mode == "shadow" else plan.steps[0]) if percent is None else percent)
        rules.check_reason(request)
        rules.check_thawed(seen)
        rules.check_verdict(verdict, override, "rollout", "promote", "inconclusive")
        rules.check_rejected(seen, version, override=override)
        if seen.champion is None:
            raise ChangeRefused(
                f"{model} has no champion to put version {version} beside; promote a first one."
            )
        rules.expect(seen, expected)
        if seen.champion == version:
            raise ChangeRefused(f"Version {version} of {model} is the champion already.")
        state = _audited(seen)
        if state.running:
            raise ChangeRefused(
                f"A rollout of version {state.secondary} of {model} runs already; set its share, or abort it first."
            )
        rules.check_version(seen, version)
        if seen.contract(version) != seen.contract(seen.champion):
            raise ChangeRefused(
                f"Versions {seen.champion} and {version} of {model} have different contracts: "
                "the same request cannot be answered by both."
            )
        begun = replace(
            state,
            mode=MODES[mode],
            secondary=version,
            percent=share,
            salt=secrets.token_hex(8),
            paused=False,
            approved=override or (verdict or {}).get("decision") == "promote",
            plan=plan,
            stages=(Stage(share, stamp(now)),),
            outcome="",
        )
        if mode == "blue_green":
            begun = _coloured(replace(begun, active=begun.active or active))
        return Decision(seen.champion, version, begun.to_dict())

    return carry_out(db, registry, request, now, decide)


def set_percent(
    db: Database,
    registry: Registry,
    model: str,
    percent: float,
    *,
    expected: int | None = None,
    actor: str,
    reason: str,
    verdict: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    decided_on: int | None = None,
    now: datetime,
) -> Change:
    """Give the secondary ``percent`` (0 to 100) of the requests from now on; a new stage, and the end of a pause.

    ``verdict`` is what the step was decided by, if it was, and ``decided_on`` the sequence of the state row that was
    looked at; a newer one is a ``ChangeConflict``. Raises as ``start`` does.
    """
    asked = {"do": "set", "percent": percent}
    request = Request(
        model, "rollout", actor, reason, asked, expected, verdict=verdict, idempotency_key=idempotency_key
    )

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        rules.expect_row(seen, decided_on)
        rules.check_thawed(seen)
        if expected is not None:
            rules.expect(seen, expected)
        state = _running(seen)
        _audited(seen)
        share = _share(state.mode, percent)
        if len(state.stages) >= MOST_STAGES:
            raise ChangeRefused(
                f"The rollout of version {state.secondary} of {model} has had {MOST_STAGES} shares; abort it and "
                "start another."
            )
        stages = (*state.stages, Stage(share, stamp(now)))
        after = replace(state, percent=share, stages=stages, paused=False)
        return Decision(state.primary, state.secondary, after.to_dict())

    return carry_out(db, registry, request, now, decide)


def pause(
    db: Database,
    registry: Registry,
    model: str,
    *,
    expected: int | None = None,
    actor: str,
    reason: str,
    idempotency_key: str | None = None,
    now: datetime,
) -> Change:
    """Keep the share as it is and take no further step until somebody sets a percent. Raises as ``start`` does."""
    request = Request(
        model, "rollout", actor, reason, {"do": "pause"}, expected, idempotency_key=idempotency_key
    )

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        rules.expect_known(seen, expected)
        state = _running(seen)
        if state.paused:
            raise ChangeRefused(f"The rollout of version {state.secondary} of {model} is paused already.")
        return Decision(state.primary, state.secondary, replace(state, paused=True).to_dict())

    return carry_out(db, registry, request, now, decide)


def abort(
    db: Database,
    registry: Registry,
    model: str,
    *,
    expected: int | None = None,
    actor: str,
    reason: str,
    verdict: Mapping[str, Any] | None = None,
    failed: bool = False,
    idempotency_key: str | None = None,
    decided_on: int | None = None,
    now: datetime,
) -> Change:
    """Give the whole share back to the primary at once; with ``failed`` the secondary is rejected.

    Asks the table only, and is never taken back: with the registry away the row that is returned is still open, counts
    already, and is closed when the aliases could follow. ``decided_on`` is as for ``set_percent``. Raises
    ``ChangeRefused``, ``ChangeConflict``, ``StoreError``.
    """
    asked = {"do": "abort", "failed": failed}
    request = Request(
        model, "rollout", actor, reason, asked, expected, verdict=verdict, idempotency_key=idempotency_key
    )

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        rules.expect_known(seen, expected)
        rules.expect_row(seen, decided_on)
        state = _running(seen)
        after = lineage.ended(seen.rows, "failed" if failed else "aborted")
        return Decision(state.primary, state.secondary, after.to_dict())

    return carry_out(db, registry, request, now, decide)


def _running(seen: Seen) -> Rollout:
    state = seen.state
    if not state.running:
        raise ChangeRefused(
            f"No rollout of {seen.model} is running: {rules.named(state.primary)} answers everything."
        )
    return state


def _audited(seen: Seen) -> Rollout:
    state = seen.state
    if state.primary != seen.champion:
        raise ChangeRefused(
            f"The champion alias of {seen.model} was moved by hand to {rules.named(seen.champion)}; the table says "
            f"{rules.named(state.primary)}. Adopt it or move it back first."
        )
    return state


def _share(mode: str, percent: float) -> float:
    if not 0 <= percent <= 100:  # NaN too
        raise ChangeRefused(f"A percent is between 0 and 100, not {percent}.")
    if mode == "shadow" and percent:
        raise ChangeRefused("A shadow answers nobody: its percent is 0. Start a canary instead.")
    return float(percent)


def _coloured(state: Rollout) -> Rollout:
    pair = (state.primary, state.secondary)
    blue, green = pair if state.active == COLOURS[0] else pair[::-1]
    return replace(state, blue=blue, green=green)
