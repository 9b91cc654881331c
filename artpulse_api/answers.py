"""The document that answers rows and pictures.

Belongs here: its shape (``prediction_documents.Answer`` states it for OpenAPI). Does not belong here: what is answered.
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
        **(_values(work, result) if service.predictor.finish.regression else _labels(work, result)),
        "warnings": _sentences(work, numbers.warnings),
        **numbers.extra,
    }
    if work.issues:
        answer["errors"] = [{"row": row, **issue.to_dict()} for row, issue in work.issues]
    if result.reasons is not None:
        answer.update(result.reasons.answer)
    if work.flat and result.outputs:
        answer |= {**_single(answer, result), "model_version": service.slot.version, "timestamp": at}
    return answer


def _labels(work: Work, result: Result) -> dict[str, Any]:
    finish, prediction = result.service.predictor.finish, result.prediction
    places = [] if prediction.predictions is None else prediction.predictions.tolist()
    told: list[Any] = [output["probabilities"] for output in result.outputs]
    more: dict[str, Any] = {}
    if finish.positive is not None:
        positive = finish.labels[finish.positive]
        told = [shares[positive] for shares in told]
        more = {"positive_label": positive, "threshold": finish.threshold}
    if finish.unsure_below:
        unsure = [] if prediction.unsure is None else prediction.unsure.tolist()
        more |= {"unsure": _in_place(unsure, work), "unsure_below": finish.unsure_below}
    return {
        "labels": _in_place(result.labels, work),
        "predictions": _in_place(places, work),
        "probabilities": _in_place(told, work),
        **more,
    }


def _values(work: Work, result: Result) -> dict[str, Any]:
    level = result.service.predictor.finish.level
    intervals = [
        {"lower": output["lower"], "upper": output["upper"], "level": level} for output in result.outputs
    ]
    return {
        "values": _in_place([output["value"] for output in result.outputs], work),
        "unit": result.service.contract.target.unit,
        "intervals": _in_place(intervals, work),
    }


def _single(answer: dict[str, Any], result: Result) -> dict[str, Any]:
    """The one answer to a row sent without a list."""
    if result.labels:
        return {"label": result.labels[0], "confidence": result.confidences[0]}
    return {"prediction": answer["values"][0], "confidence_interval": answer["intervals"][0]}


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
