"""The two chains over the change table: what each row said when it was opened, and how each row was closed.

Belongs here: pure functions over rows as mappings. Does not belong here: reading or writing a row (``changes``).
The first chain goes by sequence, the second by the order of closing; a row closes once, so both only ever grow.

What somebody who can write the database can do unseen, because the chains have no key: make both anew from any row
on, or cut rows off their end (only a head that was noted elsewhere shows either); append a row, whose actor is what
it says; open one that the next recovery completes. And what stands outside the table is in no chain: gate reports,
events, labels, the aliases and tags in MLflow (a digest is compared with the row that registered it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from artpulse_core.errors import ChangeRefused

FIRST = "0" * 64
HASHED = (
    "sequence",
    "model",
    "action",
    "expected",
    "target",
    "rollout",
    "actor",
    "reason",
    "verdict",
    "idempotency_key",
    "opened_at",
    "prev_hash",
)
SEALED = ("closing", "sequence", "hash", "state", "outcome", "closed_at")


class Head(NamedTuple):
    """The ends of both chains: the newest row and the seal of the newest closing; 0 and zeros when there is none."""

    sequence: int
    hash: str
    seal: str

    def __str__(self) -> str:
        """One word to note elsewhere: ``sequence:hash:seal``."""
        return f"{self.sequence}:{self.hash}:{self.seal}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The reverse of ``str``. Raises ``ChangeRefused`` for anything else."""
        sequence, _, rest = text.strip().partition(":")
        row, _, seal = rest.partition(":")
        if not (sequence.isdecimal() and _is_digest(row) and _is_digest(seal)):
            raise ChangeRefused("A head is written sequence:hash:seal, as `artpulse audit verify` prints it.")
        return cls(int(sequence), row, seal)


def digest(row: Mapping[str, Any]) -> str:
    """sha256 (hex) over the canonical JSON of what was known when the row was opened."""
    return _sha256({name: row[name] for name in HASHED})


def seal(previous: str, row: Mapping[str, Any]) -> str:
    """sha256 (hex) over the canonical JSON of the previous seal and how the row was closed."""
    return _sha256({"prev_seal": previous, **{name: row[name] for name in SEALED}})


def first_broken(rows: Iterable[Mapping[str, Any]], head: Head | None = None) -> int | None:
    """The lowest sequence that was altered, removed or inserted; None when both chains hold.

    ``rows`` are all rows by sequence. With ``head``, noted earlier, rows that were cut off the end are missed too.
    """
    rows = list(rows)
    places = [_opened(rows), _closed(rows)]
    if head is not None and head.sequence > len(rows):
        places.append(len(rows) + 1)
    elif head is not None and head.sequence and rows[head.sequence - 1]["hash"] != head.hash:
        places.append(head.sequence)
    elif head is not None and head.seal != FIRST and head.seal not in {row["seal"] for row in rows}:
        places.append(max((place for place, row in enumerate(rows, start=1) if row["seal"]), default=1))
    return min((place for place in places if place is not None), default=None)


def _opened(rows: list[Mapping[str, Any]]) -> int | None:
    expected, previous = 1, FIRST
    for row in rows:
        if row["sequence"] != expected or row["prev_hash"] != previous or row["hash"] != digest(row):
            return expected
        expected, previous = expected + 1, row["hash"]
    return None


def _closed(rows: list[Mapping[str, Any]]) -> int | None:
    closed = []
    # Places and not sequences: SQLite keeps any type in any column.
    for place, row in enumerate(rows, start=1):
        ended = (row["closing"], row["seal"], row["closed_at"])
        if any((item is None) != (row["state"] == "open") for item in ended):
            return place
        if row["state"] in ("open", "done") and row["outcome"] is not None:
            return place
        if isinstance(row["closing"], int):
            closed.append((row["closing"], place, row))
        elif row["closing"] is not None:
            return place
    previous = FIRST
    for expected, (closing, place, row) in enumerate(sorted(closed, key=lambda found: found[:2]), start=1):
        if closing != expected or row["seal"] != seal(previous, row):
            return place
        previous = row["seal"]
    return None


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _sha256(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=repr)).hexdigest()
