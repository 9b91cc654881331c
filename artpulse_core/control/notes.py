"""The one-line file that says which version counts, for tools that read files only.

Belongs here: ``latest_model_uri.txt``, always the champion. The registry stays the truth.
"""

from __future__ import annotations

import logging

from artpulse_core.control.registry import VersionInfo
from artpulse_core.exchange.files import write_whole
from artpulse_core.settings import Settings

FILE = "latest_model_uri.txt"
log = logging.getLogger(__name__)


def write_uri(settings: Settings, problem: str, model: str, version: int) -> None:
    """Write ``models:/<model>/<version>`` for the champion of ``problem``."""
    write_whole(settings.artifacts(problem) / FILE, _line(model, version))


def follow(settings: Settings, model: str, champion: VersionInfo) -> None:
    """Write the note of a champion if it says anything else; a version that names no problem has none.

    A disk that is full or read-only is logged and stops nothing: the note is a courtesy, the change is not.
    """
    problem = champion.tags.get("problem")
    if not problem:
        return
    path = settings.artifacts(problem) / FILE
    try:
        if not path.exists() or path.read_bytes() != _line(model, champion.version):
            write_uri(settings, problem, model, champion.version)
    except OSError as error:
        fields = {"problem": problem, "version": champion.version, "reason": str(error)}
        log.warning("note of the champion not written", extra={"fields": fields})


def _line(model: str, version: int) -> bytes:
    return f"models:/{model}/{version}\n".encode()
