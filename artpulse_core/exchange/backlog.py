"""What lies in the spool of this host and has not reached the database.

Belongs here: looking, for people. Does not belong here: reading lines to ship them (``spool``).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import orjson

from artpulse_core.exchange.spool import CURSOR

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Backlog:
    """``files`` and their ``bytes`` on disk, and what of them is ``unshipped``: whole lines, and bytes."""

    files: int
    bytes: int
    unshipped: int
    unshipped_bytes: int


def backlog(folder: Path) -> Backlog:
    """Look at the spool ``folder`` now; one that is not there is empty. Lines that are half written do not count."""
    try:
        cursor = orjson.loads((folder / CURSOR).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        cursor = {}
    files = size = lines = waiting = 0
    for path in sorted(folder.glob("*.jsonl")):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as handle:  # swept at this moment
            start = handle.seek(int(cursor.get(path.name, 0)))
            end = start
            while data := handle.read(CHUNK):
                lines += data.count(b"\n")
                end += len(data)
            files, size, waiting = files + 1, size + max(start, end), waiting + end - start
    return Backlog(files, size, lines, waiting)
