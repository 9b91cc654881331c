"""GET /health and GET /ready: is the process alive, and does it answer for every problem of the release."""

from __future__ import annotations

from flask import Response

from artpulse_api import surroundings
from artpulse_api.documents import Health, Readiness
from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import problem
from artpulse_api.serving import Call, Serving
from artpulse_api.views import reply
from artpulse_core.errors import Issue


def health(serving: Serving, call: Call) -> Response:
    """Alive; looks at nothing, so that nothing away restarts a process that can answer."""
    return reply.json({"status": "ok"})


def ready(serving: Serving, call: Call) -> Response:
    """Ready when every problem of the release is loaded in this worker; loads nothing itself."""
    snapshot = call.snapshot
    around = surroundings.read(serving.settings.run, serving.clock())
    degraded = [*around.degraded, *(f"model:{name}" for name in sorted(snapshot.failures))]
    missing = [name for name in snapshot.released if name not in snapshot.problems]
    if missing or not snapshot.released:
        issues = [Issue(f"/problems/{name}", "model_missing", f"{name} is not loaded.") for name in missing]
        issues += [Issue(f"/degraded/{name}", "degraded", f"{name} is away.") for name in around.degraded]
        text = "A problem of the release is not loaded." if missing else "There is no release to serve yet."
        text += f" Away: {', '.join(around.degraded)}." if around.degraded else ""
        return problem(503, "not_ready", text, issues, {"Retry-After": "2"})
    problems = {
        name: {"ready": True, "version": served.primary.slot.version, "released": released.primary.version}
        for name, released in snapshot.released.items()
        for served in (snapshot.problems[name],)
    }
    document = {
        "status": "ready",
        "problems": problems,
        "degraded": degraded,
        "model_registry": {"enabled": True},
        "release": snapshot.sequence,
    }
    return reply.json(document)


ENDPOINTS = (
    Endpoint("GET", "/health", health, "Is the process alive", role="all", answer=Health),
    Endpoint(
        "GET",
        "/ready",
        ready,
        "Is every problem of the release loaded",
        role="all",
        answer=Readiness,
        refusals=(503,),
    ),
)
