"""The spool: event lines on their way from a worker to the database.

Belongs here: appending a line with one ``os.write``, rotation, and a reader whose cursor survives a crash.
A line is acknowledged by the database insert, never by having been read; a torn last line is left until it is
whole. One file has one writer: ``<pid>-<start>-<part>.jsonl``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import orjson

from artpulse_core.exchange.files import write_whole

ROTATE_BYTES = 4 * 1024 * 1024
CURSOR = "cursor.json"


class SpoolWriter:
    """Appends event lines for one process; open it after the fork."""

    def __init__(self, folder: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._folder = folder
        self._rotate = rotate_bytes
        self._lock = Lock()
        self._part = 0
        self._size = 0
        self._start = process_start(os.getpid())
        self._descriptor = -1
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, lines: bytes) -> None:
        """Write whole lines (each ending with a newline) with one system call; raises ``OSError``."""
        with self._lock:
            if self._descriptor < 0 or self._size >= self._rotate:
                self._open()
            written = os.write(self._descriptor, lines)
            self._size += written
            if written != len(lines):
                raise OSError(f"only {written} of {len(lines)} bytes of an event line were written")

    def close(self) -> None:
        """Close the open file."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._part += 1
        path = self._folder / f"{os.getpid()}-{self._start}-{self._part}.jsonl"
        self._descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        self._size = os.fstat(self._descriptor).st_size


@dataclass(frozen=True)
class Batch:
    """Lines read from one file up to byte ``end``; ``lines`` are parsed events, ``bad`` counts unreadable ones."""

    file: str
    end: int
    lines: tuple[dict[str, object], ...]
    bad: int


def read(folder: Path, *, limit_bytes: int = 1024 * 1024) -> Iterator[Batch]:
    """Batches not acknowledged yet, oldest file first."""
    cursor = _cursor(folder)
    for path in sorted(folder.glob("*.jsonl"), key=lambda item: item.stat().st_mtime_ns):
        start = cursor.get(path.name, 0)
        with path.open("rb") as handle:
            handle.seek(start)
            data = handle.read(limit_bytes)
        whole = data[: data.rfind(b"\n") + 1]
        if whole:
            lines, bad = _parse(whole)
            yield Batch(path.name, start + len(whole), lines, bad)


def acknowledge(folder: Path, batch: Batch) -> None:
    """Remember that ``batch`` is in the database; files that are done and whose writer is gone are removed."""
    cursor = {**_cursor(folder), batch.file: batch.end}
    for name, end in list(cursor.items()):
        path = folder / name
        if not path.exists():
            del cursor[name]
        elif end >= path.stat().st_size and not _has_writer(path):
            path.unlink()
            del cursor[name]
    write_whole(folder / CURSOR, orjson.dumps(cursor))


def _cursor(folder: Path) -> Mapping[str, int]:
    try:
        document: dict[str, int] = orjson.loads((folder / CURSOR).read_bytes())
    except FileNotFoundError:
        return {}
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


def process_start(pid: int) -> str:
    """Start time of a process in clock ticks since boot (proc(5), field 22); empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _has_writer(path: Path) -> bool:
    pid, start, part = path.stem.split("-")
    if process_start(int(pid)) != start:
        return False
    return not (path.parent / f"{pid}-{start}-{int(part) + 1}.jsonl").exists()
