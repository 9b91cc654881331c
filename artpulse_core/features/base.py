"""What a feature set is: a named, versioned, deterministic function from one picture to numbers.

Belongs here: the base class, its fingerprint, joining sets, and shrinking pixels. Does not belong here: any
particular number (``core5``, ``rich``), reading folders or caching (``artpulse_core.features.cache``).
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from artpulse_core.data.picture import DECODE_VERSION, decode

MAX_WATCHED = 500
"""More numbers a picture than this are not logged and not watched for drift one by one."""


class FeatureSet(ABC):
    """A named set of numbers taken from a picture.

    ``side`` is the long side in pixels at which pictures are decoded for it, ``names`` the order of the
    numbers. Raise ``version`` in the same commit as any change that can give another number.
    """

    name: str
    version: int
    side: int
    names: tuple[str, ...]
    tolerance = 1e-6
    """How far a number may be away on another machine with the same code (golden answers allow it)."""

    @property
    def blocks(self) -> tuple[int, ...]:
        """Widths of the groups of numbers that belong together, in order; they sum to ``len(names)``."""
        return (len(self.names),)

    @property
    def watch(self) -> FeatureSet:
        """The set whose numbers are logged and watched for drift: this one, or a small one where it is wide."""
        return self

    @property
    def origin(self) -> str:
        """Where learned numbers come from, as sentences for the model card; empty for plain code."""
        return ""

    def files(self) -> dict[str, bytes]:
        """Name → bytes of what must lie in a bundle so that it can compute this set; nothing for plain code."""
        return {}

    @abstractmethod
    def extract(self, pixels: np.ndarray) -> np.ndarray:
        """Numbers of (h, w, 3) uint8 sRGB pixels as float64 of shape (len(names),); finite for any input."""

    def vector(self, image_bytes: bytes) -> np.ndarray:
        """Decode a picture at ``side`` and extract. Raises ``ImageRefused``."""
        return self.vector_and_hash(image_bytes)[0]

    def vector_and_hash(self, image_bytes: bytes) -> tuple[np.ndarray, int]:
        """``vector`` and ``difference_hash`` from one decoding. Raises ``ImageRefused``."""
        pixels = decode(image_bytes, self.side)
        return self.extract(pixels), difference_hash(pixels)

    def parameters(self) -> dict[str, Any]:
        """Everything besides the code that decides the numbers; part of the fingerprint."""
        return {"names": list(self.names), "side": self.side, "decode": DECODE_VERSION}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over name, version and parameters: equal fingerprints mean equal numbers."""
        facts = {"name": self.name, "version": self.version, "parameters": self.parameters()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class Joined(FeatureSet):
    """Several sets side by side; each sees the picture as it would alone and gives the same numbers."""

    def __init__(self, parts: tuple[FeatureSet, ...]) -> None:
        self.parts = parts
        self.name = "+".join(part.name for part in parts)
        self.version = max(part.version for part in parts)
        self.side = max(part.side for part in parts)
        self.tolerance = max(part.tolerance for part in parts)

    @cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]  # a part may have to be opened for its names
        """The names of all parts, in order."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks of all parts, in order."""
        return tuple(width for part in self.parts for width in part.blocks)

    @property
    def watch(self) -> FeatureSet:
        """Those parts that are watched as they are; else what the first is watched by."""
        small = tuple(part for part in self.parts if part.watch is part)
        if len(small) == len(self.parts):
            return self
        if not small:
            return self.parts[0].watch
        return small[0] if len(small) == 1 else Joined(small)

    @property
    def origin(self) -> str:
        """The sentences of all parts."""
        return " ".join(part.origin for part in self.parts if part.origin)

    def files(self) -> dict[str, bytes]:
        """The files of all parts."""
        return {name: data for part in self.parts for name, data in part.files().items()}

    def extract(self, pixels: np.ndarray) -> np.ndarray:
        """Numbers of all parts from the same pixels, shrunk to each part's side."""
        return np.concatenate([part.extract(shrink(pixels, part.side)) for part in self.parts])

    def vector_and_hash(self, image_bytes: bytes) -> tuple[np.ndarray, int]:
        """Numbers of all parts, decoded once for each, and the first one's hash."""
        results = [part.vector_and_hash(image_bytes) for part in self.parts]
        return np.concatenate([vector for vector, _ in results]), results[0][1]

    def parameters(self) -> dict[str, Any]:
        """The fingerprints of the parts, in order."""
        return {"parts": [part.fingerprint for part in self.parts]}


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """Pixels with the long side at most ``side`` (bilinear); the same array when it is small enough."""
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        return pixels
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Resampling.BILINEAR, reducing_gap=2.0))


def luma(pixels: np.ndarray) -> np.ndarray:
    """Brightness as the eye weighs it, float32 in [0, 1] (ITU-R BT.601 weights on encoded values)."""
    # Pillow's integer conversion is five times faster than three float products and rounds to 1/255.
    return np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32) / np.float32(255)


def difference_hash(pixels: np.ndarray) -> int:
    """64-bit difference hash: is each of 8 × 9 cells brighter than its left neighbour.

    Two pictures whose hashes differ in at most four bits are near duplicates (Krawetz, "Kind of Like That",
    2013).
    """
    small = np.asarray(Image.fromarray(pixels).convert("L").resize((9, 8), Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")
