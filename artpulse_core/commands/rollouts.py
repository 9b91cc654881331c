"""``artpulse rollout``: a share of the requests for another version, step by step.

Belongs here: what a person says to ``control.traffic`` and what came of it. Does not belong here: deciding
(``control.advance``), or stepping by itself (``control.delivery``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import click

from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.champion import asked, expected_option, key_option, reason_option, words_of
from artpulse_core.commands.finding import database, opened, resolve
from artpulse_core.commands.options import Percents, Span, Words
from artpulse_core.commands.telling import Wanted, tell
from artpulse_core.control import progress, traffic
from artpulse_core.control.rollout import Plan, Rollout
from artpulse_core.control.verdicts import meant
from artpulse_core.data.problems import Problem
from artpulse_core.settings import Settings
from artpulse_core.store.changes import Change

DEFAULT = Plan()
why_option = click.option("--reason", type=Words(), default="", help="Why; it stays in the change table.")


@click.group()
def rollout() -> None:
    """Give a share of the requests to another version, step by step, and take it back."""


@rollout.command()
@click.argument("problem")
@answering
def status(settings: Settings, *, problem: str) -> Reply:
    """Show the state, what was seen of both slots in each step, the verdict, and what happens next and when."""
    chosen = resolve(settings, problem)
    found = progress.progress(database(settings), chosen.model, chosen.name, now=datetime.now(UTC))
    document = {"problem": chosen.name, **found}
    return Reply(document, _told(document))


@rollout.command()
@click.argument("problem")
@click.option("--version", type=int, help="The secondary. Default: the challenger.")
@click.option(
    "--mode", type=click.Choice(["canary", "blue_green", "shadow"]), default="canary", show_default=True
)
@click.option(
    "--percent", type=click.FloatRange(0, 100), help="Its first share. Default: the first step; shadow: 0."
)
@click.option(
    "--steps",
    type=Percents(),
    default=DEFAULT.steps,
    help="The shares it goes through. Default: 1,5,25,50,100.",
)
@click.option(
    "--soak",
    type=Span(),
    default=DEFAULT.soak_seconds,
    help="The least time of a step: 90s, 10m, 1h. Default: 10m.",
)
@click.option(
    "--min-samples", type=click.IntRange(min=1), default=DEFAULT.min_samples, show_default=True,
    help="The fewest answers of the secondary in a step.",
)  # fmt: skip
@click.option("--promote", is_flag=True, help="Promote it by itself after the last step, if the gate agreed.")
@expected_option
@why_option
@click.option("--override", is_flag=True, help="Start although the gate refuses it; needs a --reason.")
@key_option
@answering
def start(
    settings: Settings,
    *,
    problem: str,
    version: int | None,
    mode: Literal["canary", "blue_green", "shadow"],
    percent: float | None,
    steps: tuple[float, ...],
    soak: float,
    min_samples: int,
    promote: bool,
    expected: int | None,
    reason: str,
    override: bool,
    idempotency_key: str | None,
) -> Reply:
    """Start a rollout of the challenger, or of --version, beside the champion."""
    chosen = resolve(settings, problem)
    db, registry = opened(settings)
    words = words_of(reason if override else reason or "started by hand", idempotency_key)
    found = meant(db, registry, chosen, "rollout", version=version, expected=expected, **words)
    change = traffic.start(
        db,
        registry,
        chosen.model,
        found.version,
        mode=mode,
        percent=percent,
        plan=Plan(steps=steps, soak_seconds=soak, min_samples=min_samples, promote=promote),
        expected=found.champion,
        verdict=found.verdict,
        override=override,
        **words,
    )
    return _changed(settings, chosen, change)


@rollout.command(name="set")
@click.argument("problem")
@click.option("--percent", type=click.FloatRange(0, 100), required=True, help="The share of the secondary.")
@expected_option
@why_option
@key_option
@answering
def set_percent(
    settings: Settings,
    *,
    problem: str,
    percent: float,
    expected: int | None,
    reason: str,
    idempotency_key: str | None,
) -> Reply:
    """Set the share of the secondary; a paused rollout goes on with it."""
    more = {"percent": percent, "expected": expected}
    why = reason or "set by hand"
    return _changed(settings, *asked(settings, problem, traffic.set_percent, why, idempotency_key, **more))


@rollout.command()
@click.argument("problem")
@why_option
@key_option
@answering
def pause(settings: Settings, *, problem: str, reason: str, idempotency_key: str | None) -> Reply:
    """Keep the share as it is and take no further step."""
    why = reason or "paused by hand"
    return _changed(settings, *asked(settings, problem, traffic.pause, why, idempotency_key))


@rollout.command()
@click.argument("problem")
@reason_option
@key_option
@answering
def abort(settings: Settings, *, problem: str, reason: str, idempotency_key: str | None) -> Reply:
    """Send everything to the champion again, at once."""
    return _changed(settings, *asked(settings, problem, traffic.abort, reason, idempotency_key))


def _changed(settings: Settings, problem: Problem, change: Change) -> Reply:
    state = Rollout.from_dict(change.rollout or {})
    wanted = (
        Wanted(state.primary, state.mode, state.percent, state.secondary)
        if state.running
        else Wanted(state.primary)
    )
    told = tell(settings, problem.name, wanted)
    text = f"{problem.model}: {_state(state)} (change {change.sequence}; {told.sentence})."
    return Reply({**change.to_dict(), "served": told.sentence, "host": told.to_dict()}, text)


def _state(state: Rollout) -> str:
    if not state.running:
        return f"version {state.primary} answers everything; the rollout has ended ({state.outcome or 'none ran'})"
    share = "answers in the shadow" if state.mode == "shadow" else f"answers {state.percent:g} %"
    paused = ", paused" if state.paused else ""
    colour = f", {state.active} is active" if state.mode == "blue_green" and state.active else ""
    return f"version {state.secondary} {share} beside version {state.primary} ({state.mode}{colour}{paused})"


def _told(document: dict[str, Any]) -> str:
    state = Rollout.from_dict(document["state"])
    parts = [f"{document['model']}: {_state(state) if document['running'] else _idle(state)}"]
    if document["since"]:
        parts.append(f"since {document['since'][:19]} by {document['by']}: {document['reason']}")
    if document["running"]:
        parts += _planned(state, document["problem"])
        parts.append("")
        parts.append(
            table(
                [
                    {
                        "percent": f"{window['percent']:g}", "began": stage.began[:19], "slot": slot,
                        "version": version, **{name: window[slot][name] for name in ("n", "errors", "slow")},
                        "labels": [f"{label} {n}" for label, n in sorted(window[slot]["labels"].items())],
                    }
                    for window, stage in zip(document["windows"], state.stages, strict=True)
                    for slot, version in (("primary", state.primary), ("secondary", state.secondary))
                ],
                ("percent", "began", "slot", "version", "n", "errors", "slow", "labels"),
            )
        )  # fmt: skip
        verdict = document["verdict"]
        parts.append(f"\nverdict: {verdict['decision']}")
        if verdict["rules"]:
            parts.append(table(verdict["rules"], ("name", "passed", "value", "limit", "reason")))
        parts.append("")
    if document["frozen"]:
        frozen = document["frozen"]
        parts.append(f"frozen since {frozen['opened_at'][:19]} by {frozen['actor']}: {frozen['reason']}")
    return "\n".join([*parts, f"next: {document['next']}"])


def _planned(state: Rollout, problem: str) -> list[str]:
    plan = state.plan
    least = f"at least {plan.soak_seconds:g} s and {plan.min_samples} answers"
    if state.mode == "shadow":
        return [f"judged after {least}; it goes no further by itself: abort it, then start a canary"]
    ends = "then promoted" if plan.promote and state.approved else "then a person decides"
    agreed = "approved by the gate or an override" if state.approved else "not approved by the gate"
    return [
        f"steps {', '.join(f'{step:g}' for step in plan.steps)} %, {ends}; each {least}; {agreed}",
        f"a step is taken by the sensor rollout_{problem} while it is switched on in Dagster, or by hand with "
        f"`artpulse rollout set {problem} --percent`; the agents only stop a bad one",
    ]


def _idle(state: Rollout) -> str:
    if state.primary is None:
        return "nothing was ever promoted"
    return f"version {state.primary} answers everything"
