"""OpenAPI 3.1 from the endpoint declarations and the contracts of the models in service.

Belongs here: turning those records into the document; its examples are rows and pictures the served models answer.
Does not belong here: a route or a field of its own, so the document cannot say what the server does not do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from artpulse_api import openapi_bodies
from artpulse_api.documents import Problem
from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import MEDIA_TYPE
from artpulse_api.openapi_bodies import REF
from artpulse_api.slots import Service, Snapshot
from artpulse_api.views.feedback import Feedback
from artpulse_core.model.reasons import MAX_ROWS

VERSION = "3.1.0"
REQUEST_ID = {"description": "The id of this request.", "schema": {"type": "string"}}
PREDICTION_HEADERS = {
    "X-Model-Version": {"description": "The version that answered.", "schema": {"type": "string"}},
    "X-Rollout-Slot": {"description": "The slot that answered.", "schema": {"type": "string"}},
}
BODIES = ("rows", "picture")
NUMBERS = {
    "limit": ("How many changes; 50 unless told.", 100),
    "before": ("Only changes with a smaller sequence; `next` of the page before.", 2**63 - 1),
}
TAGS = {
    "Predict": "Rows and pictures in, labels out; and the truth, when it is known.",
    "Models": "What is served, read from the loaded bundles.",
    "Host": "Probes and metrics of this host.",
    "Control": "Changing what is served: each change is a row with a reason, and is made once for a key.",
}
DESCRIPTION = (
    "Style labels for pictures and for the numbers measured on them. Errors are problem+json (RFC 9457); "
    "`errors[].pointer` names the field as it was sent."
)


def document(
    endpoints: Sequence[Endpoint], snapshot: Snapshot, *, default: str, open_here: bool
) -> dict[str, Any]:
    """The OpenAPI document; ``default`` is the problem of /predict, ``open_here`` that no key is needed."""
    services = {name: served.primary for name, served in sorted(snapshot.problems.items())}
    shown = [endpoint for endpoint in endpoints if endpoint.documented]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in shown:
        operation = _operation(endpoint, services, default, open_here)
        paths.setdefault(_path(endpoint.rule), {})[endpoint.method.lower()] = operation
    return {
        "openapi": VERSION,
        "info": {
            "title": "ArtPulse",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(shown, services),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _schemas(endpoints: Sequence[Endpoint], services: Mapping[str, Service]) -> dict[str, Any]:
    answers: list[type[BaseModel]] = [Problem, *(item.answer for item in endpoints if item.answer)]
    bodies: list[type[BaseModel]] = [
        Feedback,
        *(item.body for item in endpoints if isinstance(item.body, type)),
        *(item.contract.row_model for item in services.values() if item.contract.fields),
    ]
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "serialization") for model in dict.fromkeys(answers)),
        *((model, "validation") for model in dict.fromkeys(bodies)),
    ]
    _, definitions = models_json_schema(wanted, ref_template=REF)
    found: dict[str, Any] = definitions["$defs"]
    return found


def _operation(
    endpoint: Endpoint, services: Mapping[str, Service], default: str, open_here: bool
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [_tag(endpoint)],
        "summary": endpoint.summary,
        "description": endpoint.handler.__doc__,
        "parameters": _parameters(endpoint, services),
        "responses": _responses(endpoint),
    }
    if endpoint.role != "all":
        operation["security"] = [{"key": []}, {"bearer": []}, *([{}] if open_here else [])]
        operation["x-role"] = endpoint.role
    if endpoint.body == "feedback":
        example = {"request_id": "01KANKF2R0T4W8Y1B3C5D7E9GH", "row": 0, "label": _any_label(services)}
        schema = {"$ref": REF.format(model=Feedback.__name__)}
        operation["requestBody"] = _body({"application/json": {"schema": schema, "example": example}})
    elif isinstance(endpoint.body, type):
        schema = {"$ref": REF.format(model=endpoint.body.__name__)}
        operation["requestBody"] = _body({"application/json": {"schema": schema}})
    elif endpoint.body == "rows":
        chosen = (
            services
            if "<problem>" in endpoint.rule
            else {name: services[name] for name in services if name == default}
        )
        operation["requestBody"] = _body({"application/json": openapi_bodies.rows(chosen)})
    elif endpoint.body == "picture":
        operation["requestBody"] = _body(openapi_bodies.pictures())
    return operation


def _tag(endpoint: Endpoint) -> str:
    if endpoint.role == "operate":
        return "Control"
    if endpoint.body:
        return "Predict"
    return "Models" if endpoint.role == "predict" else "Host"


def _parameters(endpoint: Endpoint, services: Mapping[str, Service]) -> list[dict[str, Any]]:
    found = []
    tables = [name for name, service in services.items() if service.contract.fields]
    problem: dict[str, Any] = {"type": "string"}
    names = tables if endpoint.body == "rows" else list(services)
    if names:
        problem = {"type": "string", "enum": names, "example": names[0]}
    if "<problem>" in endpoint.rule:
        found.append({"name": "problem", "in": "path", "required": True, "schema": problem})
    if "problem" in endpoint.query and endpoint.role == "operate":
        text = "One problem; without it all of them."
        found.append({"name": "problem", "in": "query", "description": text, "schema": {"type": "string"}})
    elif "problem" in endpoint.query:
        text = "One served problem; without it the default one."
        found.append({"name": "problem", "in": "query", "description": text, "schema": problem})
    if "partial" in endpoint.query:
        text = "1: answer the rows that keep the contract and name the others in `errors`."
        found.append(
            {
                "name": "partial",
                "in": "query",
                "description": text,
                "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
            }
        )
    if "explain" in endpoint.query:
        found.append(_explain(endpoint))
    for name, (text, largest) in NUMBERS.items():
        if name in endpoint.query:
            number = {"type": "integer", "minimum": 1, "maximum": largest}
            found.append({"name": name, "in": "query", "description": text, "schema": number})
    if endpoint.idempotent:
        text = "Repeating the request with the same key gives the first answer and changes nothing more."
        word = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        found.append({"name": "Idempotency-Key", "in": "header", "description": text, "schema": word})
    if endpoint.body in BODIES:
        text = "Requests with one key are answered by one slot; without it the content decides."
        found.append(
            {"name": "X-Routing-Key", "in": "header", "description": text, "schema": {"type": "string"}}
        )
    return found


def _explain(endpoint: Endpoint) -> dict[str, Any]:
    words = ["0", "1"]
    text = f"1: say why, for at most {MAX_ROWS} rows: what each field adds to the answer, and the nearest training rows."
    if endpoint.body == "picture":
        words.append("regions")
        text = (
            "1: say why: what the picture's features add to the answer, its palette, and the nearest training pictures; "
            "regions: also which parts of the picture speak for the label, which takes its features 17 times."
        )
    schema = {"type": "string", "enum": words, "default": "0"}
    return {"name": "explain", "in": "query", "description": text, "schema": schema}


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    schema: dict[str, Any] = (
        {"type": "object"} if endpoint.media_type == "application/json" else {"type": "string"}
    )
    if endpoint.answer:
        schema = {"$ref": REF.format(model=endpoint.answer.__name__)}
    headers = {"X-Request-ID": REQUEST_ID}
    success = {
        "description": "The answer.",
        "headers": headers | (PREDICTION_HEADERS if endpoint.body in BODIES else {}),
        "content": {endpoint.media_type: {"schema": schema}},
    }
    refusal = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model=Problem.__name__)}}}
    found: dict[str, Any] = {"200": success}
    for status in endpoint.refusals:
        found[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "headers": headers,
            "content": refusal,
        }
    return found


def _any_label(services: Mapping[str, Service]) -> str:
    labels = [label for service in services.values() for label in service.contract.target.labels]
    return labels[0] if labels else "minimal"


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _path(rule: str) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", rule)
