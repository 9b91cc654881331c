"""``artpulse openapi``: the OpenAPI document without a running server."""

from __future__ import annotations

import json

import click

from artpulse_api.app import create_app
from artpulse_core.commands.answer import Reply, answering
from artpulse_core.settings import Settings


@click.command()
@answering
def openapi(settings: Settings) -> Reply:
    """Print the OpenAPI 3.1 document of what this host serves."""
    document = create_app(settings).test_client().get("/openapi.json").get_json()
    return Reply(document, json.dumps(document, indent=2))
