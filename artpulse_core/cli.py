"""The command ``artpulse``: one lazy group, so that asking for help imports nothing heavy.

Belongs here: which command lives in which module, and what is said when its extra is not installed. The commands
stand in ``artpulse_core.commands``; those of the graph and the API are named by text, because core imports neither.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click

from artpulse_core.errors import MissingExtra


@dataclass(frozen=True)
class Entry:
    """Where a command is (``module:attribute``), the extra it needs, and its line in the help."""

    target: str
    help: str
    extra: str = ""


COMMANDS: Mapping[str, Entry] = {
    "demo": Entry(
        "artpulse_assets.commands.demo:demo",
        "Run the whole line once, from pictures to a rollback.",
        "pipeline",
    ),
    "doctor": Entry(
        "artpulse_core.commands.surroundings:doctor", "Look for what is missing or wrong, and say what to do."
    ),
    "data": Entry(
        "artpulse_core.commands.data:data",
        "Add a folder or a CSV of your own; check, find and generate data.",
    ),
    "images": Entry("artpulse_core.commands.data:images", "Judge picture files."),
    "features": Entry("artpulse_core.commands.data:show_features", "Print the features of pictures."),
    "train": Entry(
        "artpulse_assets.commands.lanes:train",
        "Train; the first model of a problem becomes champion.",
        "pipeline",
    ),
    "retrain": Entry(
        "artpulse_assets.commands.lanes:retrain", "Train a challenger and judge it.", "pipeline"
    ),
    "evaluate": Entry(
        "artpulse_assets.commands.evaluate:evaluate",
        "Measure a training on rows it has not seen.",
        "pipeline",
    ),
    "drift": Entry(
        "artpulse_assets.commands.lanes:drift",
        "Compare what is asked with what was learned from.",
        "pipeline",
    ),
    "serve": Entry("artpulse_core.commands.serve:serve", "Start the agent and the API.", "api"),
    "predict": Entry(
        "artpulse_core.commands.predict:predict", "Answer pictures or a row with the champion.", "api"
    ),
    "models": Entry(
        "artpulse_core.commands.models:models",
        "List, show, compare and verify registered models; freeze them.",
        "api",
    ),
    "promote": Entry("artpulse_core.commands.champion:promote", "Make a challenger the champion.", "api"),
    "rollback": Entry("artpulse_core.commands.champion:rollback", "Go back to the champion before.", "api"),
    "rollout": Entry(
        "artpulse_core.commands.rollouts:rollout",
        "Give a share of the requests to another version, step by step.",
        "api",
    ),
    "audit": Entry("artpulse_core.commands.audit:audit", "Show and check the record of changes.", "api"),
    "events": Entry("artpulse_core.commands.events:events", "Export and count predictions.", "api"),
    "status": Entry(
        "artpulse_core.commands.surroundings:status", "What is served where, since when, by whom.", "api"
    ),
    "keys": Entry("artpulse_core.commands.keys:keys", "Make and digest API keys."),
    "openapi": Entry("artpulse_api.commands:openapi", "Print the OpenAPI document.", "api"),
    "config": Entry("artpulse_core.commands.surroundings:config", "Show every setting."),
    "completion": Entry(
        "artpulse_core.commands.surroundings:completion", "Print what a shell needs to complete commands."
    ),
}


class LazyGroup(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or one sentence when its extra is not installed."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith("artpulse"):
                raise
            missing = MissingExtra(
                f"`artpulse {cmd_name}` needs the package {error.name}: pip install 'artpulse[{entry.extra}]'"
            )
            raise _Stop(missing.message) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without importing one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


class _Stop(click.ClickException):
    exit_code = MissingExtra.exit_code


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="artpulse")
def main() -> None:
    """From labelled pictures to a model that is served, watched and replaced under control."""
