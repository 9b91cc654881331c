"""The server of the demonstration: ``artpulse serve`` as a child, and a small HTTP client for it.

Belongs here: starting, asking and stopping. Nothing of the API is imported.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artpulse_core.agent.alone import only_one
from artpulse_core.agent.supervisor import LOCK, serving
from artpulse_core.agent.tether import tethered
from artpulse_core.errors import ArtPulseError, SettingsError
from artpulse_core.exchange.release import read_workers
from artpulse_core.keys import new_key
from artpulse_core.settings import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 30.0


class ServerFailed(ArtPulseError):  # noqa: N818 - what happened to the server
    """The server of the demonstration did not come up or refused a request."""

    code = "server_failed"


@dataclass(frozen=True)
class Server:
    """A running server: its address, the one operate key, and the child process."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    log: Path
    run: Path
    workers: int

    def ask(self, path: str, body: Any = None, content_type: str = "application/json") -> dict[str, Any]:
        """GET ``path``, or POST ``body`` (JSON, or bytes of ``content_type``); raises ``ServerFailed``."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data)  # noqa: S310 - our own loopback address
        request.add_header("X-API-Key", self.key)
        if data is not None:
            request.add_header("Content-Type", content_type)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - see above
                document: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            raise ServerFailed(
                f"{path} answered {error.code}: {error.read().decode(errors='replace')[:300]}"
            ) from None
        except OSError as error:
            raise ServerFailed(f"{path} gave no answer ({error}); see {self.log}") from None
        return document

    def wait_for(self, problem: str, version: int, seconds: float = READY_SECONDS) -> float:
        """Wait until every worker answers for ``problem`` with ``version``; returns how long it took."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if self.process.poll() is not None:
                raise ServerFailed(f"The server stopped with code {self.process.returncode}; see {self.log}.")
            announced = serving(self.run) or {}  # by the child itself: the reports may be another server's
            served = [worker.problems.get(problem, {}).get("version") for worker in read_workers(self.run)]
            if announced.get("pid") == self.process.pid and served == [version] * self.workers:
                return time.monotonic() - started
            time.sleep(0.05)
        raise ServerFailed(
            f"{problem} version {version} was not served within {seconds:.0f} s; see {self.log}."
        )


def refuse_second(settings: Settings) -> None:
    """Raises ``SettingsError`` when this installation is being served already."""
    try:
        with only_one(settings.run / LOCK, "server"):
            return
    except SettingsError:
        url = (serving(settings.run) or {}).get("url")
        raise SettingsError(
            f"{settings.home} is being served already{f' at {url}' if url else ''}: stop that server, "
            "or set ARTPULSE_HOME to another folder."
        ) from None


def free_port(wanted: int) -> int:
    """``wanted`` if nothing listens there on loopback, else the next free one."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailed(f"No port between {wanted} and {wanted + 99} is free.")


@contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """``artpulse serve`` on loopback with one fresh operate key, stopped at the end."""
    key, entry = new_key()
    port = free_port(settings.port)
    probe = free_port(max(settings.probe_port, port + 1))
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if name not in ("DATASET_DIR", "ARTPULSE_API_KEY")
        },
        "ARTPULSE_HOME": str(settings.home),
        "ARTPULSE_RUN_DIR": str(settings.run),
        "ARTPULSE_HOST": "127.0.0.1",
        "ARTPULSE_PROBE_PORT": str(probe),
        "CONTROL_API_KEYS": entry,
        "PORT": str(port),
    }
    log = settings.home / "demo" / "serve.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = tethered(sys.executable, "-c", "from artpulse_core.cli import main; main()", "serve")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield Server(f"http://127.0.0.1:{port}", key, process, log, settings.run, settings.workers)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a child and what it started: politely, then by force."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
