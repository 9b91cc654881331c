"""SIGKILL for a worker, the agent, gunicorn, the parent and everything: what serves comes back, the same version."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from artpulse_core.errors import AgentUnavailable
from artpulse_core.exchange import control
from artpulse_core.settings import Settings
from tests.core.control.conftest import House
from tests.serving import Serving, load_on, placed, served, started
from tests.waiting import until

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def host(shared: House) -> Iterator[Settings]:
    """Where ``serve`` runs, again and again."""
    with TemporaryDirectory(prefix="ap-") as folder:
        yield placed(shared.settings, Path(folder))


@pytest.fixture(scope="module")
def running(host: Settings) -> Iterator[list[Serving]]:
    """The ``serve`` that runs, once one was started."""
    last: list[Serving] = []
    yield last
    for serving in last:
        serving.end()


@pytest.fixture
def serving(host: Settings, running: list[Serving]) -> Serving:
    """``serve`` on that host, in order: the one that runs, or a new one that starts from the disk."""
    if not running or running[0].process.poll() is not None:
        for dead in running:
            dead.end()
        running[:] = [Serving(host)]
        running[0].begun()
    until(lambda: running[0].well(registry=True, database=True), 60)
    return running[0]


def stored(house: House) -> list[str]:
    """The request ids in the table, as often as they stand there."""
    with sqlite3.connect(house.settings.home / "artpulse.db") as connection:
        return [str(row[0]) for row in connection.execute("SELECT request_id FROM events")]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(item.is_running() and item.status() != psutil.STATUS_ZOMBIE for item in processes)


@pytest.mark.fault(
    "a worker killed", "the other answers, a new one comes with the same version, its events are stored"
)
def test_worker(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    last = serving.predict()[1]["request_id"]
    before = serving.pids()
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(serving.pids()) == 2 and min(before) not in serving.pids(), 60)
    assert serving.versions() == {2}
    until(lambda: last in stored(shared))
    seen("two workers again, version 2")


@pytest.mark.fault("the agent killed", "answers go on; a new agent takes up what was promoted meanwhile")
def test_agent(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    agent = serving.agent()
    agent.kill()
    assert serving.versions() == {2}
    shared.promote(3, 2)
    until(lambda: serving.whole(3), 60)
    assert serving.agent().pid != agent.pid
    assert len(serving.lines("child died")) >= 1
    shared.rollback()
    serving.notify()
    until(lambda: serving.whole(2))
    seen("version 2 answers, then the promoted version 3")


@pytest.mark.fault(
    "the agent frozen", "answers go on, whoever asks it gets an answer in time, and it goes on after"
)
def test_agent_frozen(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    agent = serving.agent()
    agent.suspend()
    try:
        begun = time.monotonic()
        with pytest.raises(AgentUnavailable):
            control.call(serving.settings.socket, "notify", deadline=1.0)
        shown = serving.status()
        assert time.monotonic() - begun < 10
        assert not shown["agent"]
        assert shown["problems"]["art_core5"]["slots"]["primary"]["version"] == 2
        assert serving.versions() == {2}
        last = serving.predict()[1]["request_id"]
    finally:
        agent.resume()
    until(lambda: last in stored(shared))
    seen("version 2 answers; status: agent away, from the files; later every event stored")


@pytest.mark.fault("the gunicorn master killed", "its workers end, a new one answers with the same version")
def test_master(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    (master,) = [item for item in serving.children("gunicorn") if item.ppid() == serving.process.pid]
    below = master.children(recursive=True)
    with load_on(serving, pause=0.01) as load:
        load.more(20)
        master.kill()
        until(lambda: gone(below), 60)
        until(lambda: serving.whole(2) and serving.pids().isdisjoint({item.pid for item in below}), 60)
        load.more(20)
    assert set(load.statuses) <= {200, 0, 503}
    assert set(load.versions) == {2}
    until(lambda: set(load.acknowledged) <= set(stored(shared)))
    found = stored(shared)
    assert len(found) == len(set(found))
    seen("version 2 again; every acknowledged event stored once")


@pytest.mark.fault(
    "the parent killed", "nothing outlives it: agent and workers end by themselves, their events are stored"
)
def test_parent(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    last = serving.predict()[1]["request_id"]
    below = serving.children()
    serving.process.kill()
    serving.process.wait()
    until(lambda: gone(below), 60)
    assert last in stored(shared)
    seen("every child ended, the last event stored")


@pytest.mark.fault(
    "everything killed at once, then a start without a registry",
    "ready from the disk, the same version, no event lost",
)
def test_everything(shared: House, host: Settings, serving: Serving, seen: Callable[[str], None]) -> None:
    shared.promote(3, 2, override=True)  # another test may have rejected it
    until(lambda: serving.whole(3), 60)
    with load_on(serving, pause=0.005) as load:
        load.more(50)
        for process in [*serving.children(), psutil.Process(serving.process.pid)]:
            process.kill()
        serving.process.wait()
    away = host.model_copy(update={"mlflow_tracking_uri": "sqlite:////proc/nothing/mlflow.db"})
    with started(away) as again:
        again.begun()
        assert again.versions() == {3}
        until(lambda: again.well(registry=False, database=True), 60)
        until(lambda: set(load.acknowledged) <= set(stored(shared)))
    found = stored(shared)
    assert len(found) == len(set(found))
    shared.rollback()
    seen("version 3 from the disk; every acknowledged event stored once")


@pytest.mark.fault(
    "workers and agents killed under load, again and again",
    "0 acknowledged events lost, 0 stored twice, only answers that died with their worker are missing",
)
def test_kills_under_load(three: House, kills: int, seen: Callable[[str], None]) -> None:
    chance = random.Random(20261121)
    with served(three.settings) as serving:
        until(lambda: serving.well(registry=True, database=True))
        workers = agents = 0
        with load_on(serving, clients=3) as load:
            while workers + agents < kills:
                if (workers + agents) % 4 == 3 and serving.children("artpulse_core.agent.main"):
                    serving.children("artpulse_core.agent.main")[0].kill()
                    agents += 1
                else:
                    victim = chance.choice(sorted(until(serving.pids, 60)))
                    os.kill(victim, signal.SIGKILL)
                    until(lambda victim=victim: victim not in serving.pids(), 60)
                    workers += 1
                load.more(chance.randrange(5, 60))
            until(lambda: len(serving.pids()) == 2, 60)
            load.more(20)
        assert set(load.statuses) <= {200, 0}  # 0: the connection died with its worker
        until(lambda: serving.well(database=True), 90)
        last = serving.predict()[1]["request_id"]
        until(lambda: last in stored(three))
        left = set(load.acknowledged) - set(stored(three))
        spool = {path.name: path.read_text(errors="replace") for path in serving.settings.run.glob("spool/*")}
        assert left == set(), {name: [item for item in left if item in text] for name, text in spool.items()}
        assert serving.end() == 0
    found = stored(three)
    lost = set(load.acknowledged) - set(found)
    unanswered = load.statuses.count(0)
    assert lost == set()
    assert len(found) == len(set(found))
    assert len(found) - len(load.acknowledged) - 1 <= unanswered  # written, but the answer died
    assert unanswered <= workers * 2 * 3  # two threads a worker and what waited on its connections
    seen(f"{kills} SIGKILLs ({agents} of agents), {len(load.acknowledged)} answers: 0 events lost, 0 twice")
