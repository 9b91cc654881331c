"""``artpulse demo``: the whole line once, with the real parts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import click

from artpulse_assets.demo import server as servers
from artpulse_assets.demo import story as stories
from artpulse_assets.instance import prepare
from artpulse_core import settings as settings_module
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
    except KeyboardInterrupt:
        click.echo("\nstopped")


def _demo(settings: Settings, *, once: bool) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are stopped too
    os.environ["ARTPULSE_HOME"] = str(settings.home)
    with contextlib.ExitStack() as stack:
        story = stories.Story(settings, click.echo)
        server = stories.tell(story, lambda: stack.enter_context(servers.running(settings)))
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
        server.process.wait()


@contextlib.contextmanager
def _dagster(settings: Settings) -> Iterator[int]:
    port = servers.free_port(UI_PORT)
    root = project_root()
    log = settings.home / "demo" / "dagster.log"
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-m",
        "artpulse_assets.definitions",
    ]
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
        # dagster dev leaves its children behind on SIGTERM: the whole group is ended
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
