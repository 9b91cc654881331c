"""Features of a folder without reading an unchanged file twice.

Belongs here: the two stores (file stamp → content, content → numbers or refusal) and the pass that fills
them. Does not belong here: how batches lie on disk (``artpulse_core.features.batches``) or what a number
means.

``<folder>/stamps/`` says which content a file had when its size, times and inode were last seen, for every
feature set. ``<folder>/<set>-<fingerprint>/`` holds numbers by content hash, so another code version has
other files, a moved picture is not computed again, and many processes or hosts fill one cache.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artpulse_core.data.images import MAX_BYTES, REASONS, FileEntry, read
from artpulse_core.errors import ImageRefused
from artpulse_core.features.base import FeatureSet
from artpulse_core.features.stores import Result, StampStore, VectorStore

_CHUNK = 256  # files between two writes: what a killed run loses
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Extracted:
    """What a pass found: accepted files in the order given, and refused ones as (path, reason, message).

    ``matrix`` is float64 (n, f), ``hashes`` the SHA-256 (hex) of each file's bytes, ``dhash`` uint64 (n,).
    ``computed`` counts pictures that were decoded in this pass, ``reused`` verdicts taken from the cache.
    """

    paths: tuple[str, ...]
    hashes: tuple[str, ...]
    matrix: np.ndarray
    dhash: np.ndarray
    refused: tuple[tuple[str, str, str], ...]
    computed: int
    reused: int


class FeatureCache:
    """Numbers of one feature set for any number of folders."""

    def __init__(self, folder: Path, feature_set: FeatureSet) -> None:
        self.feature_set = feature_set
        self._stamps = StampStore(folder / "stamps")
        plain = re.sub(r"[^\w+]+", "-", feature_set.name)[:60]  # a name may hold the path of a file
        name = f"{plain}-{feature_set.fingerprint[:16]}"
        self._vectors = VectorStore(folder / name, len(feature_set.names))

    def extract_files(
        self,
        root: Path,
        entries: Iterable[FileEntry],
        *,
        on_progress: Progress | None = None,
        workers: int = 1,
    ) -> Extracted:
        """Numbers or a refusal for every entry of ``scan(root)``; only new content is decoded.

        ``on_progress(done, total)`` is called after each chunk. ``workers`` are threads. Raises ``OSError``
        when the cache folder cannot be written; everything written before stays valid.
        """
        files = list(entries)
        base = os.fsencode(os.path.realpath(root))
        self._stamps.load()
        self._vectors.load()
        computed = 0
        outcome: list[tuple[str, Result]] = []
        with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
            for start in range(0, len(files), _CHUNK):
                chunk = files[start : start + _CHUNK]
                results, fresh = self._chunk(root, base, chunk, pool if workers > 1 else None)
                outcome.extend(results)
                computed += fresh
                if on_progress is not None:
                    on_progress(len(outcome), len(files))
        self._stamps.merge()
        self._vectors.merge()
        return self._collect(files, outcome, computed)

    def _chunk(
        self, root: Path, base: bytes, chunk: Sequence[FileEntry], pool: ThreadPoolExecutor | None
    ) -> tuple[list[tuple[str, Result]], int]:
        def one(entry: FileEntry) -> tuple[str, Result, bool]:
            return self._one(root, base, entry)

        rows = list(pool.map(one, chunk)) if pool else [one(entry) for entry in chunk]
        # Numbers first: a stamp without them only costs a second reading, never a wrong answer.
        self._vectors.write()
        self._stamps.write()
        return [(digest, result) for digest, result, _ in rows], sum(fresh for _, _, fresh in rows)

    def _one(self, root: Path, base: bytes, entry: FileEntry) -> tuple[str, Result, bool]:
        """Content hash, verdict and whether it was computed now. Content that was not read has hash ""."""
        if entry.size > MAX_BYTES:
            return "", Result(reason="file_too_large", message=REASONS["file_too_large"]), False
        key = base + b"/" + os.fsencode(entry.path)
        known = self._stamps.get(key, entry.stamp)
        if known is not None:
            result = self._vectors.get(known)
            if result is not None:
                return known.hex(), result, False
        try:
            data = read(root / entry.path)
        except ImageRefused as error:
            return "", Result(reason=error.reason, message=error.message), False
        digest = hashlib.sha256(data).digest()
        self._stamps.put(key, entry.stamp, digest)
        result = self._vectors.get(digest)
        if result is not None:
            return digest.hex(), result, False
        result = self._compute(data)
        self._vectors.put(digest, result)
        return digest.hex(), result, True

    def _compute(self, data: bytes) -> Result:
        try:
            vector, dhash = self.feature_set.vector_and_hash(data)
        except ImageRefused as error:
            return Result(reason=error.reason, message=error.message)
        return Result(vector=vector, dhash=dhash)

    def _collect(self, files: list[FileEntry], outcome: list[tuple[str, Result]], computed: int) -> Extracted:
        good = [
            (entry.path, digest, result)
            for entry, (digest, result) in zip(files, outcome, strict=True)
            if not result.reason
        ]
        refused = [
            (entry.path, result.reason, result.message)
            for entry, (_, result) in zip(files, outcome, strict=True)
            if result.reason
        ]
        vectors = [result.vector for _, _, result in good if result.vector is not None]
        width = len(self.feature_set.names)
        return Extracted(
            paths=tuple(path for path, _, _ in good),
            hashes=tuple(digest for _, digest, _ in good),
            matrix=np.stack(vectors).astype(np.float64) if vectors else np.empty((0, width)),
            dhash=np.array([result.dhash for _, _, result in good], dtype=np.uint64),
            refused=tuple(refused),
            computed=computed,
            reused=len(files) - computed,
        )
