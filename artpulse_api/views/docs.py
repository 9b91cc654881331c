"""GET /docs and GET /openapi.json: Swagger UI from files of this package, so it works without a network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from flask import Response, current_app, render_template

from artpulse_api import openapi
from artpulse_api.choosing import default_problem
from artpulse_api.endpoint import EXTENSION, Endpoint
from artpulse_api.errors import RequestRefused
from artpulse_api.serving import Call, Serving
from artpulse_api.views import reply

# Swagger UI sets style attributes and shows data: images; scripts come from this server alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ASSETS = {
    "swagger-ui-bundle.js": ("static/swagger/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("static/swagger/swagger-ui.css", "text/css"),
    "docs.js": ("static/docs.js", "text/javascript"),
    "docs.css": ("static/docs.css", "text/css"),
    "icon.svg": ("static/icon.svg", "image/svg+xml"),
}


def docs(serving: Serving, call: Call) -> Response:
    """The page."""
    return Response(
        render_template("docs.html"),
        headers={"Content-Security-Policy": POLICY},
        content_type="text/html; charset=utf-8",
    )


def docs_asset(serving: Serving, call: Call, name: str) -> Response:
    """A file of the page; only those that are listed."""
    if name not in ASSETS:
        raise RequestRefused(404, "not_found", "The page has no such file.")
    path, content_type = ASSETS[name]
    data = files("artpulse_api").joinpath(path).read_bytes()
    return Response(
        data, headers={"Cache-Control": "max-age=3600"}, content_type=f"{content_type}; charset=utf-8"
    )


def openapi_json(serving: Serving, call: Call) -> Response:
    """The API as OpenAPI 3.1, with the contracts of the models in service."""
    declared: Sequence[Endpoint] = current_app.extensions[EXTENSION]
    document = openapi.document(
        declared, call.snapshot, default=default_problem(serving, call), open_here=serving.gate.open
    )
    return reply.json(document)


ENDPOINTS = (
    Endpoint("GET", "/docs", docs, "This page", role="all", media_type="text/html", documented=False),
    Endpoint(
        "GET",
        "/docs/<name>",
        docs_asset,
        "A file of the page",
        role="all",
        media_type="text/javascript",
        documented=False,
    ),
    Endpoint("GET", "/openapi.json", openapi_json, "The API as OpenAPI 3.1", role="all"),
)
