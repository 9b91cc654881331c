"""How every command answers: text for people, or with ``--json`` one JSON document on standard output.

Belongs here: the decorator that adds ``--json``, loads the settings and maps errors to exit codes.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from artpulse_core import settings as settings_module
from artpulse_core.errors import ArtPulseError, of_system


@dataclass(frozen=True)
class Reply:
    """What a command says: ``document`` for programs, ``text`` for people, and the exit code.

    ``trouble`` are sentences for people about what could not be done, for standard error; ``then`` is what follows
    when all was told.
    """

    document: Any
    text: str
    exit_code: int = 0
    trouble: Sequence[str] = ()
    then: Callable[[], None] | None = None


def answering(function: Callable[..., Reply]) -> Callable[..., None]:
    """Make a command of a function that takes settings first and returns a ``Reply``."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @functools.wraps(function)
    def command(*, as_json: bool, **options: Any) -> None:
        try:
            reply = function(settings_module.load(), **options)
        except ArtPulseError as error:
            _fail(error, as_json=as_json)
        except BrokenPipeError:
            raise  # whoever read our output went away, which click knows how to end
        except OSError as error:
            _fail(of_system(error), as_json=as_json)
        if as_json or reply.text:
            click.echo(_json(reply.document) if as_json else reply.text)
        for line in () if as_json else reply.trouble:
            click.echo(f"artpulse: {line}", err=True)
        if reply.then:
            reply.then()
        if reply.exit_code:
            sys.exit(reply.exit_code)

    return command


def _fail(error: ArtPulseError, *, as_json: bool) -> NoReturn:
    issues = [issue.to_dict() for issue in error.issues]
    if as_json:
        click.echo(_json({"error": {"code": error.code, "message": error.message, "issues": issues}}))
    else:
        click.echo(f"artpulse: {error.message}", err=True)
        for issue in issues[1:] if issues and issues[0]["message"] in error.message else issues:
            click.echo(f"  {issue['pointer']}: {issue['message']}", err=True)
    sys.exit(error.exit_code)


def _json(document: Any) -> str:
    # ASCII with escapes: a file name that is no UTF-8 stays a surrogate escape, which orjson refuses to write
    return json.dumps(document, indent=2, default=str)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Aligned text columns with a head; an empty table says so."""
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    if not cells:
        return "(none)"
    widths = [max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(columns)]
    lines = [columns, *cells]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def actor() -> str:
    """Who is at the command line, for the change table."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without an account, as in a container
        return "cli"
