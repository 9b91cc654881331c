"""``artpulse events``: what was predicted, for other tools and as figures."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from artpulse_core.commands import exporting
from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.exporting import Form, form_option
from artpulse_core.commands.finding import database, resolve
from artpulse_core.commands.options import Moment
from artpulse_core.data import problems
from artpulse_core.exchange.backlog import backlog
from artpulse_core.settings import Settings
from artpulse_core.store import event_reports

FILE = "prediction_events"
COLUMNS = (
    "id", "at", "request_id", "row", "problem", "model", "version", "digest", "slot", "mode", "status", "latency_ms",
    "routing", "caller", "content", "fingerprint", "features", "output", "confidence", "warnings",
    "label", "labelled_at", "replaced",
)  # fmt: skip


@click.group()
def events() -> None:
    """Export and count the events of predictions."""


@events.command()
@click.argument("problem", required=False)
@click.option("--since", type=Moment(), help="The first time, or how long ago: 2026-03-01, 12h, 7d.")
@click.option("--until", type=Moment(), help="The time before which events are taken.")
@form_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Default: prediction_events.<format> in the problem's folder of artifacts, one a problem.",
)
@answering
def export(
    settings: Settings,
    *,
    problem: str | None,
    since: datetime | None,
    until: datetime | None,
    form: Form,
    output: Path | None,
) -> Reply:
    """Write the stored events of PROBLEM, or of all, with the truth that came for them. A file is written whole."""
    named = [resolve(settings, problem).name] if problem else [*problems.load(settings)]
    if output is not None:
        wanted = [(named[0] if problem else None, output)]
    else:
        wanted = [(name, settings.artifacts(name) / f"{FILE}.{form}") for name in named]
    db = database(settings)
    files = []
    for name, path in wanted:
        rows = event_reports.export(db, name, since=since, until=until)
        files.append(
            {"problem": name, "file": str(path), "events": exporting.write(path, rows, form, COLUMNS)}
        )
    return Reply({"files": files}, "\n".join(f"{item['events']} events in {item['file']}" for item in files))


@events.command()
@click.argument("problem", required=False)
@answering
def stats(settings: Settings, *, problem: str | None) -> Reply:
    """Count events by problem, version and slot, with their latency; and say what waits in this host's spool."""
    chosen = resolve(settings, problem).name if problem else None
    rows = event_reports.stats(database(settings), chosen)
    waiting = backlog(settings.run / "spool")
    columns = (
        "problem", "version", "slot", "n", "ok", "error", "shadow", "labelled", "first", "last", "p50_ms", "p95_ms",
    )  # fmt: skip
    short = [{**row, "first": row["first"][:19], "last": row["last"][:19]} for row in rows]
    spool = (
        f"spool of this host: {waiting.unshipped} lines ({waiting.unshipped_bytes} bytes) wait for the database; "
        f"{waiting.files} files, {waiting.bytes} bytes"
    )
    text = table(short, columns) if rows else "No event is stored yet."
    return Reply({"events": rows, "spool": asdict(waiting)}, f"{text}\n{spool}")
