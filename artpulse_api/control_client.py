"""What the API asks the agent for, with a deadline; a prediction never comes here.

Belongs here: one function an operation. Does not belong here: the protocol (``artpulse_core.exchange.control``).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artpulse_core.errors import ChangeConflict
from artpulse_core.exchange import control

DEADLINE_SECONDS = 2.0
LOOK_SECONDS = 5.0
CHANGE_SECONDS = 10.0
# A worker has two threads: while one waits for a registry that is slow, the other answers predictions.
_asking = threading.Lock()


def feedback(
    socket: Path, *, request_id: str, row: int, label: str, caller: str, labels: Mapping[str, Sequence[str]]
) -> None:
    """Store ground truth for one predicted row; ``labels`` are those of each served problem.

    Raises ``AgentUnavailable``, or ``FeedbackRefused`` for an unknown request, another caller's, or a foreign label.
    """
    fields = {"request_id": request_id, "row": row, "label": label, "caller": caller, "labels": labels}
    control.call(socket, "feedback", deadline=DEADLINE_SECONDS, **fields)


def look(socket: Path, op: str, **fields: Any) -> dict[str, Any]:
    """What the agent says to a question about changes. Raises as ``exchange.control.call`` does."""
    return _answer(control.call(socket, op, deadline=LOOK_SECONDS, **fields))


def change(socket: Path, op: str, **fields: Any) -> dict[str, Any]:
    """Have the agent make a change, or do something else that needs the registry; one at a time in this process.

    Raises ``ChangeConflict`` while another is under way, else as ``exchange.control.call`` does.
    """
    if not _asking.acquire(blocking=False):
        raise ChangeConflict("Another change is under way; try again in a moment.")
    try:
        return _answer(control.call(socket, op, deadline=CHANGE_SECONDS, **fields))
    finally:
        _asking.release()


def _answer(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "ok"}
