"""A JSON answer, and the query parameters more than one view reads."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Request, Response

from artpulse_api.errors import RequestRefused


def json(document: Any, status: int = 200) -> Response:
    """``document`` as application/json."""
    return Response(
        orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS), status, content_type="application/json"
    )


def flag(request: Request, name: str) -> bool:
    """A yes-or-no query parameter: 1 or true, 0 or false or absent; raises ``RequestRefused`` 422 otherwise."""
    if not request.query_string:
        return False
    value = request.args.get(name, "0").lower()
    if value in ("1", "true"):
        return True
    if value in ("0", "false", ""):
        return False
    raise RequestRefused(422, "query_invalid", f"The parameter {name} is 1 or 0.")
