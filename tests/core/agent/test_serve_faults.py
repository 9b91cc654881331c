"""``serve`` while things break: processes killed under load, artifacts altered, databases away, the disk full."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artpulse_core.agent.status import collect
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from tests.core.agent.test_serve import Serving, served
from tests.core.control.conftest import House
from tests.databases import whole_file
from tests.require import require
from tests.servers import free_port
from tests.waiting import until

pytestmark = pytest.mark.extended


class Load:
    """Clients that never stop asking; ``acknowledged`` are the request ids that got their answer."""

    def __init__(self, serving: Serving, clients: int = 2) -> None:
        self.acknowledged: list[str] = []
        self.statuses: list[int] = []
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

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def load_on(serving: Serving) -> Iterator[Load]:
    load = Load(serving)
    try:
        yield load
    finally:
        load.end()


def stored(three: House) -> list[str]:
    """The request ids in the table, as often as they stand there."""
    with sqlite3.connect(three.settings.home / "artpulse.db") as connection:
        rows = connection.execute("SELECT request_id FROM events").fetchall()
    return [str(row[0]) for row in rows]


def pids(serving: Serving) -> set[int]:
    return {worker.pid for worker in releases.read_workers(serving.settings.run)}


def lines(serving: Serving, words: str) -> list[str]:
    return [line for line in (serving.settings.run / "log").read_text().splitlines() if words in line]


def test_workers_and_agents_killed_under_load_lose_no_acknowledged_event_and_store_none_twice(
    three: House,
) -> None:
    with served(three.settings) as serving:
        with load_on(serving) as load:
            for _ in range(3):
                until(lambda: collect(serving.settings)["agent"])
                before = pids(serving)
                os.kill(min(before), signal.SIGKILL)
                (agent,) = serving.children("artpulse_core.agent.main")
                agent.kill()
                until(lambda before=before: len(pids(serving)) == 2 and pids(serving) != before)
                mark = len(load.acknowledged)
                until(lambda mark=mark: len(load.acknowledged) > mark + 20)
            until(lambda: collect(serving.settings)["agent"])
        assert set(load.statuses) <= {200, 0}  # 0: the connection died with its worker
        assert load.statuses.count(0) <= 3 * 2 * 2
        serving.process.terminate()
        assert serving.process.wait(60) == 0
    found = stored(three)
    assert len(found) == len(set(found))
    assert set(load.acknowledged) <= set(found)
    assert len(found) - len(load.acknowledged) <= load.statuses.count(0)  # written, but the answer died


def test_an_artifact_altered_after_its_registration_is_refused_by_name_and_the_old_model_answers(
    house: House,
) -> None:
    assert house.register(seed=1) == 1
    known = set((house.settings.home / "mlartifacts").rglob("bundle/model.onnx"))
    house.promote(1, None)
    assert house.register(seed=2) == 2
    (graph,) = set((house.settings.home / "mlartifacts").rglob("bundle/model.onnx")) - known
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    with served(house.settings) as serving:
        house.promote(2, 1)
        control.call(serving.settings.socket, "notify", deadline=30)
        shown = collect(serving.settings)
        assert shown["failures"]["art_core5"]["version"] == 2
        assert "model.onnx does not have the digest" in shown["failures"]["art_core5"]["message"]
        assert shown["problems"]["art_core5"]["slots"]["primary"]["version"] == 1
        assert [serving.predict()[1]["version"] for _ in range(4)] == [1] * 4
        (line,) = lines(serving, "champion refused")
        assert "model.onnx" in line and '"version":2' in line.replace(" ", "")
        until(lambda: refused_metric(serving) == 1.0)
        house.rollback()
        control.call(serving.settings.socket, "notify", deadline=30)
        until(lambda: refused_metric(serving) == 0.0)
        assert collect(serving.settings)["failures"] == {}


def refused_metric(serving: Serving) -> float:
    import urllib.request

    with urllib.request.urlopen(
        f"http://127.0.0.1:{serving.settings.probe_port}/metrics", timeout=10
    ) as answer:
        text = answer.read().decode()
    found = [
        line
        for line in text.splitlines()
        if line.startswith("artpulse_champion_refused{") and "art_core5" in line
    ]
    return max((float(line.split()[-1]) for line in found), default=0.0)


def test_databases_that_are_spoilt_locked_or_put_back_stop_no_answer_and_are_taken_up_again(
    three: House,
) -> None:
    home = three.settings.home
    mlflow, table = home / "mlflow.db", home / "artpulse.db"
    with served(three.settings) as serving:

        def well(registry: bool, database: bool) -> bool:
            found = collect(serving.settings)
            return found["agent"] and (found["registry"]["ok"], found["database"]["ok"]) == (
                registry,
                database,
            )

        until(lambda: well(True, True))
        whole_file(mlflow)
        good = mlflow.read_bytes()
        mlflow.write_bytes(b"no database" * 1000)
        holder = sqlite3.connect(table, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with load_on(serving) as load:
            until(lambda: well(False, False))
            mark = len(load.statuses)
            until(lambda: len(load.statuses) > mark + 20)
            mlflow.write_bytes(good)
            holder.execute("ROLLBACK")
            holder.close()
            until(lambda: well(True, True))
            # Put back from a copy, as after a restore: other files of the same names.
            three.db.dispose()
            with three.db.lock("restore"):
                for path in (mlflow, table):
                    whole_file(path)
                    shutil.copy(path, path.with_suffix(".copy"))
                    path.with_suffix(".copy").replace(path)
            mark = len(load.statuses)
            until(lambda: len(load.statuses) > mark + 20)
        assert set(load.statuses) == {200}
        after = serving.predict()[1]["request_id"]
        until(lambda: after in stored(three))
        house = House(three.settings, three.db, type(three.registry)(three.settings), three.folder)
        house.promote(3, 2)
        until(lambda: serving.predict()[1]["version"] == 3)
    found = stored(three)
    assert len(found) == len(set(found))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of sixteen megabytes, mounted."""
    place = Path(os.path.realpath(tmp_path)) / "d"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        require("the right to mount a small disk", "run it as root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_stops_no_answer_and_every_lost_event_is_counted(three: House, small_disk: Path) -> None:
    update = {"run_dir": small_disk, "port": free_port(), "probe_port": free_port(), "poll_seconds": 1.0}
    serving = Serving(three.settings.model_copy(update=update))
    try:
        until(serving.ready, 60)
        assert serving.predict()[0] == 200
        before = pids(serving)
        with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
        # Other labels, routes and refusals: new series of the metrics, which live in files on this disk too.
        seen = []
        for place in range(300):
            seen.append(serving.predict()[0])
            if place % 10 == 0:
                serving.ask(serving.settings.port, "POST", "/predict", {"nobody": place})
                serving.ask(serving.settings.port, "GET", "/model/info")
        assert set(seen) == {200}
        assert pids(serving) == before
        lost = dropped(serving)
        assert lost > 0
        (small_disk / "filler").unlink()
        time.sleep(0.2)
        status, body = serving.predict()
        assert status == 200
        until(lambda: body["request_id"] in stored(three))
        assert dropped(serving) == lost
    finally:
        serving.process.terminate()
        assert serving.process.wait(60) == 0
        serving.log.close()
    assert len(set(stored(three))) + lost == 302


def dropped(serving: Serving) -> int:
    import urllib.request

    with urllib.request.urlopen(
        f"http://127.0.0.1:{serving.settings.probe_port}/metrics", timeout=10
    ) as answer:
        text = answer.read().decode()
    return sum(
        int(float(line.split()[-1]))
        for line in text.splitlines()
        if line.startswith("artpulse_events_dropped_total")
    )
