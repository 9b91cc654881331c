"""Registering a version: the change that adds one, and moves no champion.

Belongs here: the order of logging, row and version. What is recorded of a version here is what later changes of it
are checked against.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from artpulse_core.control.lineage import CHAMPION
from artpulse_core.control.promotion import alone, settle
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, ChangeConflict
from artpulse_core.model import bundle
from artpulse_core.store import changes
from artpulse_core.store.database import Database


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

    Its digest and its contract's are recorded in the change row, where nobody who can alter artifacts can alter them.
    Allowed while changes are frozen. Raises ``ChangeConflict``, ``RegistryError``, ``StoreError`` or ``BundleError``.
    """
    manifest = bundle.verify(bundle_dir, digest)
    # Before the lock, which nobody who stops a rollout should find taken by an upload; and a model that took an hour
    # to train waits its turn.
    uri = registry.log_bundle(bundle_dir, run_id=run_id, model=model)
    with alone(db, model, wait=True):
        settle(db, registry, model, now)
        known = [info.version for info in registry.versions(model)]
        changes.open_change(
            db,
            model=model,
            action="register",
            expected=registry.alias(model, CHAMPION),
            target=max(known, default=0) + 1,
            rollout={
                "digest": digest,
                "key": key,
                "problem": problem,
                "contract": manifest.contract_digest,
            },
            actor=actor,
            reason=reason,
            verdict=None,
            idempotency_key=None,
            now=now,
        )
        try:
            registry.register(
                model, uri, run_id=run_id, digest=digest, tags={**tags, "key": key, "problem": problem}
            )
            done = settle(db, registry, model, now)[-1]
        except Exception:
            with contextlib.suppress(
                ArtPulseError
            ):  # the first error is the one to report; the row stays open
                settle(db, registry, model, now)
            raise
        if done.state != "done" or done.target is None:
            raise ChangeConflict(
                f"The version of {model} that was registered is not in the registry any more."
            )
        return done.target
