"""The agent's ear: a Unix socket that takes one JSON line and gives one back.

Belongs here: listening, deadlines, and turning named errors into answers. Does not belong here: what an operation
does (``operations``), or the client (``artpulse_core.exchange.control``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket as sockets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from artpulse_core.errors import ArtPulseError, SettingsError
from artpulse_core.exchange.control import LONGEST_PATH

log = logging.getLogger(__name__)
LONGEST_LINE = 1 << 20
TALKERS = 8
READ_SECONDS = 5.0
DEADLINE_SECONDS = 2.0
LONGEST_DEADLINE = 60.0
SHORTEST_WAIT = 0.05
ANSWER_SECONDS = 0.1  # kept of a caller's deadline for the way back
Operation = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class ControlSocket:
    """Serves ``operations`` by name until ``close``."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        """Listen at once, readable by this user only. Raises ``SettingsError`` for a path that is too long."""
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise SettingsError(
                f"The path of the control socket has more than {LONGEST_PATH} bytes; set ARTPULSE_RUN_DIR to a shorter one."
            )
        self._path = path
        self._operations = operations
        self._working = threading.BoundedSemaphore(TALKERS)
        self._talkers = threading.BoundedSemaphore(TALKERS)
        self._socket = _listen(path)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="control-socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(sockets.SHUT_RDWR)
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                self._closed.wait(0.1)  # closed, or out of descriptors for a moment
                continue
            self._talkers.acquire()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: sockets.socket) -> None:
        try:
            with contextlib.closing(connection), contextlib.suppress(OSError):
                line = _read(connection)
                if line:
                    connection.sendall(orjson.dumps(self._answer(line), default=str) + b"\n")
        finally:
            self._talkers.release()

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError:
            return _refusal("bad_request", "The request is not one line of JSON.")
        if not isinstance(request, dict):
            return _refusal("bad_request", "The request is not a JSON object.")
        operation = self._operations.get(str(request.get("op")))
        if operation is None:
            return _refusal("unknown_op", f"There is no operation {str(request.get('op'))[:40]!r}.")
        try:
            deadline = (
                min(float(request.get("deadline", DEADLINE_SECONDS)), LONGEST_DEADLINE) - ANSWER_SECONDS
            )
        except (TypeError, ValueError):
            return _refusal("bad_request", "The deadline is not a number of seconds.")
        return self._within(max(SHORTEST_WAIT, deadline), operation, request)  # NaN is the shortest

    def _within(self, seconds: float, operation: Operation, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The operation's answer, or that it did not come in time: who asks has stopped waiting by then.

        An operation that hangs keeps its place until it ends; when all places are taken, the next is refused.
        """
        ends = time.monotonic() + seconds
        if not self._working.acquire(timeout=seconds):
            return _refusal("agent_busy", "The agent is busy with earlier requests; try again.")
        answers: list[Mapping[str, Any]] = []
        done = threading.Event()

        def work() -> None:
            try:
                answers.append(_outcome(operation, request))
            finally:
                self._working.release()
                done.set()

        threading.Thread(target=work, name=f"op-{request['op']}"[:15], daemon=True).start()
        done.wait(max(ends - time.monotonic(), 0.0))
        late = f"The agent did not finish within {seconds:.1f} s; it may still do so."
        return answers[0] if answers else _refusal("agent_late", late)


def _outcome(operation: Operation, request: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return {"ok": True, **operation(request)}
    except ArtPulseError as error:
        code = error.issues[0].code if error.issues else error.code
        return _refusal(code, error.message)
    except (KeyError, TypeError, ValueError) as error:
        return _refusal("bad_request", f"The request cannot be used: {error}")
    except Exception:
        log.exception("operation failed")
        return _refusal("agent_failed", "The agent failed at this request; its log says why.")


def _listen(path: Path) -> sockets.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        listener.bind(str(new))
        new.chmod(0o600)  # before anybody can find it under its name
        listener.listen(64)
        new.replace(path)
    except OSError:
        listener.close()
        raise
    return listener


def _read(connection: sockets.socket) -> bytes:
    ends = time.monotonic() + READ_SECONDS
    data = b""
    while not data.endswith(b"\n"):
        left = ends - time.monotonic()
        if left <= 0 or len(data) > LONGEST_LINE:
            return b""
        connection.settimeout(left)
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    return data


def _refusal(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "code": code, "message": message}
