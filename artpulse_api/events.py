"""One event line a predicted row.

Belongs here: the line's shape and appending it to this worker's spool. A line that cannot be written is counted and
never fails the answer. Does not belong here: shipping lines to the database (the agent does).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from artpulse_api.live import Service
from artpulse_api.metrics import Metrics
from artpulse_core.exchange.spool import SpoolWriter

log = logging.getLogger("artpulse.api")


@dataclass(frozen=True)
class Row:
    """One row of an answer as an event: ``features`` in the manifest's order, None where the row was refused."""

    number: int
    content: str
    features: np.ndarray | None
    output: dict[str, Any] | None
    confidence: float | None
    warnings: Sequence[str] = ()


class EventLog:
    """Appends event lines; the spool file is opened with the first line, so after the fork."""

    def __init__(self, folder: Path, metrics: Metrics, *, with_features: bool) -> None:
        self._folder = folder
        self._metrics = metrics
        self._with_features = with_features
        self._lock = threading.Lock()
        self._writer: SpoolWriter | None = None

    def write(
        self,
        service: Service,
        rows: Sequence[Row],
        *,
        request_id: str,
        at: str,
        mode: str,
        routing: str,
        caller: str,
        latency_ms: float,
    ) -> None:
        """One line a row, all with one system call."""
        manifest = service.predictor.bundle.manifest
        common = {
            "at": at,
            "request_id": request_id,
            "problem": service.problem,
            "model": service.model,
            "version": service.slot.version,
            "digest": service.slot.digest,
            "slot": service.name,
            "mode": mode,
            "latency_ms": latency_ms,
            "routing": routing,
            "caller": caller,
            "fingerprint": manifest.fingerprint,
        }
        names = manifest.feature_names if self._with_features else None
        lines = b"".join([_line(common, row, names) for row in rows])
        try:
            self._spool().append(lines)
        except OSError as error:
            self._metrics.events_dropped(len(rows))
            log.error("%d event lines of request %s were not written: %s", len(rows), request_id, error)

    def _spool(self) -> SpoolWriter:
        if self._writer is None:
            with self._lock:
                if self._writer is None:
                    self._writer = SpoolWriter(self._folder)
        return self._writer


def _line(common: dict[str, Any], row: Row, names: Sequence[str] | None) -> bytes:
    features = None
    if names is not None and row.features is not None:
        # float32, as the model saw them: half the bytes, which counts for a picture's hundreds of numbers
        features = dict(zip(names, row.features.astype(np.float32), strict=True))
    event = {
        "id": f"{common['request_id']}:{row.number}",
        **common,
        "row": row.number,
        "status": "error" if row.output is None else "ok",
        "content": row.content,
        "features": features,
        "output": row.output,
        "confidence": row.confidence,
        "warnings": row.warnings,
    }
    return orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
