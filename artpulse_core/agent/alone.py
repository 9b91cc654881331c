"""One process of a kind in a run folder: a lock that dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from artpulse_core.errors import SettingsError


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold ``path`` as the only process of its kind; raises ``SettingsError`` when another one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"Another {what} works in {path.parent}; stop it, or set ARTPULSE_RUN_DIR to another folder."
            ) from None
        yield
