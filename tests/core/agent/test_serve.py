"""``serve`` with its real processes: promotion and rollback under load, deaths, and a clean end."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import orjson
import pytest

from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.store import events
from tests.core.control.conftest import House
from tests.servers import free_port
from tests.serving import Serving, served
from tests.waiting import until

pytestmark = pytest.mark.extended


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
