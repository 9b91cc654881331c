"""``artpulse keys``: making and digesting API keys."""

from __future__ import annotations

import sys

import click

from artpulse_core.commands.answer import Reply, answering
from artpulse_core.errors import SettingsError
from artpulse_core.keys import hash_key, new_key
from artpulse_core.settings import Settings


@click.group()
def keys() -> None:
    """Make and digest API keys."""


@keys.command()
@answering
def new(_settings: Settings) -> Reply:
    """Make a key; it is shown once. Configure the entry, hand out the key."""
    key, entry = new_key()
    return Reply(
        {"key": key, "entry": entry},
        f"key    {key}\nentry  {entry}\nPut the entry into API_KEYS, VIEWER_API_KEYS or CONTROL_API_KEYS; the key is not kept.",
    )


@keys.command(name="hash")
@answering
def digest(_settings: Settings) -> Reply:
    """Read a key from standard input and print the entry to configure."""
    key = sys.stdin.readline().strip()
    if not key:  # its digest would let in whoever sends an empty header
        raise SettingsError("There is no key on standard input; write one line, or use `artpulse keys new`.")
    entry = hash_key(key)
    return Reply({"entry": entry}, entry)
