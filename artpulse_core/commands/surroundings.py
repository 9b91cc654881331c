"""``artpulse status``, ``config``, ``doctor`` and ``completion``: looking at an installation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

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
    """What is served where, since when, changed by whom, for each worker of this host."""
    from artpulse_core.agent.status import collect

    document = collect(settings)
    rows = [
        {"problem": name, "slot": slot, **row}
        for name, problem in document["problems"].items()
        for slot, row in problem["slots"].items()
    ]
    workers = [
        {"pid": worker["pid"], "problem": name, **row}
        for worker in document["workers"]
        for name, row in worker["problems"].items()
    ]
    lines = [
        f"host {document['host']}   agent {'up' if document['agent'] else 'down'}   registry {_answered(document['registry_age'])}",
        table(rows, ("problem", "slot", "version", "digest", "since", "by", "reason")),
        "",
        table(workers, ("pid", "problem", "version", "digest", "loaded_at")),
    ]
    damage = document["damage"]
    return Reply(document, "\n".join([*lines, *([damage] if damage else [])]), 65 if damage else 0)


def _answered(age: str | None) -> str:
    return "has not answered yet" if age is None else f"answered {age} ago"


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
