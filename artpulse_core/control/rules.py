"""Whether a change may be made: the checks before anything is written.

Belongs here: what is asked, what is found, and the questions to the table, the registry and the verdict. Does not
belong here: moving an alias (``promotion``) or judging a model (``artpulse_core.gates``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artpulse_core.control import lineage
from artpulse_core.control.registry import Registry, VersionInfo
from artpulse_core.control.rollout import Rollout
from artpulse_core.errors import ArtPulseError, ChangeConflict, ChangeRefused
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

ANSWERS: Mapping[str, type[ArtPulseError]] = {kind.code: kind for kind in (ChangeRefused, ChangeConflict)}


@dataclass(frozen=True)
class Request:
    """What somebody asks for, as far as it is known before anything is looked up.

    ``asked`` is what a repeated request with the same idempotency key must ask for again.
    """

    model: str
    action: str
    actor: str
    reason: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    expected: int | None = None
    target: int | None = None
    verdict: Mapping[str, Any] | None = None
    idempotency_key: str | None = None

    def columns(self) -> dict[str, Any]:
        """What goes into the row as it is."""
        return {
            "model": self.model,
            "action": self.action,
            "actor": self.actor,
            "reason": self.reason,
            "verdict": self.verdict,
            "idempotency_key": self.idempotency_key,
        }


@dataclass(frozen=True)
class Decision:
    """What a request comes to: the columns of its row that depend on what was found."""

    expected: int | None
    target: int | None
    rollout: Mapping[str, Any]


class Seen:
    """The table and the registry as one request finds them; the registry is asked only for what is looked at."""

    # No cached_property: until Python 3.12 all instances share its lock (python/cpython#87634), and a registry that
    # hangs for one model would stop the changes of every other.
    def __init__(self, db: Database, registry: Registry, model: str) -> None:
        self.model = model
        self.rows = changes.history(db, model)
        self._registry = registry
        self._champion: tuple[int | None] | None = None
        self._versions: dict[int, VersionInfo] | None = None

    @property
    def champion(self) -> int | None:
        """The version the champion alias points to; it is served, whoever moved it."""
        if self._champion is None:
            self._champion = (self._registry.alias(self.model, lineage.CHAMPION),)
        return self._champion[0]

    @property
    def versions(self) -> dict[int, VersionInfo]:
        """Every version in the registry."""
        if self._versions is None:
            self._versions = {info.version: info for info in self._registry.versions(self.model)}
        return self._versions

    @property
    def existing(self) -> set[int]:
        """The versions that carry a digest, so that they can be served."""
        return {info.version for info in self.versions.values() if info.digest}

    @property
    def state(self) -> Rollout:
        """What is routed where by the table."""
        return lineage.state_of(self.rows)

    def contract(self, version: int) -> str:
        """Digest of the contract of a version: as recorded, else from its verified bundle."""
        recorded = _registration(self.rows, version)
        if "contract" in recorded:
            return str(recorded["contract"])
        from artpulse_core.model import bundle

        with tempfile.TemporaryDirectory() as scratch:
            folder = self._registry.download(self.model, version, Path(scratch) / "bundle")
            return bundle.verify(folder, self.versions[version].digest).contract_digest


def expect(seen: Seen, expected: int | None) -> None:
    """Raise ``ChangeConflict`` when the champion is another than ``expected``."""
    if seen.champion != expected:
        raise ChangeConflict(
            f"The champion of {seen.model} is {named(seen.champion)}, not {named(expected)}; look again and repeat."
        )


def expect_known(seen: Seen, expected: int | None) -> None:
    """As ``expect``, for what must go on while the registry is away: it is asked only if the table says another.

    None expects nothing.
    """
    if expected not in {None, seen.state.primary}:
        expect(seen, expected)


def check_promotion(seen: Seen, version: int, verdict: Mapping[str, Any] | None, *, override: bool) -> None:
    """Raise ``ChangeRefused`` unless ``version`` may become champion in place of whichever is."""
    state = seen.state
    tried = state.approved and state.secondary == version
    check_thawed(seen)
    if seen.champion == version:
        raise ChangeRefused(f"Version {version} of {seen.model} is the champion already.")
    check_version(seen, version)
    check_verdict(verdict, override, "promotion", *(("promote", "pass") if tried else ("promote",)))
    check_rejected(seen, version, override=override or tried)


def check_rejected(seen: Seen, version: int, *, override: bool) -> None:
    """Raise ``ChangeRefused`` for a version that was rejected in service: no verdict from before knows of that."""
    if version in lineage.rejected(seen.rows) and not override:
        raise ChangeRefused(
            f"Version {version} of {seen.model} was rejected in service (rolled back, or its rollout failed); "
            "only an override with a reason brings it back."
        )


def expect_row(seen: Seen, decided_on: int | None) -> None:
    """Raise ``ChangeConflict`` when the state that something was decided on counts no more; None: nobody looked."""
    row = lineage.state_row(seen.rows)
    if decided_on is not None and row is not None and row.sequence != decided_on:
        raise ChangeConflict(
            f"Change {row.sequence} by {row.actor} came after change {decided_on}, on which this was decided."
        )


def check_version(seen: Seen, version: int) -> None:
    """The version exists and carries the digest that was recorded when it was registered; else ``ChangeRefused``."""
    info = seen.versions.get(version)
    if info is None:
        raise ChangeRefused(f"{seen.model} has no version {version}: see `artpulse models list`.")
    if not info.digest:
        raise ChangeRefused(
            f"Version {version} of {seen.model} has no digest: it was not registered by ArtPulse."
        )
    registered = _registration(seen.rows, version)
    if registered and registered.get("digest") != info.digest:
        raise ChangeRefused(
            f"The digest of version {version} of {seen.model} is not the one that was registered."
        )


def nothing_before(seen: Seen) -> ChangeRefused:
    """Why there is no champion to go back to, and what else there is to do."""
    if not seen.versions and lineage.champion_of(seen.rows) is not None:
        return ChangeRefused(
            f"The registry holds no version of {seen.model}, but the table of changes does: is it the right registry?"
        )
    return ChangeRefused(
        f"{seen.model} has no earlier champion to go back to; a version that was rejected, or never champion, can be "
        "promoted with an override."
    )


def check_thawed(seen: Seen) -> None:
    """Raise ``ChangeRefused`` naming who froze the changes of the model, when and why."""
    frozen = lineage.frozen_by(seen.rows)
    if frozen is not None:
        raise ChangeRefused(
            f"Changes of {seen.model} are {frozen_words(frozen)} "
            "(lift the freeze first; rollback, pause and abort need not wait)"
        )


def over_the_gate(override: bool) -> dict[str, bool]:
    """What a request says of an override in its row; nothing when there is none."""
    return {"override": True} if override else {}


def check_reason(request: Request) -> None:
    """Raise ``ChangeRefused`` when nobody says why."""
    if not request.reason.strip():
        raise ChangeRefused(f"{request.action.capitalize()} needs a reason, which stays on record.")


def check_verdict(verdict: Mapping[str, Any] | None, override: bool, what: str, *agreeing: str) -> None:
    """Raise ``ChangeRefused`` naming the failed rules, unless the verdict is an agreeing one or is overridden."""
    if override or (verdict is not None and verdict.get("decision") in agreeing):
        return
    if verdict is None:
        raise ChangeRefused(
            f"A {what} needs the gate's verdict, and there is none on this version against the champion of now: "
            "retrain, or override it with a reason."
        )
    failed = [str(rule.get("name")) for rule in verdict.get("rules", ()) if rule.get("passed") is not True]
    said = f"The gate says {verdict.get('decision')}: {', '.join(failed) or 'no rule passed'}"
    raise ChangeRefused(f"{said}. Train a better one, or override it with a reason.")


def replayed(db: Database, request: Request) -> Change | None:
    """The change this idempotency key carried out before; None when it is new or its change is still open.

    An abort that is open counts already, and is the answer.

    Raises what was raised the first time when it was refused, and ``ChangeConflict`` when the key belongs to another
    request, or to one that was taken back.
    """
    first = changes.by_key(db, request.idempotency_key) if request.idempotency_key is not None else None
    if first is None:
        return None
    document = first.rollout or {}
    same = (first.model, first.action) == (request.model, request.action)
    if not same or document.get("asked", request.asked) != request.asked:
        raise ChangeConflict(
            f"The idempotency key was used for change {first.sequence} ({first.action} of {first.model})."
        )
    if first.state == "refused":
        raise ANSWERS.get(str(document.get("code")), ChangeRefused)(
            first.outcome or "The request was refused."
        )
    if first.state == "undone":
        why = first.outcome or "it was not carried out."
        raise ChangeConflict(f"Change {first.sequence} with this idempotency key was undone: {why}")
    return first if first.state == "done" or lineage.only_forward(first) else None


def frozen_words(row: Change) -> str:
    """Who froze, when and why, as a sentence goes on with it."""
    return f"frozen by {row.actor} since {row.opened_at[:19]}Z: {row.reason}"


def named(version: int | None) -> str:
    """A version as a sentence says it."""
    return "none" if version is None else f"version {version}"


def _registration(rows: list[Change], version: int) -> Mapping[str, Any]:
    found = (row for row in rows if (row.action, row.target, row.state) == ("register", version, "done"))
    return next((row.rollout for row in found if row.rollout is not None), {})
