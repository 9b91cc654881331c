"""What ``artpulse status`` shows: what is served on this host, since when, by whom, and by which workers.

Belongs here: putting together what the files, the agent and the change table say. Whatever is away is left out,
never waited for.
"""

from __future__ import annotations

import socket as sockets
from datetime import UTC, datetime
from typing import Any

from artpulse_core.errors import AgentUnavailable, ArtPulseError, StoreError
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Slot
from artpulse_core.settings import Settings


def collect(settings: Settings, *, now: datetime | None = None) -> dict[str, Any]:
    """One document: host, agent (bool), registry and database as the agent saw them, problems, workers, and
    ``damage`` when the release file cannot be read.

    ``problems`` maps a name to ``{model, mode, unaudited, slots: {slot: {version, digest, alias, since, by,
    reason}}, failure}``.
    """
    now = now or datetime.now(UTC)
    try:
        agent = control.call(settings.socket, "status", deadline=1.0)["status"]
    except (AgentUnavailable, ArtPulseError):
        agent = None
    release, damage = None, None
    try:
        release = releases.read(settings.run)
    except ValueError as error:
        damage = f"{settings.run / releases.FILE}: {error}; the agent writes it anew"
    failures = (agent or {}).get("failures", {})
    return {
        "host": sockets.gethostname(),
        "agent": agent is not None,
        "registry": (agent or {}).get("registry"),
        "registry_age": _age((agent or {}).get("registry"), now),
        "database": (agent or {}).get("database"),
        "sequence": release.sequence if release else None,
        "damage": damage,
        "published_at": release.generated_at if release else None,
        "problems": {
            name: {**_problem(settings, served), "failure": failures.get(name)}
            for name, served in (release.problems if release else {}).items()
        },
        "failures": failures,
        "workers": [
            {
                "pid": worker.pid,
                "sequence": worker.sequence,
                "problems": {
                    name: {"loaded_at": worker.loaded_at, **row} for name, row in worker.problems.items()
                },
                "failures": dict(worker.failures),
            }
            for worker in releases.read_workers(settings.run)
        ],
    }


def _problem(settings: Settings, served: ProblemRelease) -> dict[str, Any]:
    slots = {"primary": served.primary, "secondary": served.secondary}
    return {
        "model": served.model,
        "mode": served.mode,
        "unaudited": served.unaudited,
        "slots": {
            name: _slot(settings, served.model, slot) for name, slot in slots.items() if slot is not None
        },
    }


def _slot(settings: Settings, model: str, slot: Slot) -> dict[str, Any]:
    row: dict[str, Any] = {"alias": slot.alias, "version": slot.version, "digest": slot.digest}
    change = _change(settings, model, slot.version)
    return {**row, **(change or {"since": None, "by": None, "reason": None})}


def _change(settings: Settings, model: str, version: int) -> dict[str, Any] | None:
    from artpulse_core.store import changes
    from artpulse_core.store.database import Database

    try:
        db = Database(settings.database, busy_seconds=0.5)
        found = changes.last_champion(db, model)
        db.dispose()
    except StoreError:
        return None
    if found is None or found.target != version:
        return None
    return {"since": found.closed_at, "by": found.actor, "reason": found.reason}


def _age(registry: Any, now: datetime) -> str | None:
    if not isinstance(registry, dict) or not registry.get("at"):
        return None
    return f"{max(0.0, (now - datetime.fromisoformat(registry['at'])).total_seconds()):.0f} s"
