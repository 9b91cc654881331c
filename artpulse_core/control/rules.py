"""Whether a change may be made: the checks before anything is written.

Belongs here: questions to the table, the registry and the verdict. Does not belong here: moving an alias
(``promotion``) or judging a model (``artpulse_core.gates``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from artpulse_core.control.registry import Registry
from artpulse_core.errors import ChangeConflict, ChangeRefused, RegistryError
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database


def check_version(db: Database, registry: Registry, model: str, version: int) -> None:
    """The version exists and carries the digest that was recorded when it was registered.

    Raises ``RegistryError`` or ``ChangeRefused``.
    """
    info = registry.version(model, version)
    if info is None:
        raise RegistryError(f"{model} has no version {version}.")
    if not info.digest:
        raise ChangeRefused(f"Version {version} of {model} has no digest: it was not registered by ArtPulse.")
    recorded = changes.registration(db, model, version)
    if recorded and recorded.rollout and recorded.rollout["digest"] != info.digest:
        raise ChangeRefused(f"The digest of version {version} of {model} is not the one that was registered.")


def refusal(verdict: Mapping[str, Any] | None, override: bool, reason: str) -> str | None:
    """Why the policy does not let this promotion pass, naming the failed rules; None when it may."""
    if not reason.strip():
        return "A promotion needs a reason."
    if override or (verdict is not None and verdict.get("decision") == "promote"):
        return None
    if verdict is None:
        return "A promotion needs the gate's verdict."
    failed = [str(rule.get("name")) for rule in verdict.get("rules", ()) if rule.get("passed") is not True]
    return f"The gate says {verdict.get('decision')}: {', '.join(failed) or 'no rule passed'}."


def replayed(db: Database, key: str | None, model: str, action: str, target: int | None) -> Change | None:
    """The change this idempotency key carried out before, or None.

    Raises ``ChangeConflict`` when the key belongs to another request, or to one that was not carried out.
    """
    first = changes.by_key(db, key) if key is not None else None
    if first is None:
        return None
    if (first.model, first.action) != (model, action) or target not in {None, first.target}:
        raise ChangeConflict(f"The idempotency key was used for change {first.sequence} already.")
    if first.state != "done":
        raise ChangeConflict(f"Change {first.sequence} with this idempotency key was {first.state}.")
    return first


def named(version: int | None) -> str:
    """A version as a sentence says it."""
    return "none" if version is None else f"version {version}"
