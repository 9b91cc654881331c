"""Bodies with a picture: JSON with base64, a multipart file, or the picture itself.

Belongs here: finding the picture's bytes and what to call their place in an error. Does not belong here: judging the
picture (``artpulse_core.data.picture``).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import PurePosixPath

from flask import Request

from artpulse_api.errors import RequestRefused
from artpulse_api.rows import body_bytes, escape, json_body
from artpulse_core.data.picture import sniff
from artpulse_core.errors import ContractViolation, ImageRefused, Issue

FILE_FIELDS = ("file", "image")
MAX_BODY_BYTES = 15 * 1024 * 1024
EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF",
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """The bytes of a picture, the JSON pointer of their place in the body, and warnings about how they came."""

    data: bytes
    pointer: str
    warnings: tuple[str, ...] = ()

    def refused(self, error: ImageRefused) -> ImageRefused:
        """``error`` with the place of this picture."""
        placed = ImageRefused(error.reason, error.message)
        placed.issues = (Issue(self.pointer, error.reason, error.message),)
        return placed


def from_request(request: Request) -> Picture:
    """The one picture of a request; raises ``RequestRefused`` 415 or ``ContractViolation``."""
    kind = request.mimetype
    if request.is_json:
        return _from_json(request)
    if kind == "multipart/form-data":
        return _from_form(request)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return Picture(body_bytes(request), "")
    message = "Send the picture as the body (image/*), as multipart/form-data, or as JSON with image_base64."
    raise RequestRefused(415, "media_type", message)


def _from_json(request: Request) -> Picture:
    body = json_body(request)
    if not isinstance(body, dict):
        raise _violation("", "object_type", 'The body is an object: {"image_base64": "…"}.')
    extra = sorted(set(body) - {"image_base64"})
    if extra:
        raise _violation(f"/{escape(extra[0])}", "extra_forbidden", "There is no such field; remove it.")
    text = body.get("image_base64")
    if not isinstance(text, str):
        code = "string_type" if "image_base64" in body else "missing"
        raise _violation("/image_base64", code, "image_base64 is the picture's bytes in base64.")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return Picture(base64.b64decode(text, validate=True), "/image_base64")
    except (binascii.Error, ValueError):
        raise _violation(
            "/image_base64", "base64_invalid", "This is not base64 (RFC 4648, section 4)."
        ) from None


def _from_form(request: Request) -> Picture:
    found = [name for name in FILE_FIELDS if name in request.files]
    if len(found) != 1 or len(request.files.getlist(found[0])) != 1:
        raise _violation("/file", "missing", "Send one file, in the form field `file` or `image`.")
    sent = request.files[found[0]]
    data = sent.stream.read()
    return Picture(data, f"/{found[0]}", _misnamed(sent.filename or "", data))


def _misnamed(name: str, data: bytes) -> tuple[str, ...]:
    says, holds = EXTENSIONS.get(PurePosixPath(name).suffix.lower()), sniff(data[:16])
    if says is None or holds is None or says == holds:
        return ()
    return (f"The file is called like a {says} picture and holds a {holds} one.",)


def _violation(pointer: str, code: str, message: str) -> ContractViolation:
    return ContractViolation(message, (Issue(pointer, code, message),))
