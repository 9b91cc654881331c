"""Before a promotion or a rollout: which version is meant, what the gate said of it, and whether it would pass.

Belongs here: what the command line and the agent must answer alike. Does not belong here: a verdict of its own
(``artpulse_core.gates``), or any change but the refusal on record of one that is about no version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artpulse_core.control import promotion, rules
from artpulse_core.control.lineage import CHALLENGER, CHAMPION
from artpulse_core.control.registry import Registry
from artpulse_core.control.rules import Decision, Request, Seen
from artpulse_core.data.problems import Problem
from artpulse_core.errors import ArtPulseError, ChangeConflict, ChangeRefused
from artpulse_core.store import changes, reports
from artpulse_core.store.database import Database

LOOKED_THROUGH = 50  # gate reports, newest first


@dataclass(frozen=True)
class Meant:
    """The champion a request goes from and the version it is about (None: there is none), with the gate's verdict."""

    champion: int | None
    version: int | None
    verdict: Mapping[str, Any] | None


def meant(
    db: Database,
    registry: Registry,
    problem: Problem,
    *,
    version: int | None,
    expected: int | None,
    key: str | None,
) -> Meant:
    """What a request means that may leave out its version (then the challenger) and the champion it expects.

    A request that was made before with the same idempotency key means what it meant then: its challenger may be
    champion by now. With neither champion nor challenger every version was held back, and the newest is meant.
    """
    first = changes.by_key(db, key) if key is not None else None
    if first is not None:
        return Meant(first.expected, first.target if version is None else version, first.verdict)
    aliases = registry.aliases(problem.model)
    champion = aliases.get(CHAMPION)
    if version is None:
        version = aliases.get(CHALLENGER)
    if version is None and champion is None:
        version = next((info.version for info in registry.versions(problem.model)), None)
    verdict = verdict_of(db, problem.name, version, champion) if version is not None else None
    return Meant(champion if expected is None else expected, version, verdict)


def nobody(
    db: Database,
    registry: Registry,
    problem: Problem,
    action: str,
    champion: int | None,
    words: Mapping[str, Any],
) -> ArtPulseError:
    """Refuse, on record, a request that names no version where there is no challenger; returns what to raise.

    ``words`` are ``actor``, ``reason``, ``idempotency_key`` and ``now``.
    """
    signed = dict(words)
    now = signed.pop("now")
    request = Request(problem.model, action, asked={"version": None}, expected=champion, **signed)

    def decide(_seen: Seen) -> Decision:
        raise _no_challenger(problem)

    try:
        promotion.carry_out(db, registry, request, now, decide)
    except ArtPulseError as refused:
        return refused
    return _no_challenger(problem)


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
    chosen = meant(db, registry, problem, version=version, expected=None, key=None).version
    if chosen is None:
        raise _no_challenger(problem)
    seen = Seen(db, registry, problem.model)
    found = report_of(db, problem.name, chosen, seen.champion)
    verdict = None if found is None else dict(found["document"]["verdict"])
    allowed, message = (
        True,
        f"Version {chosen} may become the champion in place of {rules.named(seen.champion)}.",
    )
    try:
        rules.check_promotion(seen, chosen, verdict, override=False)
        for row in changes.open_rows(db, problem.model):
            raise ChangeConflict(
                f"Change {row.sequence} ({row.action} of {row.model} by {row.actor}) is still open."
            )
    except (ChangeRefused, ChangeConflict) as no:
        allowed, message = False, no.message
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


def _no_challenger(problem: Problem) -> ChangeRefused:
    return ChangeRefused(
        f"{problem.model} has no challenger; train one with `artpulse retrain --problem {problem.name}`."
    )
