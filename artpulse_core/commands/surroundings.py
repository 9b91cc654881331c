"""``artpulse status``, ``config``, ``doctor`` and ``completion``: looking at an installation."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import click

from artpulse_core import origins
from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.data import problems
from artpulse_core.errors import AgentUnavailable, ArtPulseError
from artpulse_core.exchange import control
from artpulse_core.settings import Settings

PARTS = {
    "api": ("flask", "gunicorn", "mlflow", "onnxruntime", "sqlalchemy"),
    "pipeline": ("dagster", "dagster_mlflow", "sklearn", "skl2onnx", "pandera", "matplotlib"),
}


@click.command()
@answering
def status(settings: Settings) -> Reply:
    """What is served where, since when, changed by whom, for each host and worker."""
    from artpulse_core.agent.status import collect

    document = collect(settings)
    hosts = [document, *document["others"]]
    names = Counter(host["host"] for host in hosts)
    hosts = [
        {**host, "host": f"{host['host']}:{host['run']}"} if names[host["host"]] > 1 else host
        for host in hosts
    ]  # several on one machine are told apart by their run folders
    slots = [row for host in hosts for row in _slots(host)]
    workers = [row for host in hosts for row in _workers(host)]
    several = ("host",) if document["others"] else ()
    lines = [
        *(_headline(host) for host in hosts),
        table(slots, (*several, *SLOT_COLUMNS)),
        "",
        table(workers, (*several, *WORKER_COLUMNS)),
        *(line for host in hosts for line in _troubles(host)),
    ]
    return Reply(document, "\n".join(lines), 65 if document["damage"] else 0)


SLOT_COLUMNS = ("problem", "slot", "version", "digest", "mode", "percent", "since", "by", "reason")
TROUBLES = {
    "registry": "the registry is away",
    "database": "the database is away",
    "spool": "events stay in the spool, which cannot be used",
    "run_folder": "the run folder cannot be written, and no change is taken over",
}
WORKER_COLUMNS = ("pid", "problem", "slot", "version", "digest", "loaded_at")


def _headline(host: Mapping[str, Any]) -> str:
    told = (
        f"reported {host['age']} ago"
        if "age" in host
        else ("agent up" if host["agent"] else "agent does not answer")
    )
    return f"host {host['host']}   {told}   registry {_answered(host['registry_age'])}"


def _answered(age: str | None) -> str:
    return "has not answered yet" if age is None else f"answered {age} ago"


def _slots(host: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, problem in host["problems"].items():
        for slot, row in problem["slots"].items():
            share = problem["percent"] if slot == "secondary" else 100 - problem["percent"]
            yield {
                "host": host["host"],
                "problem": name,
                "slot": slot,
                **row,
                "digest": row["digest"][:19],
                "since": (row["since"] or "-")[:19],
                "by": row["by"] or ("moved by hand" if slot == "primary" and problem["unaudited"] else None),
                "mode": problem["mode"],
                "percent": share,
            }


def _workers(host: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for worker in host["workers"]:
        for name, row in worker["problems"].items():
            common = {"host": host["host"], "pid": worker["pid"], "problem": name}
            for slot, loaded in (("primary", row), ("secondary", row.get("secondary"))):
                if loaded:
                    digest = str(loaded["digest"])[:19]
                    yield {
                        **common,
                        "slot": slot,
                        "loaded_at": row.get("loaded_at"),
                        **loaded,
                        "digest": digest,
                    }


def _troubles(host: Mapping[str, Any]) -> Iterator[str]:
    where = f"{host['host']}: "
    if host["damage"]:
        yield where + host["damage"]
    for name, problem in host["problems"].items():
        if problem["unaudited"]:
            yield (
                f"{where}the champion alias of {name} was moved or removed by hand: `artpulse models adopt {name}` takes "
                f"it over, `artpulse rollback {name}` puts it back"
            )
    failing = [part for part in TROUBLES if (host.get(part) or {}).get("ok") is False]
    for part in failing:
        yield f"{where}{TROUBLES[part]}: {host[part]['message']}"
    if (host["registry"] or {}).get("asked_at") and "database" not in failing:  # a poll asks that too
        yield f"{where}the registry was asked at {host['registry']['asked_at'][:19]} and has not answered yet"
    for slot, kind in (("primary", "failures"), ("secondary", "secondary_failures")):
        for name, failure in host[kind].items():
            yield f"{where}{slot} of {name}, version {failure['version']}, is refused: {failure['message']}"
    for worker in host["workers"]:
        for name, said in worker["failures"].items():
            yield f"{where}worker {worker['pid']}, {name}: {said}"


@click.group()
def config() -> None:
    """Show every setting."""


@config.command()
@click.option("--origin", is_flag=True, help="Also say where each value came from and what it means.")
@answering
def show(settings: Settings, *, origin: bool) -> Reply:
    """Every environment variable with its value; secrets are masked."""
    rows = [vars(row) for row in origins.origins(settings)]
    columns = ("env", "value", "origin", "description") if origin else ("env", "value")
    return Reply({"settings": rows}, table(rows, columns))


@click.command()
@answering
def doctor(settings: Settings) -> Reply:
    """Look for what is missing or wrong, and say what to do about it."""
    rows = [{"check": name, "ok": ok, "found": found} for name, ok, found in _checks(settings)]
    broken = sum(not row["ok"] for row in rows)
    last = "All is well." if not broken else f"{broken} of {len(rows)} need attention."
    return Reply({"checks": rows}, table(rows, ("check", "ok", "found")) + f"\n{last}", 1 if broken else 0)


def _checks(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield "python", sys.version_info >= (3, 11), f"{version} (3.11 or newer)"
    for extra, parts in PARTS.items():
        missing = [part for part in parts if find_spec(part) is None]
        said = f"pip install 'artpulse[{extra}]' brings {', '.join(missing)}" if missing else "installed"
        yield f"extra {extra}", not missing, said
    writable = _writable(settings)
    yield (
        "home",
        writable,
        f"{settings.home} " + ("can be written" if writable else "cannot be written: set ARTPULSE_HOME"),
    )
    long = len(os.fsencode(settings.socket)) > control.LONGEST_PATH
    yield (
        "run folder",
        not long,
        "too long a path for a socket: set ARTPULSE_RUN_DIR" if long else str(settings.run),
    )
    try:
        yield "problems", True, ", ".join(problems.load(settings))
    except ArtPulseError as error:
        yield "problems", False, error.message
    folder = settings.dataset_dir or settings.data / "art"
    yield (
        "pictures",
        folder.is_dir(),
        str(folder)
        if folder.is_dir()
        else f"{folder} is not there: artpulse data generate, or set DATASET_DIR",
    )
    try:
        control.call(settings.socket, "status")
        yield "agent", True, "answers"
    except AgentUnavailable:
        yield "agent", True, "not running: artpulse serve"


def _writable(settings: Settings) -> bool:
    place = settings.home
    while not place.exists():
        place = place.parent
    return os.access(place, os.W_OK | os.X_OK)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), default="bash")
@answering
def completion(_settings: Settings, *, shell: str) -> Reply:
    """Print a line for the shell's start file."""
    line = {
        "bash": 'eval "$(_ARTPULSE_COMPLETE=bash_source artpulse)"',
        "zsh": 'eval "$(_ARTPULSE_COMPLETE=zsh_source artpulse)"',
        "fish": "_ARTPULSE_COMPLETE=fish_source artpulse | source",
    }[shell]
    return Reply({"shell": shell, "line": line}, line)
