"""``serve`` with its real processes for tests: the parent, the agent and two workers on free ports.

Belongs here: starting it, asking it, looking at its processes, log and metrics, loading it, and ending it. Does not
belong here: what a test does to it.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import psutil

from artpulse_core.agent.children import environment
from artpulse_core.agent.status import collect
from artpulse_core.errors import AgentUnavailable
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.settings import Settings
from tests.servers import ROOT, free_port
from tests.waiting import until

PROGRAM = "from artpulse_core.cli import main; main(['serve'], prog_name='artpulse')"
NOTHING: Mapping[str, str] = {}
ROW = {"hue_mean": 0.1, "sat_mean": 0.2, "val_mean": 0.3, "contrast": 0.4, "edges": 0.5}


class Serving:
    """A running ``serve``; ``more`` are further variables of its environment."""

    def __init__(
        self, settings: Settings, more: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        """``log`` takes what it says; by default a file in the home."""
        self.settings = settings
        self.log_file = log or settings.home / f"serve-{settings.port}.log"
        base = {"PYTHONPATH": str(ROOT), **(more or {})}
        self.log = self.log_file.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment(settings, base), cwd=ROOT, stderr=self.log
        )

    def ask(
        self, port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] = NOTHING
    ) -> tuple[int, Any]:
        """Status and JSON; status 0 when nobody answers."""
        status, text = self._ask(port, method, path, body, headers)
        return status, None if text is None else orjson.loads(text)

    def _ask(
        self, port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] = NOTHING
    ) -> tuple[int, bytes | None]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        try:
            data = None if body is None else orjson.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):  # nobody there, or gone in the middle of the answer
            return 0, None
        finally:
            connection.close()

    def ready(self) -> bool:
        """What the probe says."""
        return self.ask(self.settings.probe_port, "GET", "/ready")[0] == 200

    def predict(self, row: Mapping[str, float] | None = None) -> tuple[int, Any]:
        """One prediction."""
        return self.ask(self.settings.port, "POST", "/predict", row or ROW)

    def versions(self, asked: int = 6) -> set[int]:
        """The versions that answer; every one of the questions must be answered."""
        answers = [self.predict() for _ in range(asked)]
        assert {status for status, _ in answers} == {200}
        return {body["version"] for _, body in answers}

    def notify(self) -> None:
        """Have the agent look at the registry now."""
        assert control.call(self.settings.socket, "notify", deadline=40)["polled"]

    def status(self) -> dict[str, Any]:
        """What ``artpulse status`` shows."""
        return collect(self.settings)

    def well(self, **parts: bool) -> bool:
        """Whether the agent answers and says of ``registry`` and ``database`` what ``parts`` say."""
        try:
            said = control.call(self.settings.socket, "status", deadline=1.0)["status"]
        except AgentUnavailable:
            return False
        return all(said[name]["ok"] is wanted for name, wanted in parts.items())

    def metric(self, name: str, words: str = "") -> float:
        """The sum of the series of ``name`` whose line has ``words``."""
        text = (self._ask(self.settings.probe_port, "GET", "/metrics")[1] or b"").decode()
        lines = [line for line in text.splitlines() if re.match(rf"{name}[ {{]", line) and words in line]
        return sum(float(line.split()[-1]) for line in lines)

    def lines(self, words: str) -> list[str]:
        """The lines of the log that have ``words``."""
        return [line for line in self.log_file.read_text(errors="replace").splitlines() if words in line]

    def pids(self) -> set[int]:
        """The workers that have reported and live."""
        return {worker.pid for worker in releases.read_workers(self.settings.run)}

    def whole(self, version: int, workers: int = 2) -> bool:
        """Whether that many workers say that they serve ``version``."""
        found = [worker.problems.get("art_core5", {}) for worker in releases.read_workers(self.settings.run)]
        return [item.get("version") for item in found] == [version] * workers

    def children(self, word: str = "") -> list[psutil.Process]:
        """Processes below the parent whose command has ``word``."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # dead, or dead and not yet waited for
                found += [child] * (word in " ".join(child.cmdline()))
        return found

    def agent(self) -> psutil.Process:
        """The agent's process."""
        return until(lambda: self.children("artpulse_core.agent.main"))[0]

    def begun(self, seconds: float = 60) -> None:
        """Wait until the probe says ready."""
        until(lambda: self.ready() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.log_file.read_text()

    def end(self) -> int:
        """Ask it to end, wait, and return the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        finally:
            self.log.close()


def placed(settings: Settings, run: Path) -> Settings:
    """``settings`` for one ``serve`` in ``run``, on free ports, with quick polls."""
    update = {"run_dir": run, "port": free_port(), "probe_port": free_port(), "poll_seconds": 1.0}
    return settings.model_copy(update=update)


@contextmanager
def started(settings: Settings, more: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """``serve`` started, ready or not; ended afterwards."""
    serving = Serving(settings, more)
    try:
        yield serving
    finally:
        serving.end()


@contextmanager
def served(settings: Settings, **more: Any) -> Iterator[Serving]:
    """``serve`` in a run folder of its own, ready; ``more`` are further settings."""
    with (
        TemporaryDirectory(prefix="ap-") as folder,
        started(placed(settings, Path(folder)).model_copy(update=more)) as serving,
    ):
        serving.begun()
        yield serving


class Load:
    """Clients that never stop asking; ``acknowledged`` are the request ids that got their answer."""

    def __init__(self, serving: Serving, clients: int = 2, pause: float = 0.0) -> None:
        """``pause`` are seconds each client waits between two questions."""
        self._pause = pause
        self.acknowledged: list[str] = []
        self.statuses: list[int] = []
        self.versions: list[int] = []
        self._serving = serving
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            status, body = self._serving.predict()
            self.statuses.append(status)
            if status == 200:
                self.acknowledged.append(body["request_id"])
                self.versions.append(body["version"])
            self._stop.wait(self._pause)

    def more(self, answers: int) -> None:
        """Wait for so many further answers."""
        mark = len(self.acknowledged)
        until(lambda: len(self.acknowledged) > mark + answers, 60)

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def load_on(serving: Serving, clients: int = 2, pause: float = 0.0) -> Iterator[Load]:
    """``Load`` that ends with the block."""
    load = Load(serving, clients, pause)
    try:
        yield load
    finally:
        load.end()
