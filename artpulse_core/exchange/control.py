"""The client of the agent's control socket: one JSON line there, one JSON line back, before a deadline.

Belongs here: the call itself, used by the API and by the command line, and how long the socket's path may be. Does not
belong here: what an operation does (``artpulse_core.agent``).
"""

from __future__ import annotations

import socket as sockets
import time
from pathlib import Path
from typing import Any

import orjson

from artpulse_core.errors import (
    AgentUnavailable,
    ArtPulseError,
    ChangeConflict,
    ChangeRefused,
    FeedbackRefused,
    Issue,
    ProblemError,
    RegistryError,
    StoreError,
)

LONGEST_PATH = (
    100  # bytes of the socket's path: the kernel takes 107, and a temporary name beside it must fit too
)
MAX_ANSWER_BYTES = 4 * 1024 * 1024
AWAY = "The agent of this host does not answer; start it with `artpulse serve`."
SLOW = "The agent of this host did not answer in time; it may still do what it was asked for."
# What the agent refuses with, by the code that stands in its answer.
NAMED: dict[str, type[ArtPulseError]] = {
    kind.code: kind
    for kind in (FeedbackRefused, ChangeConflict, ChangeRefused, ProblemError, RegistryError, StoreError)
}


def call(socket: Path, op: str, *, deadline: float = 2.0, **fields: Any) -> dict[str, Any]:
    """Ask the agent for ``op`` with ``fields`` and return its answer; ``deadline`` is in seconds, for all of it.

    Raises ``AgentUnavailable`` when it does not answer in time or refuses with a code that is not known here, else
    one of ``NAMED`` as the agent says. A label the model does not have carries an issue at ``/label``.
    """
    request = orjson.dumps({"op": op, "deadline": deadline, **fields}) + b"\n"
    try:
        line = _exchange(socket, request, time.monotonic() + deadline)
    except TimeoutError as error:
        raise AgentUnavailable(SLOW) from error
    except OSError as error:
        raise AgentUnavailable(AWAY) from error
    try:
        answer = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise AgentUnavailable("The agent of this host broke off its answer.") from None
    if isinstance(answer, dict) and answer.get("ok") is True:
        return answer
    raise _refusal(answer if isinstance(answer, dict) else {})


def _exchange(path: Path, request: bytes, until: float) -> bytes:
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connection:
        connection.settimeout(_left(until))
        connection.connect(str(path))
        connection.sendall(request)
        parts = bytearray()
        while not parts.endswith(b"\n") and len(parts) <= MAX_ANSWER_BYTES:
            connection.settimeout(_left(until))
            data = connection.recv(65536)
            if not data:
                break
            parts += data
    return bytes(parts)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _refusal(answer: dict[str, Any]) -> Exception:
    code, message = str(answer.get("code", "")), str(answer.get("message", "The agent refused."))
    if code == "label_unknown":
        return FeedbackRefused(message, (Issue("/label", code, message),))
    return NAMED.get(code, AgentUnavailable)(message)
