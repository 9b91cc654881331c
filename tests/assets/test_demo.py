"""How the demonstration ends: by a signal, with its children, and with a word when its server is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from artpulse_assets.demo import server as servers
from artpulse_core import settings as settings_module
from artpulse_core.agent.alone import only_one
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import WorkerStatus
from tests.homes import Home
from tests.servers import ROOT
from tests.waiting import until

# The command with a story that ends at once and children that sleep; a job leaves the handlers as Dagster does.
PROGRAM = """
import sys, time
from artpulse_assets.commands import demo as command
from artpulse_assets.demo import server as servers, story as stories
from dagster._utils.interrupts import capture_interrupts, raise_interrupts_as
from dagster import DagsterExecutionInterruptedError

servers.tethered = lambda *_: REAL(sys.executable, "-c", "import time; time.sleep(120)")
REAL = command.tethered

def tell(story, server_for):
    with capture_interrupts():
        pass
    server = server_for()
    print(server.process.pid, flush=True)
    if "job" in sys.argv:
        with capture_interrupts(), raise_interrupts_as(DagsterExecutionInterruptedError):
            time.sleep(120)
    return server

stories.tell = tell
command.demo([], standalone_mode=False)
"""


def start(home: Path, *words: str) -> tuple[subprocess.Popen[str], int]:
    """The command as ``demo &`` starts it, with SIGINT ignored, and the process id of its server."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "ARTPULSE_HOME": str(home),
        "DEMO_UI": "0",
    }
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return process, int(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["job", "up"])
def test_a_signal_ends_the_demonstration_and_its_server(
    tmp_path: Path, number: signal.Signals, where: str
) -> None:
    process, server = start(tmp_path, where)
    if where == "up":
        assert process.stdout is not None
        until(lambda: "Ctrl-C" in process.stdout.readline(), 20)
    else:
        until(lambda: psutil.Process(server).cmdline()[1:2] == ["-c"])
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (130, 143)
    assert "Traceback" not in err
    assert not psutil.pid_exists(server)


def test_a_killed_demonstration_leaves_no_server(tmp_path: Path) -> None:
    process, server = start(tmp_path, "up")
    until(lambda: psutil.Process(server).cmdline()[1:2] == ["-c"])
    process.kill()
    process.communicate(timeout=30)
    until(lambda: not psutil.pid_exists(server) or psutil.Process(server).status() == "zombie", 20)


def test_the_end_of_the_server_is_told_and_is_a_failure(tmp_path: Path) -> None:
    process, server = start(tmp_path, "up")
    os.kill(server, signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == servers.ServerFailed.exit_code != 0
    assert "The server stopped with code -9; see" in err


def test_a_home_that_is_served_already_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    settings.run.mkdir()
    announced = {"pid": os.getpid(), "url": "http://127.0.0.1:8123"}
    (settings.run / "serve.json").write_text(json.dumps(announced))
    with only_one(settings.run / "serve.lock", "server"):
        code, out, err = Home(tmp_path).run("demo", "--once")
    assert (code, out) == (78, "")
    assert err == (
        f"artpulse: {tmp_path} is being served already at http://127.0.0.1:8123: stop that server, "
        "or set ARTPULSE_HOME to another folder.\n"
    )


def test_the_reports_of_another_server_are_not_trusted(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path)
    (settings.run / "workers").mkdir(parents=True)
    status = WorkerStatus(os.getpid(), 1, "t", {"art_core5": {"version": 1}}, {})
    releases.write_worker(settings.run, status)
    with subprocess.Popen(["sleep", "60"]) as child:
        server = servers.Server("http://127.0.0.1:9", "", child, tmp_path / "log", settings.run, 1)
        with pytest.raises(servers.ServerFailed, match="was not served"):
            server.wait_for("art_core5", 1, 0.2)
        (settings.run / "serve.json").write_text(json.dumps({"pid": child.pid}))
        assert server.wait_for("art_core5", 1, 5) < 5
        child.kill()
        child.wait()
        with pytest.raises(servers.ServerFailed, match="stopped with code -9"):
            server.wait_for("art_core5", 1, 5)
