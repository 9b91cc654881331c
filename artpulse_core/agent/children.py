"""The children of the supervisor: started, watched, started again, stopped.

Belongs here: one child process and its back-off, and settings as an environment. Does not belong here: which
children there are.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from artpulse_core.agent.tether import tethered
from artpulse_core.settings import Settings, variables

log = logging.getLogger(__name__)
FIRST_PAUSE = 0.5
LAST_PAUSE = 30.0
STEADY_SECONDS = 60.0


class Child:
    """One program that is kept running. Use it from the main thread: the tether is to the thread that starts it."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = tethered(*command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._again_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C at the terminal reaches the parent alone."""
        self._process = subprocess.Popen(self._command, env=self._environment, start_new_session=True)
        self._started = time.monotonic()

    def watch(self) -> int | None:
        """Start it again, after a pause, if it died; returns the exit code at the moment a death is found."""
        if self._process is None:
            if time.monotonic() >= self._again_at:
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        if time.monotonic() - self._started > STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        self._process = None
        self._again_at = time.monotonic() + self._pause
        log.error(
            "child died",
            extra={"fields": {"child": self.name, "exit": code, "again_in_seconds": self._pause}},
        )
        self._pause = min(self._pause * 2, LAST_PAUSE)
        return code

    def stop(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL to its whole session after ``seconds``."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.error("child killed", extra={"fields": {"child": self.name, "after_seconds": seconds}})
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """``base`` with every variable of ``settings``, so that a child reads the same settings."""
    names = variables()
    known = {name: value for name, value in base.items() if name not in names}
    given = {env: _text(getattr(settings, field)) for env, field in names.items()}
    return {**known, **{env: text for env, text in given.items() if text is not None}}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(_text(part) or "" for part in value)
    return str(value)
