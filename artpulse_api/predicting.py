"""From checked rows to an answer and its event lines; rows and pictures meet here.

Belongs here: which problem and slot answers, what happens when a slot fails, counting, and the events. Does not
belong here: reading bodies (``rows``, ``pictures``), the answer's shape (``answers``), or the lines' (``events``).
"""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import UTC, datetime

import numpy as np
import orjson
from flask import Response

from artpulse_api import answers, events
from artpulse_api.errors import RequestRefused
from artpulse_api.events import Asked
from artpulse_api.serving import Call, Serving
from artpulse_api.shadow import Job
from artpulse_api.slots import Served, SlotName, Snapshot
from artpulse_api.work import Result, Work, ask
from artpulse_core.errors import ArtPulseError, ImageRefused, ProblemError

log = logging.getLogger("artpulse.api")
JSON = "application/json"
NO_SLOT = "none"  # the slot in a metric where the request was refused before a model was asked


def find(serving: Serving, call: Call, problem: str) -> Served:
    """The slots of ``problem``; raises ``ProblemError`` (404) or ``RequestRefused`` (503) saying what to do."""
    snapshot = call.snapshot
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


def routing_hash(key: str, salt: str) -> str:
    """What decides the slot: the routing key salted by the release; 16 hex digits."""
    return hashlib.sha256(f"{salt}:{key}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def content_hashes(matrix: np.ndarray) -> list[str]:
    """sha256 (hex) of each row's float64 values: equal rows have equal content."""
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in matrix]


def respond(serving: Serving, call: Call, served: Served, work: Work) -> Response:
    """Ask the slot the request belongs to, and the primary where that one fails; answer, count, append the events.

    The routing key is the caller's X-Routing-Key, else the content.
    """
    key = call.request.environ.get("HTTP_X_ROUTING_KEY") or "".join(work.contents)
    at = datetime.fromtimestamp(serving.clock(), UTC).isoformat(timespec="milliseconds")
    asked = Asked(call.id, at, routing_hash(key, served.released.salt), call.caller.id)
    result = _ask(serving, served, work, asked)
    service = result.service
    metrics = serving.metrics
    document = answers.document(call.id, at, served, work, result)
    metrics.predicted(
        service.problem,
        str(service.slot.version),
        service.name,
        labels=result.labels,
        confidences=result.confidences,
        rows=len(result.outputs),
        seconds=result.seconds,
    )
    rows = events.answered(work, result)
    if work.issues:
        refused = events.refused(work)
        metrics.prediction_error(service.problem, NO_SLOT, "contract_violation", len(refused))
        rows += refused
    begun = call.started if result.reasons is None else call.started + result.reasons.seconds
    serving.events.write(asked, served, service.name, rows, latency_ms=_milliseconds(begun))
    headers = {"X-Model-Version": str(service.slot.version), "X-Rollout-Slot": service.name}
    response = Response(orjson.dumps(document), headers=headers, content_type=JSON)
    if served.released.mode == "shadow" and work.accepted:
        job = Job.of(served, work, asked, result)
        response.call_on_close(lambda: serving.shadow.offer(job))  # when the answer has left
    return response


def _ask(serving: Serving, served: Served, work: Work, asked: Asked) -> Result:
    """The result of the slot that is asked, else of the primary; raises what the primary raises."""
    slot = served.choose(asked.routing)
    if served.percent:
        serving.metrics.routed(served.primary.problem, slot)
    if slot == "secondary":
        try:
            return _of(serving, served, slot, work, asked, mark=slot)
        except (ImageRefused, RequestRefused):
            raise
        except Exception:  # noqa: BLE001 - whatever a new model does, the old one answers; it is told in _of
            slot = "primary"
    return _of(serving, served, slot, work, asked)


def _of(
    serving: Serving, served: Served, slot: SlotName, work: Work, asked: Asked, *, mark: str = ""
) -> Result:
    begun = time.perf_counter()
    problem = served.primary.problem
    try:
        result = ask(served.service(slot), work)
        return result if work.explain is None else work.explain(result)
    except (ImageRefused, RequestRefused) as refusal:
        serving.metrics.prediction_error(problem, NO_SLOT, refusal.reason)
        raise
    except Exception as error:
        code = error.code if isinstance(error, ArtPulseError) else events.FAILED
        serving.metrics.prediction_error(problem, slot, code, len(work.accepted))
        rows = events.failed(work, mark=mark)
        serving.events.write(asked, served, slot, rows, latency_ms=_milliseconds(begun))
        if slot == "secondary" and serving.seldom.now((problem, slot)):
            version = served.slot(slot).version
            log.error("version %d of %s fails, the primary answers for it: %s", version, problem, error)
        raise


def _milliseconds(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 3)
