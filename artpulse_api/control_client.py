"""What the API asks the agent for, with a deadline; a prediction never comes here.

Belongs here: one function an operation. Does not belong here: the protocol (``artpulse_core.exchange.control``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from artpulse_core.exchange import control

DEADLINE_SECONDS = 2.0


def feedback(
    socket: Path, *, request_id: str, row: int, label: str, caller: str, labels: Mapping[str, Sequence[str]]
) -> None:
    """Store ground truth for one predicted row; ``labels`` are those of each served problem.

    Raises ``AgentUnavailable``, or ``FeedbackRefused`` for an unknown request, another caller's, or a foreign label.
    """
    fields = {"request_id": request_id, "row": row, "label": label, "caller": caller, "labels": labels}
    control.call(socket, "feedback", deadline=DEADLINE_SECONDS, **fields)
