"""Errors as HTTP: the one map from an error to problem+json (RFC 9457).

Belongs here: which status an error of the ArtPulse family has, the refusals only HTTP knows, and the handler every
non-2xx answer comes from. Does not belong here: deciding that something is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from artpulse_core.errors import (
    AgentUnavailable,
    ArtPulseError,
    ChangeConflict,
    ChangeRefused,
    ContractViolation,
    FeedbackRefused,
    ImageRefused,
    Issue,
    ProblemError,
    RegistryError,
    StoreError,
)

log = logging.getLogger("artpulse.api")
MEDIA_TYPE = "application/problem+json"
MAX_ISSUES = 100
STATUS: Mapping[type[ArtPulseError], int] = {
    ContractViolation: 422,
    ImageRefused: 422,
    ProblemError: 404,
    FeedbackRefused: 404,
    ChangeConflict: 409,
    ChangeRefused: 422,
    AgentUnavailable: 503,
    RegistryError: 503,
    StoreError: 503,
}
RETRY_SECONDS = 5
CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


class RequestRefused(ArtPulseError):  # noqa: N818 - refusals are answers
    """A request that HTTP refuses: no key, no such role, a body of the wrong type, size or form."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        issues: Sequence[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, tuple(issues))
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def problem(
    status: int,
    code: str,
    detail: str,
    issues: Sequence[Issue] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem+json answer; ``instance`` is the request id."""
    document = {
        "type": f"urn:artpulse:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": g.get("request_id", ""),
        "code": code,
        "errors": [issue.to_dict() for issue in issues[:MAX_ISSUES]],
    }
    return Response(orjson.dumps(document), status, headers=dict(headers or {}), content_type=MEDIA_TYPE)


def from_error(error: Exception) -> Response:
    """The answer to any exception; one that nobody planned for is logged and tells the caller only its id."""
    match error:
        case RequestRefused():
            return problem(error.status, error.reason, error.message, error.issues, error.headers)
        case ImageRefused():
            issues = error.issues or (Issue("", error.reason, error.message),)
            return problem(422, error.code, error.message, issues)
        case FeedbackRefused() if error.issues:
            return problem(422, error.code, error.message, error.issues)
        case ArtPulseError() if type(error) in STATUS:
            status = STATUS[type(error)]
            headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None
            return problem(status, error.code, error.message, error.issues, headers)
        case HTTPException():
            return _from_http(error)
    log.error("request %s failed", g.get("request_id", ""), exc_info=error)
    return problem(
        500, "internal_error", "The server failed; its log names the fault under this request's id."
    )


def install(app: Flask) -> None:
    """Answer every error of ``app`` with problem+json."""
    app.register_error_handler(Exception, from_error)


def _from_http(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {}
    detail = error.description or HTTPStatus(status).phrase
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        detail = f"This address answers {headers['Allow'] or 'no method'}."
    elif status == 404:
        detail = "There is nothing at this address; /docs lists what there is."
    elif isinstance(error, RequestEntityTooLarge):
        detail = "The body is larger than this address accepts."
        headers["Connection"] = "close"
    return problem(status, CODES.get(status, HTTPStatus(status).name.lower()), detail, (), headers)
