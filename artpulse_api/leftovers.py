"""The part of a request's body no handler read: taken off the connection before the answer goes out.

Belongs here: that one precaution. gunicorn 26.2 discards such a rest after the answer; a client that sends its next
request meanwhile gets both read into one buffer, where the second waits unseen until the client gives up.
"""

from __future__ import annotations

import time
from typing import Any

MAX_BYTES = 16 * 1024 * 1024  # above it the connection is closed, which is gunicorn's own way
SECONDS = 5.0
CHUNK = 65536


def discard(environ: dict[str, Any]) -> None:
    """Read what is left of the body, at most ``MAX_BYTES`` in ``SECONDS``; a stalled client is left to gunicorn."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if length == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
        return
    if not length.isdecimal() or int(length) > MAX_BYTES:
        return
    stream, connection = environ["wsgi.input"], environ.get("gunicorn.socket")
    until, left = time.monotonic() + SECONDS, MAX_BYTES
    try:
        while left > 0 and (now := time.monotonic()) < until:
            if connection is not None:
                connection.settimeout(until - now)
            data = stream.read(min(CHUNK, left))
            if not data:
                return
            left -= len(data)
    except OSError:  # the client went away or stalled
        return
    finally:
        if connection is not None:
            connection.settimeout(None)
