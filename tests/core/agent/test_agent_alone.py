"""An agent whose surroundings hang, and agents on several hosts; with real servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest

from artpulse_core.agent import listen as listening
from artpulse_core.agent import logs
from artpulse_core.agent import main as program
from artpulse_core.agent.children import environment
from artpulse_core.agent.status import collect
from artpulse_core.control import traffic
from artpulse_core.errors import StoreError
from artpulse_core.exchange import control
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.spool import SpoolWriter
from artpulse_core.settings import Settings
from artpulse_core.store import events, hosts
from artpulse_core.store.database import Database
from tests.core.agent.test_agent import running, status, version
from tests.core.control.conftest import MODEL, NOW, YES, House, opened_house
from tests.core.store.test_events import line
from tests.databases import postgres
from tests.servers import ROOT
from tests.waiting import until


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word; yields its URL."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in kept:
            connection.close()


def test_a_registry_that_hangs_stops_no_event_and_is_named_when_its_time_is_up(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with silent() as url:
        hung = three.settings.model_copy(update={"mlflow_tracking_uri": url})
        with running(hung) as settings:
            until(lambda: status(settings)["registry"]["asked_at"])
            writer = SpoolWriter(settings.run / "spool")
            writer.append(orjson.dumps(line(1)) + b"\n")
            until(lambda: events.count(three.db, "art_core5") == 1)
            assert status(settings)["registry"]["ok"] is None
            until(lambda: status(settings)["registry"]["ok"] is False, 20)
            assert status(settings)["registry"]["asked_at"] is None
            writer.close()


def test_an_abort_reaches_the_workers_file_while_the_registry_hangs(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    said = {"actor": "ann", "reason": "r", "now": NOW}
    traffic.start(
        three.db, three.registry, MODEL, 3, mode="canary", percent=50, expected=2, verdict=YES, **said
    )
    with running(three.settings) as settings:
        control.call(settings.socket, "notify", deadline=30)
        release = releases.read(settings.run)
        assert release is not None and release.problems["art_core5"].secondary is not None
        published = (settings.run / "release.json").read_bytes()
        bundles = [path.name for path in (settings.run / "bundles").iterdir()]
        assert len(bundles) == 2
    with silent() as url:
        hung = three.settings.model_copy(update={"mlflow_tracking_uri": url})
        with running(hung, {"release.json": published}) as settings:
            until(lambda: status(settings)["registry"]["asked_at"])
            begun = time.monotonic()
            traffic.abort(three.db, three.registry, MODEL, **said)
            until(
                lambda: (
                    (found := releases.read(settings.run)) and found.problems["art_core5"].mode == "single"
                )
            )
            assert time.monotonic() - begun < 10
            assert status(settings)["registry"]["ok"] is None
            until(lambda: status(settings)["release"]["sequence"] == 2)


def test_a_listener_tries_again_after_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()
    calls: list[str] = []

    class Away:
        dialect = "postgresql"

        def listen(self, channel: str, heard: object, _stopped: object) -> None:
            calls.append(channel)
            if len(calls) == 4:
                stopped.set()
            raise StoreError("away")

    monkeypatch.setattr(listening, "FIRST_PAUSE", 0.01)
    db: Database = Away()  # type: ignore[assignment]  # the one method that is used
    listening.listen(db, lambda: None, stopped, lambda: 1.0)
    assert calls == ["artpulse_changes"] * 4


@pytest.mark.extended
def test_a_change_on_one_host_reaches_the_others_within_two_seconds(
    mlflow_home: Settings, tmp_path: Path
) -> None:
    with postgres() as url:
        house = opened_house(mlflow_home.model_copy(update={"database_url": url}), tmp_path)
        for seed in range(3):
            house.register(seed)
        house.promote(1, None)
        with running(house.settings) as one, running(house.settings) as two:
            until(lambda: version(one) == version(two) == 1)
            until(lambda: len(hosts.recent(house.db, NOW)) == 2)
            shown = collect(one)
            assert [other["run"] for other in shown["others"]] == [str(two.run)]
            taken = []
            for target, expected in ((2, 1), (3, 2), (2, 3), (3, 2)):
                house.promote(target, expected, override=True)
                begun = time.monotonic()
                until(lambda target=target: version(one) == version(two) == target)
                taken.append(time.monotonic() - begun)
            house.rollback()
            begun = time.monotonic()
            until(lambda: version(one) == version(two) != 3)
            taken.append(time.monotonic() - begun)
            assert max(taken) < 5, taken  # the first brings and tries a bundle
            assert max(taken[2:]) < 2, taken
            until(
                lambda: collect(one)["others"][0]["problems"]["art_core5"]["slots"]["primary"]["version"] != 3
            )
        assert hosts.recent(house.db, NOW) == []
        house.db.dispose()


@pytest.mark.extended
def test_an_agent_told_to_stop_during_its_imports_ships_and_ends_well(three: House) -> None:
    with TemporaryDirectory(prefix="ap-") as folder:
        settings = three.settings.model_copy(update={"run_dir": Path(folder)})
        writer = SpoolWriter(settings.run / "spool")
        writer.append(orjson.dumps(line(1)) + b"\n")
        writer.close()
        command = [sys.executable, "-m", "artpulse_core.agent.main"]
        base = {"PYTHONPATH": str(ROOT)}
        agent = subprocess.Popen(
            command, env=environment(settings, base), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        until(lambda: catches(agent.pid, signal.SIGTERM))
        os.kill(agent.pid, signal.SIGTERM)
        _, said = agent.communicate(timeout=60)
        assert agent.returncode == 0, said
        assert "Traceback" not in said
        assert "agent started" not in said
        assert events.count(three.db, "art_core5") == 1


def test_a_run_folder_that_cannot_be_used_is_one_sentence_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ARTPULSE_RUN_DIR", str(tmp_path / "file" / "run"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(logs, "setup", lambda: None)
    assert program.main() == 73
    monkeypatch.setenv("ARTPULSE_RUN_DIR", str(tmp_path / ("x" * 120)))
    assert program.main() == 78


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal."""
    text = Path(f"/proc/{pid}/status").read_text()
    (mask,) = [row.split()[1] for row in text.splitlines() if row.startswith("SigCgt")]
    return bool(int(mask, 16) >> (number - 1) & 1)
