"""One picture: from bytes to a verdict and to pixels, the same in the graph, the API and the command line.

Belongs here: the limits, the refusal reasons, reading a header, decoding. Does not belong here: walking a
folder (``artpulse_core.data.folder``) or any number computed from pixels (``artpulse_core.features``).

Nothing is decoded before its header was judged, so memory is bounded by ``MAX_PIXELS``. Pictures are taken as
sRGB: embedded colour profiles are not applied, so a broken one cannot change the answer.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Resampling, Transpose

from artpulse_core.errors import ImageRefused

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
MIN_SIDE, MAX_SIDE = 16, 16_384
_LARGE = 4_000_000  # pixels above which a second copy matters
MAX_SCANS = 100  # a progressive JPEG has about ten; each costs a pass over every block

DECODE_VERSION = "1:draft,box-gap2-bilinear,exif,white"
"""Part of every feature fingerprint; changes whenever ``decode`` may give other pixels."""

REASONS: dict[str, str] = {
    "empty_file": "The file is empty.",
    "file_too_large": "The file is larger than 10 MB.",
    "not_an_image": "The bytes are not a picture.",
    "format_unsupported": "The picture is not JPEG, PNG, WebP, BMP or GIF.",
    "truncated": "The picture ends before all of it was read.",
    "checksum_mismatch": "A checksum inside the picture does not match its bytes.",
    "undecodable": "The picture is damaged and cannot be decoded.",
    "too_many_pixels": "The picture has more than 25 megapixels.",
    "side_too_long": "A side of the picture is longer than 16,384 pixels.",
    "side_too_short": "A side of the picture is shorter than 16 pixels.",
    "too_many_scans": "The JPEG has more than 100 scans.",
    "fully_transparent": "Every pixel of the picture is transparent.",
    "not_a_file": "This is no plain file but a folder, pipe, socket or device; it was not read.",
    "unreadable": "The file cannot be read; check its permissions.",
    "link_leaves_root": "The link points outside the folder; it was not followed.",
    "link_dangling": "The link points to nothing.",
}
"""Reason code → sentence, for everything that is refused."""

_MAGIC: tuple[tuple[str, int, bytes], ...] = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("GIF", 0, b"GIF87a"),
    ("GIF", 0, b"GIF89a"),
    ("WEBP", 8, b"WEBP"),
    ("BMP", 0, b"BM"),
)
_OTHER_MAGIC: tuple[tuple[int, bytes], ...] = (
    (0, b"II*\x00"), (0, b"MM\x00*"), (4, b"ftyp"), (0, b"8BPS"), (0, b"\x00\x00\x01\x00"),
    (0, b"\x00\x00\x00\x0cjP"), (0, b"\xff\x0a"), (0, b"\x00\x00\x00\x0cJXL"), (0, b"%PDF"), (0, b"qoif"),
)  # fmt: skip
_PILLOW_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, RuntimeError,
    OverflowError, ZeroDivisionError, MemoryError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
_ORIENTATION = {
    2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE, 6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
}  # fmt: skip
_ORIENTATION_TAG = 0x0112
_quiet_lock = threading.Lock()


@dataclass(frozen=True)
class Header:
    """What a picture says about itself. ``frames`` is 1 for a still; for a GIF 2 means two or more."""

    format: str
    width: int
    height: int
    mode: str
    frames: int


def refuse(reason: str, detail: str = "") -> ImageRefused:
    """The error of one reason code, with its sentence and an optional detail in brackets."""
    return ImageRefused(reason, f"{REASONS[reason][:-1]} ({detail})." if detail else REASONS[reason])


def sniff(head: bytes) -> str | None:
    """The format by its first bytes (16 are enough), or None when it is none of the five."""
    for name, offset, magic in _MAGIC:
        if head[offset : offset + len(magic)] == magic and (name != "WEBP" or head[:4] == b"RIFF"):
            return name
    return None


def inspect(data: bytes) -> Header:
    """Read the header of a picture and judge it without decoding a pixel.

    Raises ``ImageRefused`` with a code of ``REASONS``. A picture that passes may still turn out to be
    truncated, damaged or fully transparent; only ``decode`` knows.
    """
    with _open(data) as image:
        frames = 1
        try:
            animated = bool(getattr(image, "is_animated", False))
            frames = 2 if animated and image.format == "GIF" else int(getattr(image, "n_frames", 1))
        except _PILLOW_ERRORS:
            frames = 1  # only a later frame is broken, and only the first is used
        return Header(_format(image), image.width, image.height, image.mode, max(1, frames))


def decode(data: bytes, side: int) -> np.ndarray:
    """Pixels of a picture as (h, w, 3) uint8 sRGB with the long side at most ``side``; never enlarged.

    The first frame, upright by its EXIF orientation, alpha composited over white, 16 bits scaled to 8, CMYK
    converted. A JPEG is drafted (decoded at 1/2, 1/4 or 1/8) to the smallest size not below ``side``.
    Raises ``ImageRefused`` with a code of ``REASONS``.
    """
    with _open(data) as image:
        orientation = _orientation(image)
        width, height = image.size
        scale = min(1.0, side / max(width, height))
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        try:
            image.draft(None, target)
            image.load()
            small = _shrink(_eight_bit(image), target)
        except _PILLOW_ERRORS as error:
            raise _broken(error) from error
    if orientation in _ORIENTATION:
        small = small.transpose(_ORIENTATION[orientation])
    return np.array(small, dtype=np.uint8)


@contextmanager
def _open(data: bytes) -> Iterator[Image.Image]:
    """The opened and judged picture; refuses by everything that can be told without decoding."""
    found = _judge_bytes(data)
    try:
        # Pillow warns while it reads headers. ``catch_warnings`` is not safe between threads: hence the lock.
        with _quiet_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=[found])
    except _PILLOW_ERRORS as error:
        if isinstance(error, Image.DecompressionBombError):
            raise refuse("too_many_pixels") from error
        raise _broken(error) from error
    with image:
        _judge_size(image.width, image.height)
        yield image


def _judge_bytes(data: bytes) -> str:
    if not data:
        raise refuse("empty_file")
    if len(data) > MAX_BYTES:
        raise refuse("file_too_large")
    found = sniff(data[:16])
    if found is None:
        known = any(data[offset : offset + len(magic)] == magic for offset, magic in _OTHER_MAGIC)
        raise refuse("format_unsupported" if known else "not_an_image")
    if found == "PNG":
        _check_png(data)
    elif found == "WEBP":
        _check_webp(data)
    elif found == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
        raise refuse("too_many_scans")
    return found


def _judge_size(width: int, height: int) -> None:
    detail = f"{width} × {height}"
    if min(width, height) < MIN_SIDE:
        raise refuse("side_too_short", detail)
    if max(width, height) > MAX_SIDE:
        raise refuse("side_too_long", detail)
    if width * height > MAX_PIXELS:
        raise refuse("too_many_pixels", detail)


def _check_png(data: bytes) -> None:
    """Walk the chunks to IEND and compare every CRC, which Pillow skips for pixel data (PNG, section 5)."""
    position = 8
    view = memoryview(data)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 8 + length
        if end + 4 > len(data):
            raise refuse("truncated")
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise refuse("checksum_mismatch")
        if data[position + 4 : position + 8] == b"IHDR" and length >= 8:
            _judge_size(*struct.unpack(">II", data[position + 8 : position + 16]))
        if data[position + 4 : position + 8] == b"IEND":
            return
        position = end + 4
    raise refuse("truncated")


def _check_webp(data: bytes) -> None:
    """Judge the canvas before Pillow's decoder reserves two of them (RFC 9649, section 2)."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise refuse("truncated")
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        _judge_size(int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture as RGB, L, or RGBA when it has any transparency; refuses a fully transparent one."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        narrow = (values >> 8) if values.dtype == np.uint16 else np.clip(values.astype(np.int64) >> 8, 0, 255)
        return Image.fromarray(narrow.astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        top = rgba.getchannel("A").getextrema()[1]
        if top == 0:
            raise refuse("fully_transparent")
        return rgba
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _shrink(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """Resize to ``target`` (a box reduction first where it is far), then composite over white."""
    if image.size != target:
        image = _coarser(image, target)
        image = image.resize(target, Resampling.BILINEAR, reducing_gap=2.0)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _coarser(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """A large picture with alpha, box-reduced strip by strip to at least twice ``target``.

    Pillow would first make a premultiplied copy of all of it: 100 MB more at 25 megapixels.
    """
    factor = min(image.width // target[0], image.height // target[1]) // 2
    if image.mode != "RGBA" or factor < 2 or image.width * image.height < _LARGE:
        return image
    out = Image.new("RGBA", (-(-image.width // factor), -(-image.height // factor)))
    step = 64 * factor
    for top in range(0, image.height, step):
        strip = image.crop((0, top, image.width, min(top + step, image.height)))
        out.paste(strip.reduce(factor), (0, top // factor))
    return out


def _orientation(image: Image.Image) -> int:
    try:
        with _quiet_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value: Any = image.getexif().get(_ORIENTATION_TAG, 1)
    except _PILLOW_ERRORS:
        return 1  # a broken EXIF block is ignored
    return value if isinstance(value, int) else 1


def _broken(error: BaseException) -> ImageRefused:
    if isinstance(error, ImageRefused):
        return error
    text = str(error).lower()
    return refuse("truncated" if "truncated" in text or "unexpected end" in text else "undecodable")


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else str(image.format)
