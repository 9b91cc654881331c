"""What a handler is given: the parts of one application, and the request it answers.

Belongs here: these two records. Does not belong here: behaviour of any part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Request

from artpulse_api.auth import Gate
from artpulse_api.events import EventLog
from artpulse_api.live import Live
from artpulse_api.metrics import Metrics
from artpulse_api.seldom import Seldom
from artpulse_api.shadow import Shadow
from artpulse_api.slots import Snapshot
from artpulse_core.keys import Caller
from artpulse_core.settings import Settings

EXTENSION = "artpulse"


@dataclass(frozen=True)
class Serving:
    """The parts of one application; ``declared`` are the problems of this installation."""

    settings: Settings
    declared: tuple[str, ...]
    gate: Gate
    live: Live
    metrics: Metrics
    events: EventLog
    shadow: Shadow
    seldom: Seldom
    clock: Callable[[], float]


@dataclass(frozen=True)
class Call:
    """One request: its id, who asks, and when it began (``started`` as ``time.perf_counter``).

    ``snapshot`` is what all of it is answered from, whatever is released meanwhile.
    """

    id: str
    caller: Caller
    request: Request
    started: float
    snapshot: Snapshot


def of(app: Flask) -> Serving:
    """The parts of ``app``."""
    parts: Serving = app.extensions[EXTENSION]
    return parts
