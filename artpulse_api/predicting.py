"""From checked numbers to an answer and its event lines; rows and pictures meet here.

Belongs here: which problem and slot answers, the call of the model, the answer's shape, counting, and the event.
Does not belong here: reading bodies (``rows``, ``pictures``), or the line's format (``events``).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from flask import Response

from artpulse_api.errors import RequestRefused
from artpulse_api.events import Row
from artpulse_api.live import Served, Service, Snapshot
from artpulse_api.serving import Call, Serving
from artpulse_core.errors import BundleError, Issue, ProblemError

JSON = "application/json"


@dataclass(frozen=True)
class Work:
    """What is to be answered: ``matrix`` rows are the ``accepted`` ones of ``total``; ``extra`` joins the answer."""

    total: int
    flat: bool
    matrix: np.ndarray
    accepted: Sequence[int]
    contents: Sequence[str]
    warnings: Sequence[Sequence[str]]
    issues: Sequence[tuple[int, Issue]] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def find(serving: Serving, problem: str) -> Served:
    """The slots of ``problem``; raises ``ProblemError`` (404) or ``RequestRefused`` (503) saying what to do."""
    snapshot = serving.live.current
    served = snapshot.problems.get(problem)
    if served is not None:
        return served
    if problem in serving.declared or problem in snapshot.released:
        raise RequestRefused(503, "model_missing", _missing(problem, snapshot), headers={"Retry-After": "5"})
    names = ", ".join(sorted(snapshot.problems)) or "none yet"
    raise ProblemError(f"No problem is called {problem[:60]!r}. Served are: {names}.")


def _missing(problem: str, snapshot: Snapshot) -> str:
    if problem in snapshot.failures:
        return f"The released model of {problem} could not be loaded; `artpulse status` says why."
    return (
        f"No model of {problem} is served yet. Train one with `artpulse train --problem {problem}` "
        "and promote it with `artpulse promote`."
    )


def routing_hash(call: Call, served: Served, content: str) -> str:
    """What decides the slot: the caller's X-Routing-Key, else the content, salted by the release; 16 hex digits."""
    key = call.request.environ.get("HTTP_X_ROUTING_KEY") or content
    return hashlib.sha256(f"{served.released.salt}:{key}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def content_hashes(matrix: np.ndarray) -> list[str]:
    """sha256 (hex) of each row's float64 values: equal rows have equal content."""
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in matrix]


def respond(
    serving: Serving, call: Call, work: Work, *, served: Served, service: Service, routing: str
) -> Response:
    """Run the model, answer, and append one event line a row."""
    started = time.perf_counter()
    probabilities, predictions = _predict(serving, service, work.matrix)
    seconds = time.perf_counter() - started
    labels = service.contract.target.labels
    answered = [labels[index] for index in predictions]
    confidences = [row[index] for row, index in zip(probabilities, predictions, strict=True)]
    now = datetime.fromtimestamp(serving.clock(), UTC).isoformat(timespec="milliseconds")
    spread = [dict(zip(labels, row, strict=True)) for row in probabilities]
    document = _document(call, served, service)
    document |= {
        "labels": _in_place(answered, work),
        "predictions": _in_place(predictions, work),
        "probabilities": _in_place(spread, work),
        "warnings": _sentences(work),
        **work.extra,
    }
    if work.issues:
        document["errors"] = [{"row": row, **issue.to_dict()} for row, issue in work.issues]
    if work.flat and answered:
        document |= {
            "label": answered[0],
            "confidence": confidences[0],
            "model_version": service.slot.version,
            "timestamp": now,
        }
    slot = service.name
    serving.metrics.predicted(
        service.problem,
        str(service.slot.version),
        slot,
        labels=answered,
        confidences=confidences,
        seconds=seconds,
    )
    rows = [
        Row(
            number,
            work.contents[place],
            work.matrix[place],
            {"label": answered[place], "probabilities": spread[place]},
            confidences[place],
            work.warnings[place],
        )
        for place, number in enumerate(work.accepted)
    ]
    serving.events.write(
        service,
        [*rows, *_refused(serving, service, work)],
        request_id=call.id,
        at=now,
        mode=served.released.mode,
        routing=routing,
        caller=call.caller.id,
        latency_ms=round((time.perf_counter() - call.started) * 1000, 3),
    )
    headers = {"X-Model-Version": str(service.slot.version), "X-Rollout-Slot": slot}
    return Response(orjson.dumps(document), headers=headers, content_type=JSON)


def _predict(serving: Serving, service: Service, matrix: np.ndarray) -> tuple[list[list[float]], list[int]]:
    if not len(matrix):
        return [], []
    try:
        prediction = service.predictor.predict(matrix)
    except BundleError as error:
        serving.metrics.prediction_error(service.problem, service.name, error.code, len(matrix))
        raise
    return prediction.probabilities.tolist(), prediction.predictions.tolist()


def _document(call: Call, served: Served, service: Service) -> dict[str, Any]:
    return {
        "request_id": call.id,
        "problem": service.problem,
        "model": service.model,
        "version": service.slot.version,
        "mlflow_model_uri": service.uri,
        "rollout_mode": served.released.mode,
        "rollout_route": service.name,
        "synthetic": service.predictor.bundle.manifest.synthetic,
    }


def _in_place(values: Sequence[Any], work: Work) -> Sequence[Any]:
    if len(values) == work.total:
        return values
    found: list[Any] = [None] * work.total
    for number, value in zip(work.accepted, values, strict=True):
        found[number] = value
    return found


def _sentences(work: Work) -> list[str]:
    if work.total == 1:
        return [sentence for row in work.warnings for sentence in row]
    return [
        f"Row {number}: {sentence}"
        for number, row in zip(work.accepted, work.warnings, strict=True)
        for sentence in row
    ]


def _refused(serving: Serving, service: Service, work: Work) -> list[Row]:
    """Event rows of what was refused, so that the log has a line for each row that was asked."""
    if not work.issues:
        return []
    reasons: dict[int, list[str]] = {}
    for row, issue in work.issues:
        reasons.setdefault(row, []).append(f"{issue.code} {issue.pointer}")
    serving.metrics.prediction_error(service.problem, service.name, "contract_violation", len(reasons))
    return [Row(row, "", None, None, None, texts) for row, texts in reasons.items()]
