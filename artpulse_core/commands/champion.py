"""``artpulse promote`` and ``rollback``, and the words of ``artpulse models`` that change something.

Belongs here: what a person says to ``control``, and what came of it. Does not belong here: deciding.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from artpulse_core.commands.answer import Reply, actor, answering
from artpulse_core.commands.finding import opened, resolve
from artpulse_core.commands.options import Key, Words
from artpulse_core.commands.telling import Wanted, tell
from artpulse_core.control import promotion
from artpulse_core.control.verdicts import meant
from artpulse_core.data.problems import Problem
from artpulse_core.settings import Settings
from artpulse_core.store.changes import Change

reason_option = click.option(
    "--reason", type=Words(), required=True, help="Why; it stays in the change table."
)
expected_option = click.option(
    "--expected",
    type=int,
    help="The champion you have seen; another one is a conflict. Default: the current.",
)
key_option = click.option(
    "--idempotency-key", type=Key(), help="Repeating the same key gives the first answer."
)


@click.command()
@click.argument("problem")
@click.option(
    "--version", type=int, help="Default: the challenger, or without any champion the newest version."
)
@expected_option
@click.option("--reason", type=Words(), default="", help="Why; needed with --override.")
@click.option("--override", is_flag=True, help="Promote although the gate does not say promote.")
@key_option
@answering
def promote(
    settings: Settings,
    *,
    problem: str,
    version: int | None,
    expected: int | None,
    reason: str,
    override: bool,
    idempotency_key: str | None,
) -> Reply:
    """Make a challenger the champion, if the gate's verdict says so or somebody overrides it."""
    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    # over the gate the person's own words are the record; control refuses an override without them
    words = words_of(reason if override else reason or "promoted by hand", idempotency_key)
    found = meant(database, registry, chosen, "promote", version=version, expected=expected, **words)
    change = promotion.promote(
        database,
        registry,
        chosen.model,
        found.version,
        expected=found.champion,
        verdict=found.verdict,
        override=override,
        **words,
    )
    return crowned(settings, chosen, change)


@click.command()
@click.argument("problem")
@reason_option
@expected_option
@key_option
@answering
def rollback(
    settings: Settings, *, problem: str, reason: str, expected: int | None, idempotency_key: str | None
) -> Reply:
    """Go back to the newest earlier champion that was not itself rolled back."""
    chosen, change = asked(settings, problem, promotion.rollback, reason, idempotency_key, expected=expected)
    return crowned(settings, chosen, change)


@click.command()
@click.argument("problem")
@reason_option
@key_option
@answering
def adopt(settings: Settings, *, problem: str, reason: str, idempotency_key: str | None) -> Reply:
    """Take over a champion alias that was moved by hand: the change table follows it."""
    chosen, change = asked(settings, problem, promotion.adopt, reason, idempotency_key)
    return crowned(settings, chosen, change)


@click.command()
@click.argument("problem")
@reason_option
@key_option
@answering
def freeze(settings: Settings, *, problem: str, reason: str, idempotency_key: str | None) -> Reply:
    """Refuse promotions and further rollout steps until this is lifted; rollback and abort stay allowed."""
    chosen, change = asked(settings, problem, promotion.freeze, reason, idempotency_key, frozen=True)
    text = (
        f"{change.model} is frozen (change {change.sequence}): promotions and rollout steps are refused until "
        f"`artpulse models lift {chosen.name}`. Rollback, pause and abort are not."
    )
    return Reply(change.to_dict(), text)


@click.command()
@click.argument("problem")
@reason_option
@key_option
@answering
def lift(settings: Settings, *, problem: str, reason: str, idempotency_key: str | None) -> Reply:
    """Allow changes again after a freeze."""
    _, change = asked(settings, problem, promotion.freeze, reason, idempotency_key, frozen=False)
    return Reply(change.to_dict(), f"{change.model} may be changed again (change {change.sequence}).")


def asked(
    settings: Settings, problem: str, ask: Callable[..., Change], reason: str, key: str | None, **more: Any
) -> tuple[Problem, Change]:
    """Ask ``control`` for a change of the problem that was named; returns that problem and the row."""
    chosen = resolve(settings, problem)
    database, registry = opened(settings)
    return chosen, ask(database, registry, chosen.model, **words_of(reason, key), **more)


def words_of(reason: str, key: str | None) -> dict[str, Any]:
    """What every change is told: who, why, which key, when."""
    return {"actor": actor(), "reason": reason, "idempotency_key": key, "now": datetime.now(UTC)}


def crowned(settings: Settings, problem: Problem, change: Change) -> Reply:
    """What a change of champion came to, on this host too. It says the same each time it is asked with one key."""
    told = tell(settings, problem.name, Wanted(change.target))
    before = f"version {change.expected}" if change.expected else "nothing"
    text = (
        f"{problem.model}: version {change.target} is the champion now, instead of {before} "
        f"(change {change.sequence}; {told.sentence})."
    )
    return Reply({**change.to_dict(), "served": told.sentence, "host": told.to_dict()}, text)
