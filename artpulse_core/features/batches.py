"""Immutable files of arrays, named by their own digest: what the feature cache is stored in.

Belongs here: writing one, reading all, dropping damaged ones, merging many into one. Does not belong here:
what the arrays mean (``artpulse_core.features.cache``). Many processes may use one folder: nobody changes a
file that exists, and a reader that loses a race with a merge finds the same rows in the merged file at its
next look.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import zipfile
from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np

from artpulse_core.exchange.files import write_whole

_NAME = re.compile(r"[0-9a-f]{64}\.npz")
MERGE_ABOVE = 24  # files; each costs about a millisecond to open

Arrays = dict[str, np.ndarray]


def write_batch(folder: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write ``arrays`` as one file named by the SHA-256 of its bytes; returns its path."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    data = buffer.getvalue()
    path = folder / f"{hashlib.sha256(data).hexdigest()}.npz"
    if not path.exists():
        write_whole(path, data)
    return path


def read_batches(folder: Path, *, skip: Container[Path] = ()) -> dict[Path, Arrays]:
    """All sound batches of ``folder`` but those in ``skip``. A file whose bytes do not match its name is
    removed, never believed.
    """
    found: dict[Path, Arrays] = {}
    try:
        paths = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path not in skip)
    except FileNotFoundError:
        return found
    for path in paths:
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != path.stem:
                remove(path)
                continue
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                found[path] = {name: archive[name] for name in archive.files}
        except FileNotFoundError:
            continue  # another process merged it in this moment
        except (OSError, ValueError, zipfile.BadZipFile):
            remove(path)
    return found


def remove(path: Path) -> None:
    """Remove a batch; one that is gone or cannot be removed stays a miss."""
    with contextlib.suppress(OSError):
        path.unlink()
