"""Rows for other tools: JSON lines or CSV, one row at a time.

Belongs here: the two forms. What the rows are is the business of the command that exports them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click
import orjson

from artpulse_core.exchange.files import writing_whole

Form = Literal["jsonl", "csv"]
form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="JSON lines, or CSV with what is nested as JSON.",
)


def lines(rows: Iterable[Mapping[str, Any]], form: Form, columns: Sequence[str]) -> Iterator[bytes]:
    """Each row as one line of bytes with its end; CSV begins with a line of ``columns`` and holds these only."""
    if form == "jsonl":
        for row in rows:
            yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE, default=str)
        return
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for cells in _cells(rows, columns):
        writer.writerow(cells)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def write(path: Path, rows: Iterable[Mapping[str, Any]], form: Form, columns: Sequence[str]) -> int:
    """Write the file whole, without holding it in memory; returns the number of rows. Raises ``OSError``."""
    count = 0 if form == "jsonl" else -1  # the head of a CSV is no row
    with writing_whole(path) as handle:
        for line in lines(rows, form, columns):
            handle.write(line)
            count += 1
    return count


def _cells(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    yield columns
    for row in rows:
        yield [
            orjson.dumps(value).decode() if isinstance(value := row.get(name), dict | list) else value
            for name in columns
        ]
