"""A text file of a table before its cells: its size, compression, encoding and separator.

Belongs here: everything that can be said about the bytes, judged before a row is read, in bounded memory. Does not
belong here: rows and columns (``tables``), what a cell means (``cells``).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from artpulse_core.errors import DataError

MAX_BYTES = 512 * 1024 * 1024  # unpacked; a table of that size still fits beside a training run
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE = 256 * 1024
_BLOCK = 1024 * 1024
_SAVE = "save it as CSV UTF-8"
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF"),
)
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HINT = re.compile(r"^sep=(.)$")  # Excel writes this line before the names


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a table, unpacked where it is gzip; never from a pipe or device, never more than ``MAX_BYTES``.

    Raises ``DataError`` for what is no plain file, too large, or another kind of file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a pipe would wait
    except FileNotFoundError:
        raise DataError(f"There is no file {str(path)!r}.") from None
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise DataError(f"{str(path)!r} is no plain file; name a CSV.")
    with os.fdopen(descriptor, "rb") as handle:
        if status.st_size > MAX_BYTES:
            raise too_large(path, status.st_size)
        head = handle.read(16)
        handle.seek(0)
        if head[:2] != b"\x1f\x8b":
            yield handle
            return
        with gzip.open(handle) as unpacked:
            yield cast(IO[bytes], unpacked)


def too_large(path: Path, size: int | None = None) -> DataError:
    """The refusal of a file above the limit, before any of it is kept."""
    said = f"is {size / 2**20:,.0f} MiB" if size else "is larger than that when unpacked"
    return DataError(
        f"{path.name} {said}; a table may have {MAX_BYTES // 2**20} MiB: keep a sample of its rows, or only the "
        "columns you need."
    )


def judge(path: Path) -> None:
    """Read the file once and keep nothing: raises ``DataError`` for what is no UTF-8 text, too large or empty."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    place = lines = 0
    with opened(path) as handle:
        while block := _read(path, handle):
            if place == 0:
                _judge_head(path, block)
            if (nul := block.find(b"\0")) >= 0:
                line = lines + block.count(b"\n", 0, nul) + 1
                raise DataError(
                    f"{path.name} is no text: line {line} holds a NUL byte (byte {place + nul:,})."
                )
            waiting = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                raise _no_utf8(path, place - waiting + error.start) from None
            lines += block.count(b"\n")
            place += len(block)
            if place > MAX_BYTES:
                raise too_large(path)
        if decoder.getstate()[0]:
            raise _no_utf8(path, place - len(decoder.getstate()[0]))
    if not place:
        raise DataError(f"{path.name} is empty.")


def _read(path: Path, handle: IO[bytes]) -> bytes:
    try:
        return handle.read(_BLOCK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path.name} is a damaged gzip file ({error}); copy it again.") from None


def _no_utf8(path: Path, place: int) -> DataError:
    return DataError(f"{path.name} is not UTF-8 text (byte {place:,}); {_SAVE}.")


def _judge_head(path: Path, block: bytes) -> None:
    if block.startswith(_WIDE):
        raise DataError(f"{path.name} is UTF-16 or UTF-32 text; {_SAVE}.")
    for magic, kind in _FOREIGN:
        if block.startswith(magic):
            raise DataError(f"{path.name} is {kind}, not a CSV; {_SAVE} (.csv or .csv.gz).")
    pairs = block[:1024]
    blank = max(pairs[0::2].count(0), pairs[1::2].count(0))
    if len(pairs) >= 8 and blank > len(pairs) // 4 and pairs.strip(b"\0"):
        raise DataError(f"{path.name} looks like UTF-16 text; {_SAVE}.")


@contextmanager
def text(path: Path) -> Iterator[io.TextIOWrapper]:
    """The file as text without its byte order mark, line ends as they are; ``judge`` it first."""
    with opened(path) as handle, io.TextIOWrapper(handle, encoding="utf-8-sig", newline="") as reader:
        yield reader


def find_separator(path: Path, sample: str, stated: str = "") -> tuple[str, int]:
    """The separator of ``sample`` (the beginning of the file) and how many lines before the names to pass over.

    It is the one that cuts the most lines to the width of the first, the widest where two do. Raises ``DataError``
    when none cuts the first line.
    """
    if not sample.strip():
        raise DataError(f"{path.name} holds nothing but empty lines.")
    first = next(line for line in sample.splitlines() if line.strip())
    hint = _HINT.match(first.strip('"'))
    if hint and (stated or hint[1] in SEPARATORS):
        return stated or hint[1], 1
    if stated:
        return stated, 0
    best, score = "", (0.0, 1)
    for separator in SEPARATORS:
        widths = _widths(sample, separator)
        width = widths[0] if widths else 1
        if width > 1:
            agreeing = Counter(widths)[width] / len(widths)
            best, score = max((best, score), (separator, (agreeing, width)), key=lambda item: item[1])
    if not best:
        raise DataError(
            f"{path.name} has one column only: no comma, semicolon, tab or pipe separates its first line "
            f"({shorten(first)!r})."
        )
    return best, 0


def _widths(sample: str, separator: str) -> list[int]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    widths: list[int] = []
    try:
        for row in reader:
            if row:
                widths.append(len(row))
            if len(widths) == 200:
                return widths
    except csv.Error:
        return widths
    # the sample may end within a row
    return widths[:-1] if len(sample) >= SAMPLE and len(widths) > 1 else widths


def shorten(value: str, length: int = 40) -> str:
    """``value`` as it fits into a sentence."""
    return value if len(value) <= length else value[: length - 1] + "…"
