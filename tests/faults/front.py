"""A door in front of a server, which a test can spoil: it hangs, breaks off, fails or lies instead of passing on.

Belongs here: that door. Does not belong here: the server behind it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

JSON = b"application/json"
ANSWERS = {
    "fails": (b"500 Internal Server Error", JSON, b'{"error_code": "INTERNAL_ERROR", "message": "broken"}'),
    "knows nothing": (
        b"404 Not Found",
        JSON,
        b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}',
    ),
    "speaks HTML": (b"200 OK", b"text/html", b"<html><body>Please log in</body></html>"),
    "says nothing": (b"200 OK", JSON, b"{}"),
    "lies": (
        b"200 OK",
        JSON,
        b'{"registered_model": {"name": "m", "aliases": [{"alias": "champion", "version": "77"}]}}',
    ),
}


class Front:
    """Listens on ``port``; ``mode`` is ``through`` (pass on), ``hangs``, ``breaks off`` or one of ``ANSWERS``."""

    def __init__(self, upstream: int, mode: str = "through") -> None:
        self._upstream = upstream
        self._mode = mode
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.turn("breaks off")

    @property
    def url(self) -> str:
        """Where a client is sent."""
        return f"http://127.0.0.1:{self.port}"

    def turn(self, mode: str) -> None:
        """From now on answer like this; connections that are open end."""
        with self._lock:
            self._mode = mode
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with self._lock:
            mode = self._mode
            self._open.add(connection)
        try:
            with contextlib.suppress(OSError), connection:
                if mode == "through":
                    self._pass_on(connection)
                elif mode == "hangs":
                    while connection.recv(65536):
                        pass
                elif mode == "breaks off":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.recv(65536)
                    connection.sendall(_reply(*ANSWERS[mode]))
        finally:
            with self._lock:
                self._open.discard(connection)

    def _pass_on(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._upstream), 10) as behind:
            behind.settimeout(None)
            with self._lock:
                self._open.add(behind)
            try:
                back = threading.Thread(target=_pump, args=(behind, connection), daemon=True)
                back.start()
                _pump(connection, behind)
                back.join(10)
            finally:
                with self._lock:
                    self._open.discard(behind)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _reply(status: bytes, kind: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, kind, len(body)) + body
