"""``artpulse serve``: the parent of the agent and the API."""

from __future__ import annotations

import sys

import click

from artpulse_core import settings as settings_module
from artpulse_core.errors import ArtPulseError, of_system
from artpulse_core.keys import new_key


@click.command()
@click.option("--port", type=int, help="Port of the API. Default: PORT, else 8000.")
@click.option("--workers", type=int, help="Request workers. Default: ARTPULSE_WORKERS, else 2.")
@click.option(
    "--new-key", "with_key", is_flag=True, help="Make one operate key, print it once, and require keys."
)
def serve(*, port: int | None, workers: int | None, with_key: bool) -> None:
    """Start the agent and the API and keep them running until SIGTERM or Ctrl-C."""
    from artpulse_core.agent import logs
    from artpulse_core.agent.supervisor import serve as supervise

    logs.setup()
    try:
        settings = settings_module.load(port=port, workers=workers)
        said = ""
        if with_key:
            key, entry = new_key()
            said = f"operate key (shown once): {key}"
            settings = settings_module.load(
                port=port, workers=workers, control_api_keys=",".join([*settings.secrets()["operate"], entry])
            )
        # a key is shown when it opens something: not before the API listens
        sys.exit(supervise(settings, listening=lambda: click.echo(said, nl=bool(said))))
    except (ArtPulseError, OSError) as error:
        told = of_system(error) if isinstance(error, OSError) else error
        click.echo(f"artpulse: {told.message}", err=True)
        sys.exit(told.exit_code)
