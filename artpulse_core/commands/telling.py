"""After a change: the agent of this host is told, and who answers with it now.

Belongs here: one question to the agent, then looking at the reports of the workers until they agree or the time is
up. Does not belong here: the change itself, which is whole before anybody is told.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from artpulse_core.errors import AgentUnavailable
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease
from artpulse_core.settings import Settings

DEADLINE = 20.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Wanted:
    """What a worker that follows the change serves: versions of both slots, and the secondary's share."""

    primary: int | None
    mode: str = "single"
    percent: float = 0.0
    secondary: int | None = None

    def in_report(self, row: Mapping[str, Any] | None) -> bool:
        """Whether a worker's report of the problem says so."""
        if row is None:
            return False
        other = row.get("secondary") or {}
        return self == Wanted(
            row.get("version"), row.get("mode", "single"), row.get("percent", 0.0), other.get("version")
        )

    def in_release(self, served: ProblemRelease | None) -> bool:
        """Whether the release of this host says so."""
        if served is None:
            return False
        other = served.secondary.version if served.secondary else None
        return self == Wanted(served.primary.version, served.mode, served.percent, other)


@dataclass(frozen=True)
class Told:
    """Whether an agent runs here, and how many of the workers answer with the change."""

    agent: bool
    workers: int
    following: int
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def tell(settings: Settings, problem: str, wanted: Wanted, *, deadline: float = DEADLINE) -> Told:
    """Tell the agent, then wait until every worker of this host serves ``wanted`` for ``problem``.

    Ends sooner when the agent publishes something else, as when it refuses the bundle. ``deadline`` is in seconds.
    Raises nothing: the change is made, and not knowing who follows it is no failure of it.
    """
    try:
        return _tell(settings, problem, wanted, deadline)
    except (OSError, ValueError, TypeError, KeyError) as error:
        return Told(False, 0, 0, f"whether this host follows is not known: {error}")
    except KeyboardInterrupt:
        return Told(True, 0, 0, "its workers were not waited for; see `artpulse status`")


def _tell(settings: Settings, problem: str, wanted: Wanted, deadline: float) -> Told:
    until = time.monotonic() + deadline
    try:
        polled = bool(control.call(settings.socket, "notify", deadline=deadline).get("polled"))
    except AgentUnavailable:
        workers, following = _count(settings, problem, wanted)
        return Told(False, workers, following, _alone(workers, following))
    while True:
        workers, following = _count(settings, problem, wanted)
        if workers and following == workers:
            return Told(True, workers, following, _said(workers, following))
        held = _held(settings, problem, wanted) if polled else None
        if held is not None:
            return Told(True, workers, following, f"this host does not serve it: {held}")
        if not workers or time.monotonic() > until:
            return Told(True, workers, following, _said(workers, following))
        time.sleep(LOOK_SECONDS)


def _count(settings: Settings, problem: str, wanted: Wanted) -> tuple[int, int]:
    rows = [worker.problems.get(problem) for worker in releases.read_workers(settings.run)]
    return len(rows), sum(wanted.in_report(row) for row in rows)


def _held(settings: Settings, problem: str, wanted: Wanted) -> str | None:
    """Why the release says something else, or None when it says this."""
    try:
        release = releases.read(settings.run)
    except ValueError as error:
        return str(error)
    served = release.problems.get(problem) if release else None
    if wanted.in_release(served):
        return None
    try:
        status = control.call(settings.socket, "status", deadline=1.0)["status"]
    except AgentUnavailable:
        status = {}
    failures = [
        str(found["message"])
        for kind in ("failures", "secondary_failures")
        if isinstance(found := status.get(kind, {}).get(problem), Mapping)
    ]
    away = (status.get("registry") or {}).get("message")
    now = f"version {served.primary.version} ({served.mode})" if served else "nothing"
    reasons = [*failures, *([str(away)] if away else [])]
    return f"{now} is what its agent publishes" + (f"; {'; '.join(reasons)}" if reasons else "")


def _said(workers: int, following: int) -> str:
    if not workers:
        return "this host has been told; no worker runs here"
    more = "" if following == workers else " so far; see `artpulse status`"
    return f"{following} of {workers} workers of this host answer with it{more}"


def _alone(workers: int, following: int) -> str:
    if not workers:
        return "no server on this host; it will be served at the next start"
    return (
        f"the agent of this host does not answer: {following} of {workers} workers answer with it, "
        "the others go on as they are until it is back"
    )
