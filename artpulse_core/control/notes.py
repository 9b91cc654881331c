"""The one-line file that says which version counts, for tools that read files only.

Belongs here: ``latest_model_uri.txt``, always the champion. The registry stays the truth.
"""

from __future__ import annotations

from artpulse_core.exchange.files import write_whole
from artpulse_core.settings import Settings

FILE = "latest_model_uri.txt"


def write_uri(settings: Settings, problem: str, model: str, version: int) -> None:
    """Write ``models:/<model>/<version>`` for the champion of ``problem``."""
    write_whole(settings.artifacts(problem) / FILE, f"models:/{model}/{version}\n".encode())
