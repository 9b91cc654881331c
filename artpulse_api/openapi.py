"""OpenAPI 3.1 from the endpoint declarations and the contracts of the models in service.

Belongs here: turning those records into the document; its examples are rows and pictures the served models answer.
Does not belong here: a route or a field of its own, so the document cannot say what the server does not do.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import numpy as np
from PIL import Image
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from artpulse_api.documents import Problem
from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import MEDIA_TYPE
from artpulse_api.live import Service, Snapshot
from artpulse_api.rows import MAX_ROWS
from artpulse_api.views.feedback import Feedback

VERSION = "3.1.0"
REF = "#/components/schemas/{model}"
REQUEST_ID = {"description": "The id of this request.", "schema": {"type": "string"}}
PREDICTION_HEADERS = {
    "X-Model-Version": {"description": "The version that answered.", "schema": {"type": "string"}},
    "X-Rollout-Slot": {"description": "The slot that answered.", "schema": {"type": "string"}},
}
BODIES = ("rows", "picture")
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
        "servers": [{"url": "."}],
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
    elif endpoint.body == "rows":
        chosen = (
            services
            if "<problem>" in endpoint.rule
            else {name: services[name] for name in services if name == default}
        )
        operation["requestBody"] = _body({"application/json": _rows(chosen)})
    elif endpoint.body == "picture":
        operation["requestBody"] = _body(_pictures())
    return operation


def _parameters(endpoint: Endpoint, services: Mapping[str, Service]) -> list[dict[str, Any]]:
    found = []
    tables = [name for name, service in services.items() if service.contract.fields]
    problem: dict[str, Any] = {"type": "string"}
    names = tables if endpoint.body == "rows" else list(services)
    if names:
        problem = {"type": "string", "enum": names, "example": names[0]}
    if "<problem>" in endpoint.rule:
        found.append({"name": "problem", "in": "path", "required": True, "schema": problem})
    if "problem" in endpoint.query:
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
    if endpoint.body in BODIES:
        text = "Requests with one key are answered by one slot; without it the content decides."
        found.append(
            {"name": "X-Routing-Key", "in": "header", "description": text, "schema": {"type": "string"}}
        )
    return found


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


def _rows(services: Mapping[str, Service]) -> dict[str, Any]:
    tables = [service for service in services.values() if service.contract.fields]
    if not tables:
        return {"schema": {"type": "object"}}
    references = [{"$ref": REF.format(model=service.contract.row_model.__name__)} for service in tables]
    widths = [len(service.contract.fields) for service in tables]
    row = references[0] if len(references) == 1 else {"anyOf": references}
    values = {"type": "array", "items": {"type": "number"}, "minItems": min(widths), "maxItems": max(widths)}
    record = _object({"values": values})

    def listed(name: str, items: dict[str, Any]) -> dict[str, Any]:
        return _object({name: {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_ROWS}})

    forms = [
        listed("rows", row),
        listed("instances", {"anyOf": [*references, values]}),
        listed("records", record),
    ]
    first = _example(tables[0])
    numbers = list(first.values())
    examples = {
        "one row": first,
        "rows": {"rows": [first]},
        "instances": {"instances": [first]},
        "records": {"records": [{"values": numbers}]},
    }
    return {
        "schema": {"anyOf": [*references, *forms]},
        "examples": {name: {"value": value} for name, value in examples.items()},
    }


def _pictures() -> dict[str, Any]:
    text = {"type": "string", "contentEncoding": "base64", "description": "The picture's bytes in base64."}
    example = {"image_base64": base64.b64encode(example_picture()).decode()}
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "application/json": {"schema": _object({"image_base64": text}), "example": example},
        "multipart/form-data": {"schema": _object({"file": {"type": "string", "format": "binary"}})},
        "image/jpeg": binary,
        "image/png": binary,
        "application/octet-stream": binary,
    }


def example_picture() -> bytes:
    """A small PNG every image model can answer."""
    ramp = np.linspace(0, 255, 24, dtype=np.uint8)
    pixels = np.stack(
        [np.tile(ramp, (24, 1)), np.tile(ramp[:, None], (1, 24)), np.full((24, 24), 90, np.uint8)], axis=2
    )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _example(service: Service) -> dict[str, float]:
    golden = service.predictor.bundle.golden["rows"]
    names = service.contract.names
    if golden:
        return dict(zip(names, golden[0]["features"], strict=True))
    return {item.name: (item.minimum + item.maximum) / 2 for item in service.contract.fields}


def _any_label(services: Mapping[str, Service]) -> str:
    labels = [label for service in services.values() for label in service.contract.target.labels]
    return labels[0] if labels else "minimal"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _path(rule: str) -> str:
    return re.sub(r"<(\w+)>", r"{\1}", rule)
