"""GET /metrics: Prometheus text for this host; open on loopback, elsewhere for the role view."""

from __future__ import annotations

from flask import Request, Response

from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import RequestRefused
from artpulse_api.serving import Call, Serving
from artpulse_core.keys import is_loopback

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def metrics(serving: Serving, call: Call) -> Response:
    """All metrics of this host's workers."""
    if not _from_here(call.request):
        try:
            serving.gate.authorize(call.request, "view")
        except RequestRefused as refusal:
            serving.metrics.auth_failure(refusal.reason)
            raise
    text, content_type = serving.metrics.text(call.request.headers.get("Accept"))
    return Response(text, content_type=content_type)


def _from_here(request: Request) -> bool:
    """True for a peer on this host that speaks for itself: a proxy beside us forwards for somebody else."""
    environ = request.environ
    return is_loopback(environ.get("REMOTE_ADDR", "")) and not any(name in environ for name in FORWARDED)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/metrics",
        metrics,
        "Prometheus metrics of this host",
        role="all",  # the peer decides: see _from_here
        media_type="text/plain",
        refusals=(401, 403),
    ),
)
