"""Numbers from pictures: the named feature sets and the one function graph and API both call.

Belongs here: finding a set by name and the plain entry points. Does not belong here: how any is computed.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import util
from pathlib import Path

import numpy as np

from artpulse_core.errors import ProblemError
from artpulse_core.features import efficientnet, embedding, ownfile
from artpulse_core.features.base import FeatureSet, Joined
from artpulse_core.features.core5 import Core5
from artpulse_core.features.embedding import Packaged
from artpulse_core.features.ownfile import Own
from artpulse_core.features.rich import Rich

__all__ = ["FeatureSet", "available", "extract", "get", "names", "vector"]

_SETS: dict[str, FeatureSet] = {feature_set.name: feature_set for feature_set in (Core5(), Rich())}
_OWN = f"{embedding.NAME}:"


def names() -> tuple[str, ...]:
    """The names ``get`` knows besides ``embedding:<file.onnx>``; any of them can be joined with ``+``."""
    return (*_SETS, embedding.NAME)


def get(name: str, *, cache: Path | None = None, bundle: Path | None = None) -> FeatureSet:
    """The feature set of that name, or several joined (``core5+rich``). Raises ``ProblemError``.

    ``cache`` is the folder where converted weights are kept; without it they are converted again in each process
    that takes a number. ``bundle`` is the folder of a bundle whose own files are used instead of installed ones;
    raises ``BundleError`` when it lacks one. Nothing is read or opened before the first picture, but for the names
    of a user's own file.
    """
    parts = _parts(name)
    if len(parts) == 1:
        return _one(parts[0], cache, bundle)
    return Joined(tuple(_one(part, cache, bundle) for part in parts))


def available(name: str) -> bool:
    """True when this machine can compute the set for training; nothing is read. Raises ``ProblemError``."""
    for part in _parts(name):
        if part == embedding.NAME and not (efficientnet.installed() and util.find_spec("onnx")):
            return False
        if part.startswith(_OWN) and not ownfile.parse(part)[0].is_file():
            return False
    return True


def vector(image_bytes: bytes, feature_set: FeatureSet) -> np.ndarray:
    """Numbers of one picture as float64 of shape (len(feature_set.names),). Raises ``ImageRefused``."""
    return feature_set.vector(image_bytes)


def extract(image_bytes: bytes, feature_set: str = "rich") -> dict[str, float]:
    """Name → number of one picture. Raises ``ImageRefused`` for the picture, ``ProblemError`` for the set."""
    chosen = get(feature_set)
    return dict(zip(chosen.names, vector(image_bytes, chosen).tolist(), strict=True))


def _parts(name: str) -> list[str]:
    parts = name.split("+")
    unknown = [part for part in parts if part not in names() and not part.startswith(_OWN)]
    if unknown:
        raise ProblemError(
            f"There is no feature set {unknown[0]!r}; known are {', '.join(names())}, "
            f"{_OWN}<file.onnx> and joins with '+'."
        )
    if len(set(parts)) < len(parts):
        raise ProblemError(f"The feature set {name!r} names a part twice.")
    if sum(part.startswith(embedding.NAME) for part in parts) > 1:
        raise ProblemError(f"The feature set {name!r} joins two embeddings; a bundle carries one.")
    return parts


def _one(name: str, cache: Path | None, bundle: Path | None) -> FeatureSet:
    if name in _SETS:
        return _SETS[name]
    if name == embedding.NAME:
        return Packaged(bundle=bundle) if bundle is not None else _packaged(cache)
    return Own(name, bundle=bundle) if bundle is not None else _own(name, ownfile.stamp(name))


@lru_cache(maxsize=4)
def _packaged(cache: Path | None) -> FeatureSet:
    """One object a process, so that the network is opened once however often it is asked for."""
    return Packaged(cache=cache)


@lru_cache(maxsize=4)
def _own(name: str, _stamp: tuple[int, ...]) -> FeatureSet:
    """Likewise, until the file is another."""
    return Own(name)
