"""What ``artpulse status`` shows: what is served on each host, since when, by whom, and by which workers.

Belongs here: putting together what the files, the agent and the database say. Whatever is away is left out, never
waited for.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from artpulse_core.agent.noted import FILE, NEWS
from artpulse_core.agent.upkeep import SILENT, name_of
from artpulse_core.control import lineage
from artpulse_core.errors import ArtPulseError, StoreError
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease
from artpulse_core.settings import Settings
from artpulse_core.store import changes, hosts
from artpulse_core.store.changes import MAKES_CHAMPION, Change
from artpulse_core.store.database import Database

Rows = dict[str, list[Change]]


def collect(settings: Settings, *, now: datetime | None = None) -> dict[str, Any]:
    """This host as ``this_host`` says, with ``agent`` (whether it answers) and ``others``, the reports of other hosts.

    Slots carry ``since``, ``by`` and ``reason`` from the change table. ``registry_age`` is a text as ``3 s``. Reports
    of hosts that were silent for a day are left out; without a database only this host is there.
    """
    now = now or datetime.now(UTC)
    agent = True
    try:
        known = control.call(settings.socket, "status", deadline=1.0)["status"]
    except ArtPulseError:
        agent, known = False, _written(settings)
    here = {**this_host(settings, known), "agent": agent}
    others, rows, away = _from_database(settings, here, now)
    if away is not None:
        here["database"] = {"ok": False, "message": away}
    hosts = [here, *others]
    for host in hosts:
        host["registry_age"] = _age((host.get("registry") or {}).get("at"), now)
        host["problems"] = {
            name: _explained(served, rows.get(served["model"], []))
            for name, served in host["problems"].items()
        }
    return {**here, "others": others}


def this_host(settings: Settings, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """This host from its files, and from ``known``, what its agent says or said last.

    ``{host, run, registry, database, spool, run_folder, sequence, published_at, damage, problems: {name: {model, mode, percent, unaudited,
    slots: {slot: {version, digest, alias}}, failure, secondary_failure}}, failures, secondary_failures, workers}``;
    ``damage`` says why the release cannot be read.
    """
    release, damage = None, None
    try:
        release = releases.read(settings.run)
    except ValueError as error:
        damage = f"{settings.run / releases.FILE}: {error}; the agent writes it anew"
    known = known or {}
    failures, seconds = known.get("failures", {}), known.get("secondary_failures", {})
    return {
        "host": sockets.gethostname(),
        "run": str(settings.run),
        **{part: known.get(part) for part in NEWS},
        "rollout_watch": known.get("rollout_watch"),
        "sequence": release.sequence if release else None,
        "damage": damage,
        "published_at": release.generated_at if release else None,
        "problems": {
            name: {
                **_problem(served),
                "failure": failures.get(name),
                "secondary_failure": seconds.get(name),
            }
            for name, served in (release.problems if release else {}).items()
        },
        "failures": failures,
        "secondary_failures": seconds,
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


def _problem(served: ProblemRelease) -> dict[str, Any]:
    slots = {"primary": served.primary, "secondary": served.secondary}
    return {
        "model": served.model,
        "mode": served.mode,
        "percent": served.percent,
        "salt": served.salt,
        "unaudited": served.unaudited,
        "slots": {
            name: {"alias": slot.alias, "version": slot.version, "digest": slot.digest}
            for name, slot in slots.items()
            if slot is not None
        },
    }


def _written(settings: Settings) -> dict[str, Any] | None:
    try:
        document = orjson.loads((settings.run / FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return document if isinstance(document, dict) else None


def _from_database(
    settings: Settings, here: Mapping[str, Any], now: datetime
) -> tuple[list[dict[str, Any]], Rows, str | None]:
    """Reports of other hosts, the rows of each model, and why the database did not answer."""
    others: list[dict[str, Any]] = []
    rows: Rows = {}
    models = {served["model"] for served in here["problems"].values()}
    try:
        db = Database(settings.database, busy_seconds=0.5)
        try:
            if not db.exists:
                return [], {}, "there is none where the settings say" if models else None
            for row in hosts.recent(db, now - SILENT):
                if row["host"] != name_of(settings):
                    others.append({**row["document"], "age": _age(row["at"], now)})
                    models |= {served["model"] for served in row["document"]["problems"].values()}
            rows = {model: changes.history(db, model) for model in models}
        finally:
            db.dispose()
    except StoreError as error:
        return others, rows, error.message  # what the files say must do
    return others, rows, None


def _explained(served: Mapping[str, Any], rows: list[Change]) -> dict[str, Any]:
    """The slots with who made them what they are: the row that made the champion, the first row of the rollout."""
    done = [row for row in rows if row.state == "done"]
    champion = next((row for row in done if row.action in MAKES_CHAMPION), None)
    started = lineage.start_row(done, served["salt"])
    slots = {}
    for name, slot in served["slots"].items():
        row = champion if name == "primary" else started
        if row is None or row.target != slot["version"]:
            slots[name] = {**slot, "since": None, "by": None, "reason": None}
        else:
            slots[name] = {**slot, "since": row.closed_at, "by": row.actor, "reason": row.reason}
    return {**served, "slots": slots}


def _age(at: str | None, now: datetime) -> str | None:
    if not at:
        return None
    return f"{max(timedelta(), now - datetime.fromisoformat(at)).total_seconds():.0f} s"
