"""The request bodies of the OpenAPI document, with examples the served models answer.

Belongs here: the schemas of rows and pictures, and the example picture. Does not belong here: operations and answers
(``artpulse_api.openapi``).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from artpulse_api.rows import MAX_ROWS
from artpulse_api.slots import Service
from artpulse_core.data.fields import Field

REF = "#/components/schemas/{model}"


def rows(services: Mapping[str, Service]) -> dict[str, Any]:
    """The four forms of rows for the table problems among ``services``, as an OpenAPI media type."""
    tables = [service for service in services.values() if service.contract.fields]
    if not tables:
        return {"schema": {"type": "object"}}
    references = [{"$ref": REF.format(model=service.contract.row_model.__name__)} for service in tables]
    widths = [len(service.contract.fields) for service in tables]
    row = references[0] if len(references) == 1 else {"anyOf": references}
    values = {
        "type": "array",
        "items": {"type": ["number", "string", "null"]},
        "minItems": min(widths),
        "maxItems": max(widths),
    }
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


def pictures() -> dict[str, Any]:
    """The ways to send a picture, by content type."""
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


def _example(service: Service) -> dict[str, Any]:
    golden = service.predictor.bundle.golden["rows"]
    if golden:
        return service.contract.shown(np.array(golden[0]["features"], dtype=np.float64))
    return service.contract.shown(np.array([_middle(item) for item in service.contract.fields]))


def _middle(item: Field) -> float:
    low, high = np.nan_to_num(np.array(item.bounds), posinf=1.0, neginf=-1.0)
    return float(low if item.kind == "category" else (low + high) / 2)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
