"""Results keyed by what they were made from.

Belongs here: the one mechanism that makes a re-run cheap. A key is a digest of input digests, code version and
parameters; a result is a folder that is written beside its place and renamed, so a killed run leaves nothing
half-made and two runs that make the same result do not disturb each other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from artpulse_core.exchange.files import sync_folder


def key_of(parts: Mapping[str, Any]) -> str:
    """Hex digest of a plain document; equal documents give equal keys whatever their order."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True)
class Result:
    """A finished result folder; ``reused`` is True when it was there already."""

    key: str
    folder: Path
    reused: bool


class Memo:
    """Result folders below one root, ``<root>/<kind>/<key>/``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def make(self, kind: str, parts: Mapping[str, Any], build: Callable[[Path], None]) -> Result:
        """The result for ``parts``; ``build`` fills a fresh folder when there is none yet."""
        key = key_of({"kind": kind, **parts})
        place = self._root / kind / key
        if place.is_dir():
            return Result(key, place, reused=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=".making-"))
        try:
            build(scratch)
            scratch.chmod(0o755)  # mkdtemp gives 0700, which would follow a bundle into the artifact store
            _sync(scratch)
            try:
                scratch.rename(place)
            except OSError:
                if not place.is_dir():  # another run made the same result first: it is as good as ours
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        sync_folder(place.parent)
        return Result(key, place, reused=False)


def _sync(folder: Path) -> None:
    """Bring the bytes to the disk before the rename: a result is never looked at again once it has its name."""
    for path in folder.iterdir():
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
    sync_folder(folder)
