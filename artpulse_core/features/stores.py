"""The two tables of the feature cache, each in memory while in use and in batches on disk.

Belongs here: file stamp → content hash, content hash → numbers or refusal, and their array layout. Does not
belong here: reading pictures (``artpulse_core.features.cache``).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from artpulse_core.features.batches import MERGE_ABOVE, Arrays, read_batches, remove, write_batch

Stamp = tuple[int, int, int, int]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Result:
    """Numbers and difference hash of a picture, or the reason code and sentence of its refusal."""

    vector: np.ndarray | None = None
    dhash: int = 0
    reason: str = ""
    message: str = ""


class _Store(ABC, Generic[Value]):
    """A dictionary that is filled from immutable batches; new entries become one more batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[bytes, Value] = {}
        self._new: dict[bytes, Value] = {}
        self._read: set[Path] = set()

    def load(self) -> None:
        """Take in every batch that was not read before; a batch of another shape is removed."""
        for path, arrays in read_batches(self._folder, skip=self._read).items():
            try:
                self._known.update(self._unpack(arrays))
            except (KeyError, ValueError, IndexError, TypeError):
                remove(path)
            else:
                self._read.add(path)

    def write(self) -> None:
        """Write what was put since the last write as one batch, whole."""
        if self._new:
            self._read.add(write_batch(self._folder, self._pack(self._new)))
            self._new = {}

    def merge(self) -> None:
        """Replace many batches by one, so that reading stays fast; the old ones go after the new one is
        there.
        """
        if len(self._read) <= MERGE_ABOVE:
            return
        old = self._read
        merged = write_batch(self._folder, self._pack(self._known))
        for path in old - {merged}:
            remove(path)
        self._read = {merged}

    def _put(self, key: bytes, value: Value) -> None:
        self._known[key] = value
        self._new[key] = value

    @abstractmethod
    def _pack(self, rows: dict[bytes, Value]) -> Arrays: ...

    @abstractmethod
    def _unpack(self, arrays: Arrays) -> dict[bytes, Value]: ...


class StampStore(_Store[tuple[Stamp, bytes]]):
    """Absolute path (bytes) → stamp and content hash (32 bytes)."""

    def get(self, path: bytes, stamp: Stamp) -> bytes | None:
        """The content hash if the file looked exactly so when it was read."""
        found = self._known.get(path)
        return found[1] if found is not None and found[0] == stamp else None

    def put(self, path: bytes, stamp: Stamp, digest: bytes) -> None:
        """Remember what was read."""
        self._put(path, (stamp, digest))

    def _pack(self, rows: dict[bytes, tuple[Stamp, bytes]]) -> Arrays:
        return {
            "paths": np.frombuffer(b"\0".join(rows), dtype=np.uint8),
            "stamps": np.array([stamp for stamp, _ in rows.values()], dtype=np.uint64).reshape(-1, 4),
            "digests": np.frombuffer(b"".join(digest for _, digest in rows.values()), dtype=np.uint8).reshape(
                -1, 32
            ),
        }

    def _unpack(self, arrays: Arrays) -> dict[bytes, tuple[Stamp, bytes]]:
        paths = arrays["paths"].tobytes().split(b"\0")
        digests = _rows(arrays["digests"], 32)
        stamps: list[list[int]] = arrays["stamps"].tolist()
        rows = zip(paths, stamps, digests, strict=True)
        return {path: ((s[0], s[1], s[2], s[3]), digest) for path, s, digest in rows}


class VectorStore(_Store[Result]):
    """Content hash (32 bytes) → numbers or refusal, for one feature set."""

    def __init__(self, folder: Path, width: int) -> None:
        super().__init__(folder)
        self._width = width

    def get(self, digest: bytes) -> Result | None:
        """The verdict on that content, if there is one."""
        return self._known.get(digest)

    def put(self, digest: bytes, result: Result) -> None:
        """Remember a verdict."""
        self._put(digest, result)

    def _pack(self, rows: dict[bytes, Result]) -> Arrays:
        none = np.full(self._width, np.nan)
        results = list(rows.values())
        refusals = {str(i): [r.reason, r.message] for i, r in enumerate(results) if r.vector is None}
        return {
            "digests": np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, 32),
            "matrix": np.stack([none if r.vector is None else r.vector for r in results]),
            "dhash": np.array([r.dhash for r in results], dtype=np.uint64),
            "refusals": np.frombuffer(json.dumps(refusals).encode(), dtype=np.uint8),
        }

    def _unpack(self, arrays: Arrays) -> dict[bytes, Result]:
        digests = _rows(arrays["digests"], 32)
        matrix = arrays["matrix"]
        hashes: list[int] = arrays["dhash"].tolist()
        if matrix.shape != (len(digests), self._width) or matrix.dtype != np.float64:
            raise ValueError("The batch is of another shape.")
        refusals: dict[str, list[str]] = json.loads(arrays["refusals"].tobytes())
        out: dict[bytes, Result] = {}
        for i, (digest, dhash) in enumerate(zip(digests, hashes, strict=True)):
            if str(i) in refusals:
                reason, message = refusals[str(i)]
                out[digest] = Result(reason=reason, message=message)
            else:
                out[digest] = Result(vector=matrix[i], dhash=dhash)
        return out


def _rows(array: np.ndarray, width: int) -> list[bytes]:
    data = array.tobytes()
    return [data[i : i + width] for i in range(0, len(data), width)]
