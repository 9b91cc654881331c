"""What the agent says about registry and database, read from the host's ``status.json``.

Belongs here: that file as the API sees it. A prediction never looks at it; readiness and two gauges do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

FILE = "status.json"
WATCHED = ("registry", "database", "spool", "run_folder")
SILENT_SECONDS = 30.0  # the agent writes every five


@dataclass(frozen=True)
class Surroundings:
    """``degraded`` names what is away or cannot be used; ``registry_age`` is in seconds since the registry last answered.

    ``refused`` names the problems whose champion the agent could not take over.
    """

    degraded: tuple[str, ...]
    registry_age: float | None
    refused: tuple[str, ...] = ()


def read(run: Path, now: float) -> Surroundings:
    """The agent's last word; without a recent one the agent itself is what is away."""
    try:
        document = orjson.loads((run / FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        document = None
    if not isinstance(document, dict):
        return Surroundings(("agent",), None)
    silent = _age(document, now)
    if silent is None or silent > SILENT_SECONDS:
        return Surroundings(("agent",), _age(document.get("registry"), now))
    parts = {name: document.get(name) for name in WATCHED}
    away = tuple(name for name, part in parts.items() if isinstance(part, dict) and part.get("ok") is False)
    failures = document.get("failures")
    refused = tuple(map(str, failures)) if isinstance(failures, dict) else ()
    return Surroundings(away, _age(parts["registry"], now), refused)


def _age(part: Any, now: float) -> float | None:
    try:
        return max(0.0, now - datetime.fromisoformat(part["at"]).timestamp())
    except (TypeError, KeyError, ValueError):
        return None
