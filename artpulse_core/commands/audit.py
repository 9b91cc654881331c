"""``artpulse audit``: the record of what was changed, by whom and why, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from artpulse_core.commands import exporting
from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.exporting import Form, form_option
from artpulse_core.commands.finding import database, resolve
from artpulse_core.commands.options import Moment
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.chain import Head
from artpulse_core.store.clock import stamp

COLUMNS = (
    "sequence", "model", "action", "expected", "target", "rollout", "actor", "reason", "verdict", "idempotency_key",
    "state", "outcome", "opened_at", "closed_at", "closing", "prev_hash", "hash", "seal",
)  # fmt: skip


@click.group()
def audit() -> None:
    """Show, check and export the table of changes."""


@audit.command()
@click.argument("problem", required=False)
@click.option("-n", "--lines", "count", type=click.IntRange(min=1), default=20, show_default=True)
@answering
def tail(settings: Settings, *, problem: str | None, count: int) -> Reply:
    """Show the newest changes of PROBLEM, or of all, the newest last."""
    model = resolve(settings, problem).model if problem else None
    rows = [row.to_dict() for row in changes.history(database(settings), model, count)][::-1]
    return Reply({"changes": rows}, rows_of(rows, "model") if rows else "Nothing was changed yet.")


def rows_of(rows: Iterable[Mapping[str, Any]], *more: str) -> str:
    """Changes (as plain data) as a table for people, in the order given."""
    short = [
        {
            **row,
            "opened_at": row["opened_at"][:19],
            "what": _what(row["action"], row["rollout"] or {}),
            "from": row["expected"],
            "to": row["target"],
        }
        for row in rows
    ]
    return table(
        short, ("sequence", "opened_at", *more, "what", "from", "to", "state", "actor", "reason", "outcome")
    )


@audit.command()
@click.option(
    "--head", "noted", help="A head that was noted elsewhere: also finds rows cut off the end since."
)
@answering
def verify(settings: Settings, *, noted: str | None) -> Reply:
    """Check both chains of the table: what was opened and how it was closed. Prints the head to note elsewhere."""
    expected = None if noted is None else Head.parse(noted)
    db = database(settings)
    head = changes.head(db)
    broken = changes.verify_chain(db, expected)
    document = {
        "whole": broken is None, "broken": broken, "changes": head.sequence, "head": str(head), "noted": noted,
    }  # fmt: skip
    if broken is not None:
        text = (
            f"Change {broken} is the first that was altered, removed or inserted, and not by ArtPulse. "
            "Keep a copy of the database as it is, and compare it with an export or a backup."
        )
        return Reply(document, text, 65)
    since = f" and go on from change {expected.sequence} as noted" if expected else ""
    return Reply(
        document,
        f"{head.sequence} changes: both chains are whole{since}.\nhead {head}\n"
        "Note the head where nobody who can write the database can; give it back with --head.",
    )


@audit.command()
@click.argument("problem", required=False)
@click.option("--since", type=Moment(), help="The first time, or how long ago: 2026-03-01, 12h, 7d.")
@form_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file, written whole. Default: standard output.",
)
@answering
def export(
    settings: Settings, *, problem: str | None, since: datetime | None, form: Form, output: Path | None
) -> Reply:
    """Every column of the changes of PROBLEM, or of all, oldest first."""
    model = resolve(settings, problem).model if problem else None
    db = database(settings)
    first = stamp(since) if since else ""
    rows = [row.to_dict() for row in changes.history(db, model)[::-1] if row.opened_at >= first]
    if output is not None:
        written = exporting.write(output, rows, form, COLUMNS)
        document = {"file": str(output), "changes": written, "head": str(changes.head(db))}
        return Reply(document, f"{written} changes in {output}")
    text = b"".join(exporting.lines(rows, form, COLUMNS)).decode().removesuffix("\n")
    return Reply({"changes": rows, "head": str(changes.head(db))}, text)


def _what(action: str, document: Mapping[str, Any]) -> str:
    """The action in the words of the command that makes it."""
    if action == "freeze" and document.get("frozen") is False:
        return "lift"
    do = (document.get("asked") or {}).get("do")
    if action != "rollout" or not do:
        return action
    ended = document.get("outcome")
    if ended:
        return f"rollout {ended}"
    percent = document.get("percent")
    return f"rollout {do}" if percent is None else f"rollout {do} at {percent:g} %"
