"""Training of the tables beside the story, in a process of its own: the other core of two would idle.

Belongs here: starting, waiting for and ending that process. Does not belong here: what is told of it (``story``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from artpulse_assets.demo.server import ServerFailed, stop
from artpulse_core.agent.tether import tethered
from artpulse_core.settings import Settings

CODE = """
import sys
from artpulse_core.cli import main
for name in sys.argv[1:]:
    main(["train", "--problem", name], standalone_mode=False)
"""


@dataclass(frozen=True)
class Beside:
    """The process that trains, and where it says what it does."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait(self) -> None:
        """Wait for its end; raises ``ServerFailed`` with its last line when a training failed."""
        if self.process.wait():
            last = (self.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
            raise ServerFailed(f"The training of the tables failed: {last} See {self.log}.")


@contextmanager
def training(settings: Settings, names: Sequence[str]) -> Iterator[Beside]:
    """Train the problems ``names`` one after the other; ended with the block, and when this process dies."""
    log = settings.home / "demo" / "tables.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "ARTPULSE_HOME": str(settings.home)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            tethered(sys.executable, "-c", CODE, *names),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Beside(process, log)
    finally:
        stop(process)
