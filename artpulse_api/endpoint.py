"""Routes, declared once: address, role, body, answers and handler in one record.

Belongs here: the declaration, its registration with Flask, and the refusal to start with a view that never said who
may use it. OpenAPI is built from the same records (``artpulse_api.openapi``). Does not belong here: any handler.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask import Flask, Response, g, request
from pydantic import BaseModel

from artpulse_api.errors import RequestRefused
from artpulse_api.leftovers import discard
from artpulse_api.request_id import new_id
from artpulse_api.serving import Call, Serving
from artpulse_core.errors import SettingsError
from artpulse_core.keys import Caller, Role

MEGABYTE = 1024 * 1024
NOBODY = Caller("anonymous", "predict")
Access = Role | Literal["all"]
Body = Literal["rows", "picture", "feedback"]
UNMATCHED = "unmatched"
EXTENSION = "artpulse.endpoints"


@dataclass(frozen=True)
class Endpoint:
    """One route. ``body`` is one of the forms of predictions or the model of a JSON body, ``answer`` the model of what
    it answers; ``refusals`` are its problem+json statuses. An ``idempotent`` one takes the header Idempotency-Key.
    """

    method: Literal["GET", "POST"]
    rule: str
    handler: Callable[..., Response]
    summary: str
    role: Access | None = None
    body: Body | type[BaseModel] | None = None
    idempotent: bool = False
    max_bytes: int = MEGABYTE
    query: tuple[str, ...] = ()
    answer: type[BaseModel] | None = None
    media_type: str = "application/json"
    refusals: tuple[int, ...] = ()
    documented: bool = True

    @property
    def name(self) -> str:
        """Flask's endpoint name and OpenAPI's operationId."""
        return self.handler.__name__


def register(app: Flask, serving: Serving, endpoints: Sequence[Endpoint]) -> None:
    """Add ``endpoints`` to ``app`` and the hooks all share; raises ``SettingsError`` for a view without a role."""
    for endpoint in endpoints:
        if endpoint.role is None:
            raise SettingsError(f"{endpoint.method} {endpoint.rule} declares no role; say who may use it.")
        app.add_url_rule(
            endpoint.rule, endpoint.name, _view(serving, endpoint, endpoint.role), methods=[endpoint.method]
        )
    check(app, endpoints)
    app.extensions[EXTENSION] = tuple(endpoints)
    _hooks(app, serving)


def check(app: Flask, endpoints: Iterable[Endpoint]) -> None:
    """Raise ``SettingsError`` for a route Flask answers that no declaration stands for."""
    declared = {endpoint.rule for endpoint in endpoints}
    for rule in app.url_map.iter_rules():
        if rule.rule not in declared:
            raise SettingsError(f"{rule.rule} is answered but not declared; say who may use it.")


def _view(serving: Serving, endpoint: Endpoint, role: Access) -> Callable[..., Response]:
    handler, max_bytes = endpoint.handler, endpoint.max_bytes

    def view(**parameters: Any) -> Response:
        current = request._get_current_object()  # type: ignore[attr-defined]  # typed as the request itself
        if role == "all":
            caller = NOBODY
        else:
            try:
                caller = serving.gate.authorize(current, role)
            except RequestRefused as refusal:
                serving.metrics.auth_failure(refusal.reason)
                raise
        current.max_content_length = max_bytes
        return handler(
            serving, Call(g.request_id, caller, current, g.started, serving.live.current), **parameters
        )

    return view


def _hooks(app: Flask, serving: Serving) -> None:
    metrics, shadow, clock = serving.metrics, serving.shadow, serving.clock

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = new_id(clock())
        metrics.in_flight.inc()
        shadow.request_began()

    @app.after_request
    def finish(response: Response) -> Response:
        discard(request.environ)
        headers = response.headers
        headers["X-Request-ID"] = g.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        rule = request.url_rule
        seconds = time.perf_counter() - g.started
        metrics.request(request.method, rule.rule if rule else UNMATCHED, response.status_code, seconds)
        metrics.in_flight.dec()
        shadow.request_ended()
        return response
