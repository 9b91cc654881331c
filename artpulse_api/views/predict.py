"""POST /predict and POST /predict/<problem>: rows of numbers in, answers out."""

from __future__ import annotations

from flask import Response

from artpulse_api import explaining, rows
from artpulse_api.choosing import default_problem
from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import RequestRefused
from artpulse_api.predicting import NO_SLOT, content_hashes, find, respond
from artpulse_api.prediction_documents import Answer
from artpulse_api.serving import Call, Serving
from artpulse_api.views import reply
from artpulse_api.work import Numbers, Work
from artpulse_core.errors import ContractViolation


def predict(serving: Serving, call: Call) -> Response:
    """Answer rows with the model of the default problem."""
    return predict_problem(serving, call, default_problem(serving, call))


def predict_problem(serving: Serving, call: Call, problem: str) -> Response:
    """Answer rows with the model of ``problem``."""
    served = find(serving, call, problem)
    contract = served.primary.contract  # both slots have the same one
    if not contract.fields:
        message = f"{problem} answers pictures, not rows: POST one to /predict/{problem}/image."
        raise RequestRefused(422, "input_kind", message)
    explained = explaining.asked(call.request)
    body = rows.json_body(call.request)
    try:
        checked = rows.check(body, contract, partial=reply.flag(call.request, "partial"))
    except ContractViolation as violation:
        serving.metrics.prediction_error(problem, NO_SLOT, violation.code)
        raise
    if explained:
        explaining.few(len(checked.matrix))
    numbers = Numbers(checked.matrix, checked.warnings)
    work = Work(
        total=checked.total,
        flat=checked.flat,
        accepted=checked.accepted,
        contents=content_hashes(checked.matrix),
        numbers=lambda _: numbers,
        size=checked.matrix.nbytes,
        issues=checked.issues,
        explain=explaining.rows(checked.total, tuple(checked.accepted)) if explained else None,
    )
    return respond(serving, call, served, work)


_REFUSALS = (400, 401, 403, 404, 413, 415, 422, 503)
ENDPOINTS = (
    Endpoint(
        "POST",
        "/predict",
        predict,
        "Predict rows with the default problem",
        role="predict",
        body="rows",
        query=("partial", "explain"),
        answer=Answer,
        refusals=_REFUSALS,
    ),
    Endpoint(
        "POST",
        "/predict/<problem>",
        predict_problem,
        "Predict rows with a named problem",
        role="predict",
        body="rows",
        query=("partial", "explain"),
        answer=Answer,
        refusals=_REFUSALS,
    ),
)
