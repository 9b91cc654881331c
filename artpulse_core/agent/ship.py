"""Spool → database: event lines are stored once and only then acknowledged.

Belongs here: that one way. While the database is away lines stay in the spool; a line the database can never
take goes to ``events.refused``, so that it neither blocks the others nor is lost.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from artpulse_core.exchange import spool
from artpulse_core.store import events
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
REFUSED = "events.refused"


@dataclass(frozen=True)
class Shipped:
    """Lines of one pass: ``stored`` are new, ``refused`` the database can never take, ``bad`` were torn."""

    stored: int = 0
    refused: int = 0
    bad: int = 0


def ship(db: Database, folder: Path, answered: Callable[[], None] = lambda: None) -> Shipped:
    """Store all that is in the spool now, calling ``answered`` whenever the database has taken a batch.

    Raises ``StoreError`` for the database and ``OSError`` for the spool; nothing is lost then.
    """
    stored = refused = bad = 0
    if not folder.is_dir():
        return Shipped()
    while batches := list(spool.read(folder)):
        for batch in batches:
            new, wrong = _store(db, list(batch.lines))
            answered()
            if wrong:
                _set_aside(folder / REFUSED, wrong)
            spool.acknowledge(folder, batch)
            stored, refused, bad = stored + new, refused + len(wrong), bad + batch.bad
            if batch.bad:
                log.warning("torn event lines", extra={"fields": {"file": batch.file, "lines": batch.bad}})
    spool.sweep(folder)
    return Shipped(stored, refused, bad)


def _store(db: Database, lines: list[dict[str, Any]]) -> tuple[int, list[tuple[dict[str, Any], str]]]:
    try:
        return events.insert(db, lines), []
    except ValueError:
        pass  # one of them is at fault; the others must not wait for it
    stored = 0
    wrong = []
    for line in lines:
        try:
            stored += events.insert(db, [line])
        except ValueError as error:
            wrong.append((line, str(error)))
    return stored, wrong


def _set_aside(path: Path, wrong: list[tuple[dict[str, Any], str]]) -> None:
    data = b"".join(orjson.dumps({"reason": reason, "line": line}) + b"\n" for line, reason in wrong)
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o640)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
    log.error("events refused", extra={"fields": {"lines": len(wrong), "reason": wrong[0][1]}})
