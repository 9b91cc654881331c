"""Promotion: the only writer of what is served.

Belongs here: registering a version, moving the champion forward and back, and finishing what a killed process
left. Each change is one row of the table, opened before an alias moves and closed after. Two locks guard it: a
lock that dies with its process says who is at work now, the open row says what was being done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from artpulse_core.control import lineage, rules
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, ChangeConflict, ChangeRefused, RegistryError
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database, LockHeld

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


def register(
    db: Database,
    registry: Registry,
    *,
    problem: str,
    model: str,
    bundle_dir: Path,
    digest: str,
    run_id: str,
    key: str,
    tags: Mapping[str, str],
    actor: str,
    reason: str,
    now: datetime,
) -> int:
    """Make the bundle the next version of ``model``; it becomes ``challenger`` if there is a champion.

    The digest is recorded in the change row, where nobody who can alter artifacts can alter it. Raises
    ``ChangeConflict``, ``RegistryError``, ``StoreError`` or ``BundleError``.
    """
    with _alone(db, model):
        _settle(db, registry, model, now)
        uri = registry.log_bundle(bundle_dir, run_id=run_id, model=model)
        request: dict[str, Any] = {
            "model": model,
            "action": "register",
            "expected": registry.alias(model, CHAMPION),
            "rollout": {"digest": digest, "key": key, "problem": problem},
            "actor": actor,
            "reason": reason,
            "verdict": None,
            "idempotency_key": None,
            "now": now,
        }
        known = [info.version for info in registry.versions(model)]
        row = changes.open_change(db, target=max(known, default=0) + 1, **request)
        try:
            version = registry.register(
                model, uri, run_id=run_id, digest=digest, tags={**tags, "key": key, "problem": problem}
            )
            if version != row.target:  # MLflow counts deleted versions too, or somebody registered by hand
                changes.undo(db, row, now)
                row = changes.open_change(db, target=version, **request)
            _finish_registration(db, registry, row, now)
        except Exception:
            with contextlib.suppress(
                ArtPulseError
            ):  # the first error is the one to report; the row stays open
                _settle(db, registry, model, now)
            raise
        return version


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
    now: datetime,
) -> Change:
    """Make ``version`` the champion in place of ``expected`` (None: there is no champion yet).

    Raises ``ChangeRefused`` when the verdict is not ``promote`` and nobody overrides it with a reason,
    ``ChangeConflict`` when the champion is another than expected or a change is under way, ``RegistryError``.
    """
    request: dict[str, Any] = {
        "model": model,
        "action": "promote",
        "expected": expected,
        "target": version,
        "actor": actor,
        "reason": reason,
        "verdict": verdict,
        "idempotency_key": idempotency_key,
        "now": now,
    }
    with _alone(db, model):
        _settle(db, registry, model, now)
        if (first := rules.replayed(db, idempotency_key, model, "promote", version)) is not None:
            return first
        why = rules.refusal(verdict, override, reason)
        aliases = registry.aliases(model)
        current = aliases.get(CHAMPION)
        if why is None and current == version:
            why = f"Version {version} of {model} is the champion already."
        if why is not None:
            changes.refuse(db, **request)
            raise ChangeRefused(why)
        if current != expected:
            raise ChangeConflict(
                f"The champion of {model} is {rules.named(current)}, not {rules.named(expected)}; look again and repeat."
            )
        rules.check_version(db, registry, model, version)
        return _carry_out(db, registry, changes.open_change(db, **request), aliases, now)


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

    Raises ``ChangeRefused`` when there is none, ``ChangeConflict`` as ``promote`` does.
    """
    with _alone(db, model):
        _settle(db, registry, model, now)
        if (first := rules.replayed(db, idempotency_key, model, "rollback", None)) is not None:
            return first
        aliases = registry.aliases(model)
        current = aliases.get(CHAMPION)
        if expected is not None and expected != current:
            raise ChangeConflict(
                f"The champion of {model} is {rules.named(current)}, not {rules.named(expected)}."
            )
        existing = {info.version for info in registry.versions(model) if info.digest}
        target = lineage.rollback_target(changes.history(db, model), current, existing)
        request: dict[str, Any] = {
            "model": model,
            "action": "rollback",
            "expected": current,
            "target": target,
            "actor": actor,
            "reason": reason,
            "verdict": None,
            "idempotency_key": idempotency_key,
            "now": now,
        }
        if current is None or target is None:
            changes.refuse(db, **request)
            raise ChangeRefused(f"{model} has no earlier champion to go back to.")
        rules.check_version(db, registry, model, target)
        return _carry_out(db, registry, changes.open_change(db, **request), aliases, now)


def recover(db: Database, registry: Registry, now: datetime) -> list[Change]:
    """Complete or undo what killed processes left open; changes of living processes are left alone."""
    finished: list[Change] = []
    for model in dict.fromkeys(row.model for row in changes.open_rows(db)):
        with contextlib.suppress(ChangeConflict), _alone(db, model):
            finished += _settle(db, registry, model, now)
    return finished


@contextlib.contextmanager
def _alone(db: Database, model: str) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(db.lock(f"change of {model}"))
        except LockHeld:
            raise ChangeConflict(f"Another change of {model} is under way; try again in a moment.") from None
        yield


def _settle(db: Database, registry: Registry, model: str, now: datetime) -> list[Change]:
    # Called under the lock, so whoever opened these rows is gone.
    return [_settle_row(db, registry, row, now) for row in changes.open_rows(db, model)]


def _settle_row(db: Database, registry: Registry, row: Change, now: datetime) -> Change:
    if row.action == "register":
        made = registry.version(row.model, row.target) if row.target is not None else None
        if made is None or row.rollout is None or made.digest != row.rollout["digest"]:
            return changes.undo(db, row, now)
        return _finish_registration(db, registry, row, now)
    if registry.alias(row.model, CHAMPION) != row.target:
        return changes.undo(db, row, now)
    _align(db, registry, row)
    return changes.close(db, row, now)


def _finish_registration(db: Database, registry: Registry, row: Change, now: datetime) -> Change:
    assert row.target is not None
    if registry.alias(row.model, CHAMPION) is not None:
        registry.set_alias(row.model, CHALLENGER, row.target)
    return changes.close(db, row, now)


def _carry_out(
    db: Database, registry: Registry, row: Change, before: Mapping[str, int], now: datetime
) -> Change:
    assert row.target is not None
    try:
        registry.set_alias(row.model, CHAMPION, row.target)
        if (found := registry.alias(row.model, CHAMPION)) != row.target:
            raise ChangeConflict(
                f"The champion of {row.model} became {rules.named(found)} at the same moment."
            )
        _align(db, registry, row)
        done = changes.close(db, row, now)
    except Exception:
        with contextlib.suppress(ArtPulseError):  # what cannot be undone now stays open for ``recover``
            _take_back(registry, row, before)
            changes.undo(db, row, now)
        raise
    with contextlib.suppress(
        RegistryError
    ):  # the tags are for people who look at MLflow; the table is the truth
        _tag(registry, row)
    return done


def _align(db: Database, registry: Registry, row: Change) -> None:
    """Make ``previous`` and ``challenger`` true to the table with ``row`` done."""
    rows = [item for item in changes.history(db, row.model) if item.sequence != row.sequence]
    existing = {info.version for info in registry.versions(row.model) if info.digest}
    previous = lineage.rollback_target([*rows, replace(row, state="done")], row.target, existing)
    aliases = registry.aliases(row.model)
    _restore(registry, row.model, PREVIOUS, previous, aliases)
    if aliases.get(CHALLENGER) == row.target:
        registry.delete_alias(row.model, CHALLENGER)


def _take_back(registry: Registry, row: Change, before: Mapping[str, int]) -> None:
    # The champion last: while it still points to the target, ``recover`` would complete the change instead.
    now = registry.aliases(row.model)
    if now.get(CHAMPION) not in {row.target, before.get(CHAMPION)}:
        return  # somebody else moved it after us; theirs stays
    for alias in (CHALLENGER, PREVIOUS, CHAMPION):
        _restore(registry, row.model, alias, before.get(alias), now)


def _restore(
    registry: Registry, model: str, alias: str, version: int | None, aliases: Mapping[str, int]
) -> None:
    if aliases.get(alias) == version:
        return
    if version is None:
        registry.delete_alias(model, alias)
    else:
        registry.set_alias(model, alias, version)


def _tag(registry: Registry, row: Change) -> None:
    if row.action == "rollback" and row.expected is not None:
        registry.set_tag(row.model, row.expected, "rejected", "true")
    elif row.action == "promote" and row.target is not None:
        registry.set_tag(row.model, row.target, "rejected", "false")
