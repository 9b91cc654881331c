"""Disks a test may fill and freeze: small, mounted, gone after.

Belongs here: mounting them, filling them, making a folder read-only for root too.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.require import require


@contextmanager
def small_disk(place: Path, megabytes: int = 16) -> Iterator[Path]:
    """A disk of that size at the new folder ``place``."""
    place.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not one byte free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as handle, contextlib.suppress(OSError):
        while True:
            handle.write(b"x" * 4096)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Whoever opens something below ``folder`` from now on may only read."""
    _mount("--bind", str(folder), str(folder))
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, check=False)
    if done.returncode != 0:
        require("the right to mount a small disk", "run it as root")
