"""A question to the registry that is given up after a while, for those who only look.

Belongs here: not waiting. Does not belong here: what is told without the answer (``artpulse_core.control.overview``).
"""

from __future__ import annotations

import threading

from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, RegistryError

LATE = "The model registry does not answer in time."


class Patient:
    """Asks for aliases and waits ``seconds``; while a question hangs the next ones are given up at once."""

    def __init__(self, registry: Registry, seconds: float) -> None:
        self._registry = registry
        self._seconds = seconds
        self._hanging: threading.Thread | None = None

    def aliases(self, model: str) -> dict[str, int]:
        """As ``Registry.aliases``; raises ``RegistryError`` also when the answer does not come in time."""
        if self._hanging is not None and self._hanging.is_alive():
            raise RegistryError(LATE)
        answers: list[dict[str, int] | ArtPulseError] = []

        def ask() -> None:
            try:
                answers.append(self._registry.aliases(model))
            except ArtPulseError as error:
                answers.append(error)

        thread = threading.Thread(target=ask, name="aliases", daemon=True)
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            self._hanging = thread
        if not answers:
            raise RegistryError(LATE)
        if isinstance(answers[0], ArtPulseError):
            raise answers[0]
        return answers[0]
