"""Registry and change table → release: what should be served becomes what this host serves.

Belongs here: asking what is desired, filling both slots, publishing the release. A champion that cannot be served
leaves the old one answering; a secondary that cannot leaves its share to the primary; a registry that is away leaves
the whole release as it is.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Lock

from artpulse_core.agent import check
from artpulse_core.agent.bundles import Bundles
from artpulse_core.agent.retries import Failure, Retries
from artpulse_core.control.desired import Desired, desired, followed
from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.errors import BundleError, RegistryError
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot
from artpulse_core.settings import Settings
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
KEEP_SPARE = 2
NO_ROOM = [os.strerror(number) for number in (errno.EROFS, errno.ENOSPC, errno.EDQUOT)]


@dataclass(frozen=True)
class Pulled:
    """One poll: the release that counts now, and what was wrong, by problem and slot.

    ``folder_error`` says why the run folder could not take a bundle: that is no fault of the version.
    """

    release: Release | None
    registry_error: str | None
    folder_error: str | None = None
    failures: Mapping[str, Failure] = field(default_factory=dict)
    secondary_failures: Mapping[str, Failure] = field(default_factory=dict)


class Puller:
    """Polls for one host from one thread, and follows the table from another."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        db: Database,
        *,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
        trial: Callable[[Path, str], None] = check.in_child,
    ) -> None:
        """``jitter`` gives a factor about 1 for each pause before something that failed is tried again."""
        self._settings = settings
        self._registry = registry
        self._db = db
        self._clock = clock
        self._bundles = Bundles(settings.run, registry, db, trial)
        self._primaries = Retries(clock, jitter)
        self._secondaries = Retries(clock, jitter)
        self._previous: dict[str, int] = {}
        self._publishing = Lock()
        self._cleaned = False

    def poll(self) -> Pulled:
        """Look once, and publish a release if anything changed. Raises ``OSError`` when it cannot be written."""
        before = self._published()
        found: dict[str, ProblemRelease] = {}
        registry_error = folder_error = None
        known = problems.load(self._settings)
        for name, problem in known.items():
            old = before.problems.get(name) if before else None
            served = old
            if registry_error is None:
                try:
                    served = self._resolve(problem, old)
                except RegistryError as error:
                    registry_error = str(error)
                except OSError as error:
                    folder_error = str(error)
            if served is not None:
                found[name] = served
        after = self._publish(found, before)
        if after is not None and (after is not before or not self._cleaned):
            self._clean(after, before, known)
        return Pulled(after, registry_error, folder_error, self._primaries.all(), self._secondaries.all())

    def follow(self) -> bool:
        """Let running rollouts go on or end as the table says; True when this published a release.

        The registry is not asked: it may hang while a rollout must be stopped. Raises ``StoreError`` or ``OSError``.
        """
        before = self._published()
        if before is None or not any(item.secondary for item in before.problems.values()):
            return False
        found = {name: followed(self._db, item) for name, item in before.problems.items()}
        return self._publish(found, before) is not before

    def _publish(self, found: Mapping[str, ProblemRelease], before: Release | None) -> Release | None:
        """Write a release if ``found`` differs from ``before``; what somebody else has published since stays."""
        with self._publishing:
            current = self._published()
            olds = before.problems if before else {}
            kept = current.problems if current else {}
            problems = {
                name: item if item != olds.get(name) else kept.get(name, item) for name, item in found.items()
            }
            if not problems or (current is not None and problems == current.problems):
                return before if current == before else current
            after = Release(current.sequence + 1 if current else 1, self._clock().isoformat(), problems)
            releases.write(self._settings.run, after)
        log.info("release published", extra={"fields": _summary(after)})
        return after

    def _published(self) -> Release | None:
        try:
            return releases.read(self._settings.run)
        except ValueError as error:
            log.error("release document ignored", extra={"fields": {"reason": str(error)}})
            return None

    def _resolve(self, problem: Problem, old: ProblemRelease | None) -> ProblemRelease | None:
        """What to serve of one problem: the version behind the champion alias, and beside it the secondary of a rollout
        that the table says runs; ``old`` where there is none, or the champion cannot be served."""
        same = old if old is not None and old.model == problem.model else None
        wanted = desired(self._db, self._registry, problem.model, same)
        if wanted is None:
            return old and replace(old, unaudited=True)  # the alias was removed: what serves goes on
        if wanted.previous is not None:
            self._previous[problem.name] = wanted.previous
        primary = self._slot(problem, wanted.primary, wanted.primary_alias, same)
        if primary is None:  # the rollout of the old release was about another champion
            return old and ProblemRelease(old.model, old.primary, unaudited=old.unaudited)
        served = ProblemRelease(problem.model, primary, unaudited=wanted.unaudited)
        return self._with_secondary(problem, served, wanted, same)

    def _with_secondary(
        self, problem: Problem, served: ProblemRelease, wanted: Desired, old: ProblemRelease | None
    ) -> ProblemRelease:
        if wanted.secondary is None:
            self._secondaries.forget(problem.name)
            return served
        secondary = self._slot(problem, wanted.secondary, wanted.secondary_alias, old, beside=served.primary)
        if secondary is None:
            return served
        return replace(
            served, mode=wanted.mode, percent=wanted.percent, salt=wanted.salt, secondary=secondary
        )

    def _slot(
        self,
        problem: Problem,
        version: int,
        alias: str,
        old: ProblemRelease | None,
        *,
        beside: Slot | None = None,
    ) -> Slot | None:
        """The slot of ``version``, or None when it cannot be served now; ``beside`` is the primary of a secondary.

        Raises ``OSError`` when the run folder is full or read-only: no version is to blame, and none has to wait.
        """
        retries = self._primaries if beside is None else self._secondaries
        if retries.waits(problem.name, version):
            return None
        try:
            kept = next((slot for slot in _slots(old) if slot.version == version), None)
            if kept is not None and self._bundles.whole(kept):
                slot = replace(kept, alias=alias)
            else:
                slot = self._bundles.bring(problem, version, alias)
            if beside is not None and not self._bundles.same_contract(slot, beside):
                raise BundleError(
                    f"Version {version} has another contract than version {beside.version}; the two cannot share requests."
                )
        except (BundleError, RegistryError, OSError) as error:
            if any(words in str(error) for words in NO_ROOM):  # some clients wrap what the disk said
                raise OSError(str(error)) from error
            failure = retries.failed(problem.name, version, str(error))
            said = (
                "champion refused" if beside is None else "secondary refused, the primary answers its share"
            )
            fields = {"problem": problem.name, "version": version, "attempt": failure.attempts}
            log.error(said, extra={"fields": {**fields, "reason": failure.message}})
            return None
        retries.forget(problem.name)
        return slot

    def _clean(self, after: Release, before: Release | None, known: Mapping[str, Problem]) -> None:
        """Keep what is served, what a rollback would bring back, and the newest few."""
        served = {slot.digest for item in after.problems.values() for slot in _slots(item)}
        left = (
            {slot.digest for item in before.problems.values() for slot in _slots(item)} if before else set()
        )
        for name, version in self._previous.items():
            with contextlib.suppress(BundleError, RegistryError):
                served.add(self._bundles.digest(known[name].model, version))
        self._bundles.clean(served, left - served, KEEP_SPARE + len(after.problems))
        self._cleaned = True


def _slots(served: ProblemRelease | None) -> Iterator[Slot]:
    if served is not None:
        yield served.primary
        if served.secondary is not None:
            yield served.secondary


def _summary(release: Release) -> dict[str, object]:
    return {
        "sequence": release.sequence,
        "versions": {name: item.primary.version for name, item in release.problems.items()},
        "rollouts": {
            name: f"{item.mode} {item.percent:g} % to version {item.secondary.version}"
            for name, item in release.problems.items()
            if item.secondary is not None
        },
        "unaudited": [name for name, item in release.problems.items() if item.unaudited],
    }
