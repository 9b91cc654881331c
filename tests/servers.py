"""A real gunicorn for tests and benchmarks: started on a free port, polled until it answers, stopped for sure."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Server:
    """A running server; ``seconds_to_ready`` from the start of the process to the first ready answer."""

    process: subprocess.Popen[bytes]
    port: int
    run: Path
    seconds_to_ready: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of one GET on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=self.headers | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gunicorn(home: Path, *, wait: bool = True, **environment: str) -> Iterator[Server]:
    """The API on ``home`` as `artpulse serve` starts it, without the agent."""
    port = free_port()
    env = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "ARTPULSE_HOME": str(home),
        "PORT": str(port),
        **environment,
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "python:artpulse_api.gunicorn_conf",
        "artpulse_api.wsgi:app",
    ]
    begun = time.perf_counter()
    with (home / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    server = Server(process, port, home / "run")
    try:
        if wait:
            wait_ready(server, begun)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def wait_ready(server: Server, begun: float, *, seconds: float = 20) -> None:
    """Poll /ready; raises ``RuntimeError`` with the server's log when it never answers 200."""
    while time.perf_counter() - begun < seconds and server.process.poll() is None:
        try:
            if server.get("/ready")[0] == 200:
                server.seconds_to_ready = time.perf_counter() - begun
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise RuntimeError((server.run.parent / "gunicorn.log").read_text())
