"""The release document: what this host serves, written by the agent, read by every worker.

Belongs here: the shape of ``release.json`` and of a worker's status file, reading and writing them whole.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from artpulse_core.exchange.files import write_whole

FORMAT = 1
FILE = "release.json"
WORKERS = "workers"
# Report → descriptor of the lock on it, of this process; a new report replaces file and lock.
_held: dict[Path, int] = {}
Mode = Literal["single", "canary", "blue_green", "shadow"]


@dataclass(frozen=True)
class Slot:
    """One model version in service; ``path`` is relative to the run directory."""

    alias: str
    version: int
    digest: str
    path: str


@dataclass(frozen=True)
class ProblemRelease:
    """What is served for one problem."""

    model: str
    primary: Slot
    mode: Mode = "single"
    percent: float = 0.0
    salt: str = ""
    secondary: Slot | None = None
    unaudited: bool = False


@dataclass(frozen=True)
class Release:
    """One document a host; ``sequence`` grows with every change of it."""

    sequence: int
    generated_at: str
    problems: Mapping[str, ProblemRelease] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class WorkerStatus:
    """What one request worker reports: the release it answers from and what it could not load."""

    pid: int
    sequence: int
    loaded_at: str
    problems: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, str]


def write(run: Path, release: Release) -> None:
    """Publish ``release`` to the workers of this host."""
    write_whole(run / FILE, orjson.dumps(asdict(release), option=orjson.OPT_INDENT_2))


def read(run: Path) -> Release | None:
    """The published release; None when there is none yet. Raises ``ValueError`` for a foreign document."""
    try:
        document = orjson.loads((run / FILE).read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{FILE} is not a release document of format {FORMAT}")
    try:
        problems = {
            name: ProblemRelease(
                **{
                    **item,
                    "primary": Slot(**item["primary"]),
                    "secondary": Slot(**item["secondary"]) if item["secondary"] else None,
                }
            )
            for name, item in document["problems"].items()
        }
        return Release(document["sequence"], document["generated_at"], problems)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{FILE} is not a release document: {error}") from None


def write_worker(run: Path, status: WorkerStatus) -> None:
    """Report what this process serves, to ``workers/<pid>.json``.

    The process holds a ``flock`` on the report for as long as it lives: so a reader tells a dead worker also from
    another process namespace, where its pid means nothing.
    """
    path = run / WORKERS / f"{status.pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    # Locked before it gets the name the reader looks for: a report without a lock has no writer.
    descriptor = os.open(hidden, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        data = orjson.dumps(asdict(status))
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(hidden))
        hidden.replace(path)
    except BaseException:
        os.close(descriptor)
        raise
    before, _held[path] = _held.get(path), descriptor
    if before is not None:
        os.close(before)


def read_workers(run: Path) -> list[WorkerStatus]:
    """The reports of the workers that are alive, by pid; reports of dead ones are left out."""
    rows = (_alive(path) for path in sorted((run / WORKERS).glob("[0-9]*.json")))
    return [WorkerStatus(**orjson.loads(data)) for data in rows if data]


def _alive(path: Path) -> bytes | None:
    """What a living process reports; None when it is gone."""
    while True:
        try:
            with path.open("rb") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return handle.read()
                if os.fstat(handle.fileno()).st_ino == path.stat().st_ino:
                    return None
        except FileNotFoundError:
            return None  # removed at this moment, with its worker
