"""``serve`` with its real processes: promotion and rollback under load, deaths, and a clean end."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import psutil
import pytest

from artpulse_core.agent.children import environment
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.settings import Settings
from artpulse_core.store import events
from tests.core.control.conftest import House
from tests.servers import ROOT, free_port
from tests.waiting import until

pytestmark = pytest.mark.extended
PROGRAM = (
    "import sys\n"
    "from artpulse_core import settings\n"
    "from artpulse_core.agent import logs, supervisor\n"
    "from artpulse_core.errors import ArtPulseError\n"
    "logs.setup()\n"
    "try:\n"
    "    sys.exit(supervisor.serve(settings.load()))\n"
    "except ArtPulseError as error:\n"
    "    sys.exit(error.exit_code)\n"
)
NOTHING: Mapping[str, str] = {}
ROW = {"hue_mean": 0.1, "sat_mean": 0.2, "val_mean": 0.3, "contrast": 0.4, "edges": 0.5}


class Serving:
    """A running ``serve``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        base = {"PYTHONPATH": str(ROOT)}
        self.log = (settings.run / "log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment(settings, base), cwd=ROOT, stderr=self.log
        )

    def ask(
        self, port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] = NOTHING
    ) -> tuple[int, Any]:
        """Status and JSON; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        try:
            data = None if body is None else orjson.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, orjson.loads(answer.read())
        except (OSError, http.client.HTTPException):  # nobody there, or gone in the middle of the answer
            return 0, None
        finally:
            connection.close()

    def ready(self) -> bool:
        """What the probe says."""
        return self.ask(self.settings.probe_port, "GET", "/ready")[0] == 200

    def predict(self) -> tuple[int, Any]:
        """One prediction."""
        return self.ask(self.settings.port, "POST", "/predict", ROW)

    def children(self, word: str = "") -> list[psutil.Process]:
        """Processes below the parent whose command has ``word``."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # dead, or dead and not yet waited for
                found += [child] * (word in " ".join(child.cmdline()))
        return found


@contextmanager
def served(settings: Settings, **more: Any) -> Iterator[Serving]:
    with TemporaryDirectory(prefix="ap-") as folder:
        update = {
            "run_dir": Path(folder),
            "port": free_port(),
            "probe_port": free_port(),
            "poll_seconds": 1.0,
        }
        serving = Serving(settings.model_copy(update=update | more))
        try:
            until(lambda: serving.ready() or serving.process.poll() is not None, 60)
            assert serving.process.poll() is None, (Path(folder) / "log").read_text()
            yield serving
        finally:
            if serving.process.poll() is None:
                serving.process.terminate()
            serving.process.wait(60)
            serving.log.close()


def test_flips_under_load_answer_every_request_and_the_end_loses_no_event(three: House) -> None:
    with served(three.settings) as serving:
        answers: list[tuple[int, Any]] = []
        done = threading.Event()

        def load() -> None:
            while not done.is_set():
                answers.append(serving.predict())

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        for flip, (version, expected) in enumerate(((3, 2), (2, 3), (3, 2), (2, 3), (3, 2))):
            begun = time.monotonic()
            three.promote(version, expected, override=True, reason=f"flip {flip}")
            control.call(serving.settings.socket, "notify", deadline=20)
            sequence = until(lambda: releases.read(serving.settings.run)).sequence
            until(
                lambda sequence=sequence: (
                    [worker.sequence for worker in releases.read_workers(serving.settings.run)]
                    == [sequence] * 2
                )
            )
            assert time.monotonic() - begun < 20
            assert serving.ready()
        begun = time.monotonic()
        three.rollback()
        control.call(serving.settings.socket, "notify", deadline=20)
        until(lambda: serving.predict()[1]["version"] == 2)
        assert time.monotonic() - begun < 20  # three seconds on a machine that does nothing else
        done.set()
        for thread in threads:
            thread.join()
        assert {status for status, _ in answers} == {200}
        by_version = {answer["version"]: set() for _, answer in answers}
        for _, answer in answers:
            by_version[answer["version"]].add(orjson.dumps(answer["probabilities"]))
        assert {version: len(kinds) for version, kinds in by_version.items()} == {2: 1, 3: 1}
    assert serving.process.returncode == 0
    assert events.count(three.db, "art_core5") >= len(answers)
    assert list((serving.settings.run).glob("*")) == []


def test_dead_children_come_back_and_nothing_outlives_a_killed_parent(three: House) -> None:
    with served(three.settings) as serving:
        (agent,) = serving.children("artpulse_core.agent.main")
        agent.kill()
        assert serving.predict()[0] == 200
        until(lambda: [child.pid for child in serving.children("agent.main")] not in ([], [agent.pid]), 20)
        three.promote(3, 2)
        until(lambda: serving.predict()[1]["version"] == 3, 30)
        worker = releases.read_workers(serving.settings.run)[0]
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: worker.pid not in [item.pid for item in releases.read_workers(serving.settings.run)])
        until(lambda: len(releases.read_workers(serving.settings.run)) == 2)
        below = serving.children()
        serving.process.kill()
        serving.process.wait()
        until(lambda: not any(child.is_running() and child.status() != "zombie" for child in below), 60)


def test_a_second_one_is_refused_and_a_cached_release_needs_no_registry(three: House) -> None:
    with served(three.settings) as serving:
        second = Serving(serving.settings.model_copy(update={"port": free_port(), "probe_port": free_port()}))
        assert second.process.wait(30) == 78
        second.log.close()
        serving.process.terminate()
        assert serving.process.wait(60) == 0
        away = serving.settings.model_copy(
            update={"mlflow_tracking_uri": "sqlite:////proc/nothing/mlflow.db"}
        )
        again = Serving(away)
        try:
            until(again.ready, 30)
            assert again.predict()[1]["version"] == 2
            until(lambda: again.ask(away.port, "GET", "/ready")[1]["degraded"] == ["registry"])
        finally:
            again.process.terminate()
            assert again.process.wait(60) == 0
            again.log.close()
