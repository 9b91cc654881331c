"""The spool: event lines on their way from a worker to the database.

Belongs here: appending a line with one ``os.write``, rotation, and a reader whose cursor survives a crash.
A line is acknowledged by the database insert, never by having been read; a torn last line is left until it is
whole, or its writer is gone. One file has one writer, which holds a ``flock`` on it for as long as it lives: so
the reader sees a dead writer at once, also from another process namespace where its pid means nothing. While nobody
reads, the folder grows to ``CAP_BYTES`` and no further.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import orjson

from artpulse_core.exchange.files import write_whole

ROTATE_BYTES = 4 * 1024 * 1024
CAP_BYTES = 64 * 1024 * 1024
LOOK_BYTES = 256 * 1024  # a writer looks at the whole folder again when it has added so much,
LOOK_SECONDS = 1.0  # and, where it is full, not more often than this
CURSOR = "cursor.json"


class SpoolFull(OSError):  # noqa: N818 - a state of the spool, like FileExists
    """The spool holds as much as it may; the lines were not written."""


class SpoolWriter:
    """Appends event lines for one process; open it after the fork.

    All writers together leave at most ``cap_bytes`` in the folder that the reader has not acknowledged, give or take
    ``LOOK_BYTES`` for each of them: a folder is not listed for every line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rotate_bytes: int = ROTATE_BYTES,
        cap_bytes: int = CAP_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._rotate = rotate_bytes
        self._cap = cap_bytes
        self._monotonic = monotonic
        self._room = 0
        self._look_after = -LOOK_SECONDS
        self._lock = Lock()
        self._part = 0
        self._size = 0
        self._start = time.time_ns()
        self._descriptor = -1
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, lines: bytes) -> None:
        """Write whole lines (each ending with a newline) with one system call; raises ``OSError``.

        ``SpoolFull`` while the cap is reached; it goes on by itself when lines were acknowledged.
        """
        with self._lock:
            if len(lines) > self._room:
                self._look(len(lines))
            if self._descriptor < 0 or self._size >= self._rotate or not os.fstat(self._descriptor).st_nlink:
                self._open()  # also where somebody deleted the file: what is written to it reaches nobody
            written = os.write(self._descriptor, lines)
            self._size += written
            self._room -= written
            if written != len(lines):
                self._size = self._rotate  # the next line opens a new file instead of joining the torn one
                raise OSError(f"only {written} of {len(lines)} bytes of an event line were written")

    def close(self) -> None:
        """Close the open file."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _look(self, needed: int) -> None:
        """See how much room there is; raises ``SpoolFull`` when there is none for ``needed`` bytes."""
        now = self._monotonic()
        if now >= self._look_after:
            free = self._cap - waiting(self._folder)
            self._room = min(free, max(LOOK_BYTES, needed))
            if needed > self._room:
                self._look_after = now + LOOK_SECONDS
        if needed > self._room:
            raise SpoolFull(f"{self._cap >> 20} MiB of event lines wait to be stored")

    def _open(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1  # the number may be somebody else's from now on
        self._part += 1
        name = f"{os.getpid()}-{self._start}-{self._part}"
        # Locked before it gets the name the reader looks for: a file without a lock has no writer.
        hidden = self._folder / f".{name}.new"
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            hidden.rename(self._folder / f"{name}.jsonl")
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._size = descriptor, 0


@dataclass(frozen=True)
class Batch:
    """Lines read from one file up to byte ``end``; ``lines`` are parsed events, ``bad`` counts unreadable ones."""

    file: str
    end: int
    lines: tuple[dict[str, object], ...]
    bad: int


def read(folder: Path, *, limit_bytes: int = 1024 * 1024) -> Iterator[Batch]:
    """Batches not acknowledged yet, oldest file first, one of each file."""
    cursor = _cursor(folder)
    for path in sorted(folder.glob("*.jsonl"), key=lambda item: item.stat().st_mtime_ns):
        alive = has_writer(path)  # asked before reading: what a dead writer left is all there is
        start = cursor.get(path.name, 0)
        with path.open("rb") as handle:
            handle.seek(start)
            data = handle.read(limit_bytes)
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and (len(data) == limit_bytes or (data and not alive)):
            whole = data  # a line beyond all measure, or torn by a death: it is counted and passed over
        if whole:
            lines, bad = _parse(whole)
            yield Batch(path.name, start + len(whole), lines, bad)


def acknowledge(folder: Path, batch: Batch) -> None:
    """Remember that ``batch`` is in the database."""
    cursor = {**_cursor(folder), batch.file: batch.end}
    write_whole(
        folder / CURSOR, orjson.dumps({name: end for name, end in cursor.items() if (folder / name).exists()})
    )


def waiting(folder: Path) -> int:
    """Bytes in the spool that are not acknowledged yet."""
    cursor = _cursor(folder)
    total = 0
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".jsonl"):
                with contextlib.suppress(FileNotFoundError):  # swept at this moment
                    total += max(0, entry.stat().st_size - cursor.get(entry.name, 0))
    return total


def sweep(folder: Path) -> None:
    """Remove files that are acknowledged to their end and whose writer is gone."""
    cursor = _cursor(folder)
    for path in folder.glob("*.jsonl"):
        # The writer is asked for first: it cannot add a line between the two questions.
        if not has_writer(path) and cursor.get(path.name, 0) >= path.stat().st_size:
            path.unlink()


def has_writer(path: Path) -> bool:
    """Whether a living process still writes this file."""
    with path.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _cursor(folder: Path) -> Mapping[str, int]:
    try:
        document: dict[str, int] = orjson.loads((folder / CURSOR).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}  # events are stored once by id, so reading from the start again is only work
    return document


def _parse(data: bytes) -> tuple[tuple[dict[str, object], ...], int]:
    rows: list[dict[str, object]] = []
    bad = 0
    for line in data.splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            bad += 1
            continue
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            rows.append(row)
        else:
            bad += 1
    return tuple(rows), bad
