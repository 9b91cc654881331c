"""Numbers from pictures: the named feature sets and the one function graph and API both call.

Belongs here: finding a set by name and the plain entry points. Does not belong here: how any is computed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from artpulse_core.errors import ProblemError
from artpulse_core.features.base import FeatureSet, Joined
from artpulse_core.features.core5 import Core5
from artpulse_core.features.rich import Rich

__all__ = ["FeatureSet", "available", "extract", "get", "names", "vector"]

_SETS: dict[str, FeatureSet] = {feature_set.name: feature_set for feature_set in (Core5(), Rich())}


def names() -> tuple[str, ...]:
    """The names ``get`` knows; any of them can be joined with ``+``."""
    return tuple(_SETS)


def available(name: str) -> bool:
    """Whether this installation can compute the set, for a problem that names several; reads nothing."""
    return all(part in _SETS for part in name.split("+"))


def get(name: str, folder: Path | None = None) -> FeatureSet:
    """The feature set of that name, or several joined (``core5+rich``). Raises ``ProblemError``."""
    parts = name.split("+")
    unknown = [part for part in parts if part not in _SETS]
    if unknown:
        raise ProblemError(
            f"There is no feature set {unknown[0]!r}; known are {', '.join(_SETS)} and joins with '+'."
        )
    if len(set(parts)) < len(parts):
        raise ProblemError(f"The feature set {name!r} names a part twice.")
    return _SETS[name] if len(parts) == 1 else Joined(tuple(_SETS[part] for part in parts))


def vector(image_bytes: bytes, feature_set: FeatureSet) -> np.ndarray:
    """Numbers of one picture as float64 of shape (len(feature_set.names),). Raises ``ImageRefused``."""
    return feature_set.vector(image_bytes)


def extract(image_bytes: bytes, feature_set: str = "rich") -> dict[str, float]:
    """Name → number of one picture. Raises ``ImageRefused`` for the picture, ``ProblemError`` for the set."""
    chosen = get(feature_set)
    return dict(zip(chosen.names, vector(image_bytes, chosen).tolist(), strict=True))
