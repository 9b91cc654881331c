"""Promotion: the only writer of what is served.

Belongs here: the one way every change goes (``carry_out``), moving the champion forward and back, freezing, and
finishing what a killed process left. Each change is one row of the table, opened before an alias moves and closed
after. Two locks guard it: a lock that dies with its process says who is at work now, the open row says what was
being done. Registering is ``registration``, rollouts are ``traffic``; both go through ``carry_out`` or ``settle``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from artpulse_core.control import aliases, lineage, rules
from artpulse_core.control.lineage import CHALLENGER, CHAMPION, PREVIOUS
from artpulse_core.control.registry import Registry
from artpulse_core.control.rules import Decision, Request, Seen
from artpulse_core.errors import ArtPulseError, ChangeConflict, ChangeRefused
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database, LockHeld

__all__ = ("CHALLENGER", "CHAMPION", "PREVIOUS", "adopt", "freeze", "promote", "recover", "rollback")
MOVING = ("promote", "rollback")  # these set the champion alias; an adopted one stands already
KILLED = "the process that made it ended before it was done."


def promote(
    db: Database,
    registry: Registry,
    model: str,
    version: int,
    *,
    expected: int | None,
    actor: str,
    reason: str,
    verdict: Mapping[str, Any] | None,
    override: bool = False,
    idempotency_key: str | None = None,
    decided_on: int | None = None,
    now: datetime,
) -> Change:
    """Make ``version`` the champion in place of ``expected`` (None: there is no champion yet); ends a rollout.

    The verdict must say ``promote``, or ``pass`` for the approved secondary of a rollout. ``decided_on`` is the sequence
    of the state row that was looked at, if somebody looked. Raises ``ChangeRefused`` when the verdict says no and nobody
    overrides it with a reason, ``ChangeConflict`` when the champion is another than expected, a newer state row counts
    or a change is under way, ``RegistryError``, ``StoreError``.
    """
    asked = {"version": version, **rules.over_the_gate(override)}
    request = Request(model, "promote", actor, reason, asked, expected, version, verdict, idempotency_key)

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        rules.expect_row(seen, decided_on)
        rules.expect(seen, expected)
        rules.check_promotion(seen, version, verdict, override=override)
        return Decision(expected, version, lineage.crowned(seen.rows, version).to_dict())

    return carry_out(db, registry, request, now, decide)


def rollback(
    db: Database,
    registry: Registry,
    model: str,
    *,
    actor: str,
    reason: str,
    expected: int | None = None,
    idempotency_key: str | None = None,
    now: datetime,
) -> Change:
    """Go back to the newest earlier champion that was not rejected; the version that is left is rejected.

    An alias that was moved or removed by hand goes back to the table's champion. Ends a rollout, and is allowed while
    changes are frozen. Raises ``ChangeRefused`` when there is nothing to go back to, else as ``promote`` does.
    """
    request = Request(model, "rollback", actor, reason, expected=expected, idempotency_key=idempotency_key)

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        if expected is not None:
            rules.expect(seen, expected)
        target = lineage.rollback_target(seen.rows, seen.champion, seen.existing)
        if target is None:
            raise rules.nothing_before(seen)
        rules.check_version(seen, target)
        return Decision(seen.champion, target, lineage.crowned(seen.rows, target).to_dict())

    return carry_out(db, registry, request, now, decide)


def adopt(
    db: Database,
    registry: Registry,
    model: str,
    *,
    actor: str,
    reason: str,
    idempotency_key: str | None = None,
    now: datetime,
) -> Change:
    """The champion alias was moved by another hand: the table follows it; ends a rollout.

    Raises ``ChangeRefused`` when table and alias agree, the version was not registered by ArtPulse, or changes are
    frozen; else as ``promote`` does.
    """
    request = Request(model, "adopt", actor, reason, idempotency_key=idempotency_key)

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        rules.check_thawed(seen)
        known = lineage.champion_of(seen.rows)
        if seen.champion is None:
            raise ChangeRefused(f"{model} has no champion alias to adopt; a rollback puts it back.")
        if seen.champion == known:
            raise ChangeRefused(
                f"The champion of {model} is {rules.named(known)}, as the table says: nothing to adopt."
            )
        rules.check_version(seen, seen.champion)
        return Decision(known, seen.champion, lineage.crowned(seen.rows, seen.champion).to_dict())

    return carry_out(db, registry, request, now, decide)


def freeze(
    db: Database,
    registry: Registry,
    model: str,
    *,
    frozen: bool,
    expected: int | None = None,
    actor: str,
    reason: str,
    idempotency_key: str | None = None,
    now: datetime,
) -> Change:
    """Refuse every change of the model but rollback, pause, abort and register from now on, or lift that.

    Needs the table only: it works while the registry is away. Raises ``ChangeRefused`` when it is so already.
    """
    asked = {"frozen": frozen}
    request = Request(model, "freeze", actor, reason, asked, expected, idempotency_key=idempotency_key)

    def decide(seen: Seen) -> Decision:
        rules.check_reason(request)
        rules.expect_known(seen, expected)
        if frozen:
            rules.check_thawed(seen)
        elif lineage.frozen_by(seen.rows) is None:
            raise ChangeRefused(f"Changes of {model} are not frozen.")
        return Decision(lineage.champion_of(seen.rows), None, asked)

    return carry_out(db, registry, request, now, decide)


def recover(db: Database, registry: Registry, now: datetime) -> list[Change]:
    """Complete or undo what killed processes left open; changes of living processes are left alone."""
    finished: list[Change] = []
    for model in dict.fromkeys(row.model for row in changes.open_rows(db)):
        with contextlib.suppress(ChangeConflict), alone(db, model):
            finished += settle(db, registry, model, now)
    return finished


def carry_out(
    db: Database, registry: Registry, request: Request, now: datetime, decide: Callable[[Seen], Decision]
) -> Change:
    """The way of every change: first answer of a repeated key, lock, open rows settled, refused or opened, done.

    ``decide`` raises ``ChangeRefused`` or ``ChangeConflict`` for what may not be; both become a row.
    """
    if (first := rules.replayed(db, request)) is not None:
        return first
    with alone(db, request.model):
        if request.action != "freeze":
            settle(db, registry, request.model, now)
        if (first := rules.replayed(db, request)) is not None:  # it was open, or made while we waited
            return first
        seen = Seen(db, registry, request.model)
        columns, asked = request.columns(), {"asked": dict(request.asked)}
        try:
            decision = decide(seen)
        except (ChangeRefused, ChangeConflict) as no:
            columns |= {"expected": request.expected, "target": request.target}
            document = {**asked, "code": no.code}
            changes.record(db, "refused", **columns, rollout=document, outcome=no.message, now=now)
            raise
        columns |= {"expected": decision.expected, "target": decision.target}
        columns |= {"rollout": {**decision.rollout, **asked}, "now": now}
        if (
            request.action == "freeze"
        ):  # no alias moves: done at once, beside a row that waits for the registry
            return changes.record(db, "done", **columns)
        row = changes.open_change(db, **columns)
        try:
            if row.action in MOVING and row.target is not None:
                registry.set_alias(row.model, CHAMPION, row.target)
            return _complete(db, registry, row, now)
        except Exception as error:
            if (done := _take_back(db, registry, row, error, now)) is not None:
                return done
            raise


@contextlib.contextmanager
def alone(db: Database, model: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock on the changes of ``model``; unless ``wait``, ``ChangeConflict`` when a living process holds it."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(db.lock(f"change of {model}", wait=wait))
        except LockHeld:
            raise ChangeConflict(f"Another change of {model} is under way; try again in a moment.") from None
        yield


def settle(db: Database, registry: Registry, model: str, now: datetime) -> list[Change]:
    """Complete or undo the open rows of ``model``. Called under the lock, so whoever opened them is gone."""
    return [_settle_row(db, registry, row, now) for row in changes.open_rows(db, model)]


def _settle_row(db: Database, registry: Registry, row: Change, now: datetime) -> Change:
    if row.action == "register":
        made = _registered(db, registry, row)
        if (
            made is not None and made != row.target
        ):  # MLflow counts deleted versions too, or a hand registered one
            row = changes.reopen(db, row, made, now, f"The registry made it version {made}.")
        holds = made is not None
    elif row.action in changes.MAKES_CHAMPION:
        holds = registry.alias(row.model, CHAMPION) == row.target
    else:
        holds = lineage.only_forward(row)
    if holds:
        return _complete(db, registry, row, now)
    aliases.align(registry, row.model, changes.history(db, row.model))
    return changes.undo(db, row, now, f"Undone: {KILLED}")


def _complete(db: Database, registry: Registry, row: Change, now: datetime) -> Change:
    rows = [item for item in changes.history(db, row.model) if item.sequence != row.sequence]
    champion = row.target if row.action in changes.MAKES_CHAMPION else None
    aliases.align(registry, row.model, [*rows, replace(row, state="done")], champion)
    return changes.close(db, row, now)


def _take_back(
    db: Database, registry: Registry, row: Change, error: Exception, now: datetime
) -> Change | None:
    """Undo an open row after ``error``; what cannot be undone now stays open for ``recover``.

    Returns the row when the change stands all the same: it was closed though the answer was lost, or it is one that
    counts as soon as it is open.
    """
    with contextlib.suppress(ArtPulseError):
        found = changes.get(db, row.sequence)
        if found is None or found.state == "done":
            return found
        if lineage.only_forward(row):
            return found if isinstance(error, ArtPulseError) else None
        rows = changes.history(db, row.model)
        if row.action in MOVING and registry.alias(row.model, CHAMPION) == row.target:
            # Closed by another: our lock was lost with its connection, and the table may have gone on since.
            before = row.expected if found.state == "open" else lineage.champion_of(rows)
            aliases.point(registry, row.model, CHAMPION, before)
        aliases.align(registry, row.model, rows)
        if found.state == "open":
            changes.undo(db, row, now, str(error))
    return None


def _registered(db: Database, registry: Registry, row: Change) -> int | None:
    document = row.rollout or {}
    known = {
        item.target
        for item in changes.history(db, row.model)
        if (item.action, item.state) == ("register", "done")
    }
    made = [
        info.version
        for info in registry.versions(row.model)
        if info.version not in known
        and (info.digest, info.tags.get("key")) == (document.get("digest"), document.get("key"))
    ]
    return row.target if row.target in made else max(made, default=None)
