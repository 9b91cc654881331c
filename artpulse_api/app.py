"""The application factory: settings in, a Flask application out.

Belongs here: putting the parts together. Models are loaded later, in each worker after the fork, by
``serving.of(app).live.start()``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from flask import Flask

from artpulse_api import endpoint, errors, serving, views
from artpulse_api.auth import Gate
from artpulse_api.endpoint import Endpoint
from artpulse_api.events import EventLog
from artpulse_api.live import Live
from artpulse_api.metrics import Metrics
from artpulse_api.seldom import Seldom
from artpulse_api.shadow import Shadow
from artpulse_core.data import problems
from artpulse_core.settings import Settings


def create_app(
    settings: Settings,
    *,
    endpoints: Sequence[Endpoint] = views.ENDPOINTS,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """The API for ``settings``; raises ``SettingsError`` when it must not start, ``ProblemError`` for a bad file."""
    app = Flask("artpulse_api", static_folder=None)
    app.config.update(PROVIDE_AUTOMATIC_OPTIONS=False, MAX_CONTENT_LENGTH=endpoint.MEGABYTE)
    metrics = Metrics(settings.latency_buckets)
    metrics.attach(app)
    log_of_events = EventLog(settings.run / "spool", metrics, with_features=settings.events_features)
    parts = serving.Serving(
        settings=settings,
        declared=tuple(problems.load(settings)),
        gate=Gate(settings),
        live=Live(settings.run, metrics, clock),
        metrics=metrics,
        events=log_of_events,
        shadow=Shadow(metrics, log_of_events),
        seldom=Seldom(),
        clock=clock,
    )
    app.extensions[serving.EXTENSION] = parts
    errors.install(app)
    endpoint.register(app, parts, endpoints)
    return app
