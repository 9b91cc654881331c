"""Before a promotion or a rollout: which version is meant, what the gate said of it, and whether it would pass.

Belongs here: what the command line and the agent must answer alike. Does not belong here: a verdict of its own
(``artpulse_core.gates``), or any change but the refusal on record of one that is about no version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from artpulse_core.control import promotion, rules
from artpulse_core.control.lineage import CHALLENGER, CHAMPION
from artpulse_core.control.registry import Registry
from artpulse_core.control.rules import Decision, Request, Seen
from artpulse_core.data.problems import Problem
from artpulse_core.errors import ChangeConflict, ChangeRefused
from artpulse_core.store import changes, reports
from artpulse_core.store.database import Database

LOOKED_THROUGH = 50  # gate reports, newest first


@dataclass(frozen=True)
class Meant:
    """The champion a request goes from (None: there is none), the version it is about, and the gate's verdict on it."""

    champion: int | None
    version: int
    verdict: Mapping[str, Any] | None


def meant(
    db: Database,
    registry: Registry,
    problem: Problem,
    action: str,
    *,
    version: int | None,
    expected: int | None,
    actor: str,
    reason: str,
    idempotency_key: str | None,
    now: datetime,
) -> Meant:
    """What a request means that may leave out its version (then the challenger) and the champion it expects.

    A request that was made before with the same idempotency key means what it meant then: its challenger may be
    champion by now. Raises ``ChangeRefused``, on record, when no version is named and there is no challenger, or what
    ``promotion.carry_out`` raises then; and ``RegistryError``, ``StoreError``.
    """
    first = changes.by_key(db, idempotency_key) if idempotency_key is not None else None
    if first is not None:
        champion, verdict = first.expected, first.verdict
        version = first.target if version is None else version
    else:
        aliases = registry.aliases(problem.model)
        champion = aliases.get(CHAMPION)
        version = _newest(registry, problem, aliases) if version is None else version
        verdict = verdict_of(db, problem.name, version, champion) if version is not None else None
        champion = champion if expected is None else expected
    if version is not None:
        return Meant(champion, version, verdict)

    def decide(_seen: Seen) -> Decision:
        raise _no_challenger(problem)

    asked = {"version": None}
    request = Request(problem.model, action, actor, reason, asked, expected, idempotency_key=idempotency_key)
    promotion.carry_out(db, registry, request, now, decide)
    raise _no_challenger(problem)


def verdict_of(db: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest gate verdict on ``version`` against the champion of now; None when there is none."""
    found = report_of(db, problem, version, champion)
    return None if found is None else dict(found["document"]["verdict"])


def report_of(db: Database, problem: str, version: int, champion: int | None) -> dict[str, Any] | None:
    """The newest report of the gate on ``version`` against ``champion``: ``{at, document, …}``, or None."""
    for row in reports.history(db, "gate", problem, LOOKED_THROUGH):
        if (row["document"]["version"], row["document"]["champion"]) == (version, champion):
            return row
    return None


def check(db: Database, registry: Registry, problem: Problem, version: int | None) -> dict[str, Any]:
    """What the gate said of ``version`` (default: the challenger), and what a promotion would say now.

    ``{problem, model, champion, version, judged_at, verdict, allowed, message}``. Raises ``ChangeRefused`` when there
    is no version to ask about, ``RegistryError``, ``StoreError``.
    """
    chosen = version
    if chosen is None:
        chosen = _newest(registry, problem, registry.aliases(problem.model))
    if chosen is None:
        raise _no_challenger(problem)
    seen = Seen(db, registry, problem.model)
    found = report_of(db, problem.name, chosen, seen.champion)
    verdict = None if found is None else dict(found["document"]["verdict"])
    try:
        rules.check_promotion(seen, chosen, verdict, override=False)
        for row in changes.open_rows(db, problem.model):
            raise changes.still_open(row)
    except (ChangeRefused, ChangeConflict) as no:
        allowed, message = False, no.message
    else:
        allowed = True
        message = f"Version {chosen} may become the champion in place of {rules.named(seen.champion)}."
    return {
        "problem": problem.name,
        "model": problem.model,
        "champion": seen.champion,
        "version": chosen,
        "judged_at": None if found is None else found["at"],
        "verdict": verdict,
        "allowed": allowed,
        "message": message,
    }


def _newest(registry: Registry, problem: Problem, aliases: Mapping[str, int]) -> int | None:
    """The challenger. With neither champion nor challenger every version was held back: then the newest, if any."""
    if CHALLENGER in aliases or CHAMPION in aliases:
        return aliases.get(CHALLENGER)
    return next((info.version for info in registry.versions(problem.model)), None)


def _no_challenger(problem: Problem) -> ChangeRefused:
    return ChangeRefused(
        f"{problem.model} has no challenger; train one with `artpulse retrain --problem {problem.name}`."
    )
