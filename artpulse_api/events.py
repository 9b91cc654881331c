"""One event line a predicted row, and one more for each slot that failed it or answered it in the shadow.

Belongs here: the lines' shape and appending them to this worker's spool. A line that cannot be written is counted
and never fails the answer. Does not belong here: shipping lines to the database (the agent does).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson

from artpulse_api.metrics import Metrics
from artpulse_api.seldom import Seldom
from artpulse_api.slots import Served, Service, SlotName
from artpulse_api.work import Result, Work, agree
from artpulse_core.exchange.spool import SpoolWriter

log = logging.getLogger("artpulse.api")
FAILED = "model_failed"
DISAGREES = "disagrees"
SHADOW = "shadow"


@dataclass(frozen=True)
class Asked:
    """What all lines of one request share."""

    request_id: str
    at: str
    routing: str
    caller: str


@dataclass(frozen=True)
class Row:
    """One row as an event; ``output`` is None where there was no answer, ``features`` where they are not told.

    ``mark`` makes the id of a second line for the same row. A ``blameless`` line is no slot's: the row was refused.
    """

    number: int
    content: str
    features: np.ndarray | None = None
    output: Mapping[str, Any] | None = None
    confidence: float | None = None
    warnings: Sequence[str] = ()
    status: Literal["ok", "error", "shadow"] = "ok"
    mark: str = ""
    blameless: bool = False


class EventLog:
    """Appends event lines; the spool file is opened with the first line, so after the fork."""

    def __init__(self, folder: Path, metrics: Metrics, *, with_features: bool) -> None:
        self._folder = folder
        self._metrics = metrics
        self._with_features = with_features
        self._lock = threading.Lock()
        self._seldom = Seldom()
        self._writer: SpoolWriter | None = None

    def write(
        self, asked: Asked, served: Served, name: SlotName, rows: Sequence[Row], *, latency_ms: float
    ) -> None:
        """One line a row about slot ``name``, loaded or not, all with one system call."""
        slot = served.slot(name)
        loaded = served.primary if name == "primary" else served.secondary
        common = {
            "at": asked.at,
            "request_id": asked.request_id,
            "problem": served.primary.problem,
            "model": served.released.model,
            "version": slot.version,
            "digest": slot.digest,
            "slot": name,
            "mode": served.released.mode,
            "latency_ms": latency_ms,
            "routing": asked.routing,
            "caller": asked.caller,
            "fingerprint": loaded.watched_fingerprint if loaded else None,
        }
        told = _telling(loaded) if loaded and self._with_features else None
        lines = b"".join([_line(common, row, told) for row in rows])
        try:
            self._spool().append(lines)
        except OSError as error:
            self._metrics.events_dropped(len(rows))
            if self._seldom.now("dropped"):
                log.error(
                    "%d event lines of request %s were not written: %s", len(rows), asked.request_id, error
                )

    def _spool(self) -> SpoolWriter:
        if self._writer is None:
            with self._lock:
                if self._writer is None:
                    self._writer = SpoolWriter(self._folder)
        return self._writer


def answered(work: Work, result: Result) -> list[Row]:
    """The lines of rows that a slot answered."""
    numbers = result.numbers
    return [
        Row(
            number,
            work.contents[place],
            numbers.watched[place],
            result.outputs[place],
            result.confidences[place] if result.confidences else None,
            numbers.warnings[place],
        )
        for place, number in enumerate(work.accepted)
    ]


def refused(work: Work) -> list[Row]:
    """The lines of rows that broke the contract, so that the log has a line for each row that was asked."""
    reasons: dict[int, list[str]] = {}
    for row, issue in work.issues:
        reasons.setdefault(row, []).append(f"{issue.code} {issue.pointer}")
    return [Row(row, "", warnings=texts, status="error", blameless=True) for row, texts in reasons.items()]


def failed(work: Work, *, mark: str = "", shadow: bool = False) -> list[Row]:
    """The lines of rows that a slot should have answered and did not."""
    return [
        Row(
            number,
            work.contents[place],
            warnings=(FAILED,),
            status="shadow" if shadow else "error",
            mark=mark,
        )
        for place, number in enumerate(work.accepted)
    ]


def shadowed(work: Work, result: Result, outputs: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The lines of what the secondary says to rows the primary answered with ``outputs``; features stand there."""
    return [
        Row(
            number,
            work.contents[place],
            output=result.outputs[place],
            confidence=result.confidences[place] if result.confidences else None,
            warnings=() if agree(outputs[place], result.outputs[place]) else (DISAGREES,),
            status="shadow",
            mark=SHADOW,
        )
        for place, number in enumerate(work.accepted)
    ]


def _telling(service: Service) -> Callable[[np.ndarray], dict[str, Any]]:
    """How a row's inputs are written: a row of fields as its caller wrote it, features by name."""
    contract, names = service.contract, service.predictor.bundle.manifest.watched
    if service.predictor.encoder is not None:
        return contract.shown
    # float32, as the model saw them: half the bytes, which counts for a picture's hundreds of numbers
    return lambda row: dict(zip(names, row.astype(np.float32), strict=True))


def _line(common: dict[str, Any], row: Row, told: Callable[[np.ndarray], dict[str, Any]] | None) -> bytes:
    features = told(row.features) if told is not None and row.features is not None else None
    event = {
        "id": f"{common['request_id']}:{row.number}{':' if row.mark else ''}{row.mark}",
        **common,
        "row": row.number,
        "status": row.status,
        "content": row.content,
        "features": features,
        "output": row.output,
        "confidence": row.confidence,
        "warnings": row.warnings,
    }
    if row.blameless:
        event["slot"] = None
    return orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
