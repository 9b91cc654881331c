"""How the demonstration ends: by a signal, with its children, and with a word when its server is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

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
