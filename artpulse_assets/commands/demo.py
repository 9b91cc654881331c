"""``artpulse demo``: the whole line once, with the real parts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import click
from dagster import DagsterExecutionInterruptedError

from artpulse_assets.demo import server as servers
from artpulse_assets.demo import story as stories
from artpulse_assets.instance import prepare
from artpulse_core import settings as settings_module
from artpulse_core.agent.tether import tethered
from artpulse_core.errors import ArtPulseError, of_system
from artpulse_core.settings import Settings, project_root

UI_PORT = 3000


@click.command()
@click.option("--once", is_flag=True, help="Stop everything after the story instead of staying up.")
def demo(*, once: bool) -> None:
    """Pictures, training, serving, predictions, drift, retraining, promotion, rollback: all of it, once."""
    os.environ.pop("DATASET_DIR", None)  # the demonstration paints its own pictures
    try:
        _demo(settings_module.load(), once=once)
    except (ArtPulseError, OSError) as error:
        told = of_system(error) if isinstance(error, OSError) else error
        click.echo(f"artpulse: {told.message}", err=True)
        sys.exit(told.exit_code)
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):  # the second: a signal during a job
        click.echo("\nstopped")
        sys.exit(130)


def _demo(settings: Settings, *, once: bool) -> None:
    _stop_on_signals()
    servers.refuse_second(settings)
    os.environ["ARTPULSE_HOME"] = str(settings.home)
    with contextlib.ExitStack() as stack:
        story = stories.Story(settings, click.echo)
        server = stories.tell(story, lambda: stack.enter_context(servers.running(settings)))
        _stop_on_signals()
        click.echo(
            f"\nDone in {time.monotonic() - story.started:.0f} s. Everything made from these pictures says synthetic."
        )
        if once:
            return
        click.echo(f"\nAPI          {server.url}/docs\noperate key  {server.key}   (shown once)")
        if os.environ.get("DEMO_UI", "1") != "0":
            click.echo(
                f"Dagster UI   http://127.0.0.1:{stack.enter_context(_dagster(settings))}   (up in a moment)"
            )
        click.echo("\nCtrl-C stops everything.")
        code = server.process.wait()
        raise servers.ServerFailed(f"The server stopped with code {code}; see {server.log}.")


def _stop_on_signals() -> None:
    """SIGINT and SIGTERM end the command by way of every ``finally``, so that the children are stopped too.

    A shell starts ``demo &`` with SIGINT ignored, and every Dagster job leaves SIGTERM with the handler of SIGINT:
    both are set here, to the same function.
    """

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


@contextlib.contextmanager
def _dagster(settings: Settings) -> Iterator[int]:
    port = servers.free_port(UI_PORT)
    root = project_root()
    log = settings.home / "demo" / "dagster.log"
    workspace = root / "workspace.yaml"  # in a checkout: the same location name as plain `dagster dev` gives
    code = ("-w", str(workspace)) if workspace.exists() else ("-m", "artpulse_assets.definitions")
    # SIGINT also when the demonstration is killed: dagster dev leaves its children behind on SIGTERM
    command = tethered(
        *(sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port), *code),
        ending=signal.SIGINT,
    )
    environment = {**os.environ, "DAGSTER_HOME": str(prepare(settings))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
