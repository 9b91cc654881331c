"""The document that answers rows and pictures.

Belongs here: its shape (``documents.Answer`` states it for OpenAPI). Does not belong here: what is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artpulse_api.slots import Served
from artpulse_api.work import Result, Work


def document(request_id: str, at: str, served: Served, work: Work, result: Result) -> dict[str, Any]:
    """The answer to ``work`` as plain data, in the order of its rows."""
    service, numbers = result.service, result.numbers
    answer = {
        "request_id": request_id,
        "problem": service.problem,
        "model": service.model,
        "version": service.slot.version,
        "mlflow_model_uri": service.uri,
        "rollout_mode": served.released.mode,
        "rollout_route": service.name,
        "synthetic": service.predictor.bundle.manifest.synthetic,
        "labels": _in_place(result.labels, work),
        "predictions": _in_place(result.predictions, work),
        "probabilities": _in_place(result.probabilities, work),
        "warnings": _sentences(work, numbers.warnings),
        **numbers.extra,
    }
    if work.issues:
        answer["errors"] = [{"row": row, **issue.to_dict()} for row, issue in work.issues]
    if work.flat and result.labels:
        answer |= {
            "label": result.labels[0],
            "confidence": result.confidences[0],
            "model_version": service.slot.version,
            "timestamp": at,
        }
    return answer


def _in_place(values: Sequence[Any], work: Work) -> Sequence[Any]:
    if len(values) == work.total:
        return values
    found: list[Any] = [None] * work.total
    for number, value in zip(work.accepted, values, strict=True):
        found[number] = value
    return found


def _sentences(work: Work, warnings: Sequence[Sequence[str]]) -> list[str]:
    if work.total == 1:
        return [sentence for row in warnings for sentence in row]
    return [
        f"Row {number}: {sentence}"
        for number, row in zip(work.accepted, warnings, strict=True)
        for sentence in row
    ]
