"""Training examples kept in a bundle: typical rows to compare a prediction with, and the nearest ones to show.

Belongs here: choosing and packing them (``reference``, at packaging), and finding the nearest (``nearest``, in the request
path). Does not belong here: what the model makes of them (``explain``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_core.errors import BundleError
from artpulse_core.model.explain import PREFIX

BACKGROUND, FEWER = 16, 10
EXAMPLES = 2_000
MAX_BYTES = 2_000_000
_AXES = 64  # more columns than this are turned and cut to as many principal axes
_FIT_ROWS = 800
_CLIP = 6.0  # standard deviations: beyond, one column would decide
_ID_BYTES = 200
_DRAWS = 400


@dataclass(frozen=True)
class Neighbour:
    """A training example: its ``id``, ``target`` (index of a label, or a value) and ``digest`` ("" if none was kept).

    ``distance`` is the root mean square difference of the fields in standard deviations of the training rows; another
    level of a category, or a value against none, counts as one and a half.
    """

    id: str
    target: float
    distance: float
    digest: str = ""

    def to_dict(self, labels: Sequence[str] = ()) -> dict[str, Any]:
        """Plain JSON values: ``label`` where there are ``labels``, else ``value``; ``digest`` where one was kept."""
        target = {"label": labels[int(self.target)]} if labels else {"value": self.target}
        digest = {"digest": self.digest} if self.digest else {}
        return {"id": self.id, **target, "distance": self.distance, **digest}


def reference(
    matrix: np.ndarray,
    fields: Sequence[Any],
    targets: np.ndarray,
    ids: Sequence[str],
    *,
    digests: Sequence[str] = (),
    seed: int,
    dear: bool = False,
    examples: int = EXAMPLES,
) -> dict[str, np.ndarray]:
    """The arrays ``explain`` and ``nearest`` read, by their names in state.npz; at most 2 MB together.

    ``matrix`` (n, f): the training rows of the input matrix; ``fields``: the contract's, empty for pictures;
    ``targets`` (n,): indices of labels or values; ``ids``, ``digests``: what names a row to people (row number, path) and
    to programs (content hash). ``dear``: answers cost much, so that they are compared with 10 typical rows and not 16.
    The examples are spread evenly over the sorted targets. Raises ``ValueError`` without rows.
    """
    x = np.asarray(matrix, dtype=np.float64)
    if not len(x):
        raise ValueError("There are no training rows to keep.")
    category = np.array([getattr(item, "kind", "number") == "category" for item in fields], dtype=bool)
    category = category if len(category) == x.shape[1] else np.zeros(x.shape[1], dtype=bool)
    centre, scale = _moments(x)
    rng = np.random.default_rng(seed)
    y = np.asarray(targets, dtype=np.float64)
    turned = _standardised(x, centre, scale, category)
    packed = {"centre": centre, "scale": scale, "category": category}
    wide = x.shape[1] > _AXES and not category.any()
    if wide:
        packed["axes"] = _principal(np.nan_to_num(turned), rng).astype(np.float16)
        turned = np.nan_to_num(turned) @ packed["axes"].astype(np.float64)
    packed["background"] = x[_typical(turned, y, rng, FEWER if dear else BACKGROUND)].astype(
        np.float32 if wide else np.float64
    )
    shuffled = rng.permutation(len(x))
    ordered = shuffled[np.argsort(y[shuffled], kind="stable")]
    texts = _bytes(ids, len(x))
    hashes = _bytes(digests, len(x)) if len(digests) else None
    fixed = sum(array.nbytes for array in packed.values())
    each = turned.shape[1] * 2 + 8 + texts.itemsize + (hashes.itemsize if hashes is not None else 0)
    count = max(1, min(examples, len(x), (MAX_BYTES - fixed) // each))
    kept = np.sort(ordered[np.linspace(0, len(x) - 1, count).round().astype(np.int64)])
    packed |= {"near": turned[kept].astype(np.float16), "targets": y[kept], "ids": texts[kept]}
    if hashes is not None:
        packed["digests"] = hashes[kept]
    return {PREFIX + name: array for name, array in packed.items()}


def nearest(state: Mapping[str, np.ndarray], row: np.ndarray, k: int = 5) -> list[Neighbour]:
    """The ``k`` kept training examples most like ``row`` (f,), nearest first. Raises ``BundleError`` if none are kept."""
    try:
        near, category = state[PREFIX + "near"], state[PREFIX + "category"]
        centre, scale = state[PREFIX + "centre"], state[PREFIX + "scale"]
        targets, ids = state[PREFIX + "targets"], state[PREFIX + "ids"]
    except KeyError as missing:
        raise BundleError(f"state.npz has no {missing.args[0]}: package the model again.") from None
    if row.shape != centre.shape:
        raise ValueError(f"expected a row of {len(centre)} numbers, got {row.shape}")
    place = _standardised(row[None], centre, scale, category)[0]
    if PREFIX + "axes" in state:
        place = np.nan_to_num(place) @ state[PREFIX + "axes"].astype(np.float64)
        gaps = (near.astype(np.float32) - place.astype(np.float32)) ** 2
    else:
        gaps = _gaps(near.astype(np.float32), place.astype(np.float32), category)
    distances = np.sqrt(gaps.sum(axis=1) / len(centre))
    digests = state.get(PREFIX + "digests")
    return [
        Neighbour(
            id=ids[i].decode("utf-8", "replace"),
            target=float(targets[i]),
            distance=float(distances[i]),
            digest=digests[i].decode("ascii", "replace") if digests is not None else "",
        )
        for i in np.argsort(distances, kind="stable")[:k].tolist()
    ]


def _gaps(near: np.ndarray, place: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Squared differences (m, f); what cannot be subtracted counts as 1.5²."""
    gaps = np.where(category, np.where(near == place, 0.0, 2.25), (near - place) ** 2)
    missing, absent = np.isnan(near), np.isnan(place)
    return np.asarray(np.where(missing & absent, 0.0, np.where(missing | absent, 2.25, gaps)))


def _standardised(x: np.ndarray, centre: np.ndarray, scale: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Numbers in standard deviations, clipped; categories as they are; missing stays NaN."""
    return np.asarray(np.where(category, x, np.clip((x - centre) / scale, -_CLIP, _CLIP)))


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of what is there; 0 and 1 for a column without values or without spread."""
    there = np.isfinite(x)
    count = np.maximum(there.sum(axis=0), 1)
    centre = np.where(there, x, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(there, x - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre, np.where(spread > 1e-12 * np.maximum(np.abs(centre), 1.0), spread, 1.0)


def _typical(turned: np.ndarray, y: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """At most ``most`` rows that together look like all: of many draws the one nearest in mean and spread of the columns and the target.

    The target counts as a quarter of the columns, for the mean answer of these rows is what answers are compared with.
    Of California's homes ten such rows explain as well as sixteen, and twelve of the sixteen three times worse.
    """
    count = min(most, len(y))
    share = y.std() or 1.0
    weight = max(1.0, turned.shape[1] / 4.0) ** 0.5
    table = np.column_stack([np.nan_to_num(turned), weight * (y - y.mean()) / share])
    centre, spread = table.mean(axis=0), table.std(axis=0)
    best, rows = np.inf, np.arange(count)
    for _ in range(_DRAWS):
        drawn = rng.choice(len(y), count, replace=False)
        part = table[drawn]
        off = ((part.mean(axis=0) - centre) ** 2).sum() + 0.5 * ((part.std(axis=0) - spread) ** 2).sum()
        if off < best:
            best, rows = off, drawn
    return np.sort(rows)


def _principal(turned: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first principal axes (f, d) of some rows; d is 64, or fewer where there are fewer rows.

    By the products of the rows with each other, of which there are fewer than columns: 10 times faster than the singular
    values of 800 × 3,000.
    """
    some = turned[rng.choice(len(turned), min(_FIT_ROWS, len(turned)), replace=False)]
    some = some - some.mean(axis=0)
    strength, sides = np.linalg.eigh(some @ some.T)
    kept = strength > strength[-1] * 1e-9
    axes = some.T @ (sides[:, kept] / np.sqrt(strength[kept]))
    return np.asarray(axes[:, ::-1][:, :_AXES])


def _bytes(texts: Sequence[str], n: int) -> np.ndarray:
    """Fixed-width UTF-8, as an npz without objects can hold it; longer ones keep their end, which tells files apart."""
    encoded = [str(text).encode("utf-8", "replace")[-_ID_BYTES:] for text in texts]
    if len(encoded) != n:
        raise ValueError(f"expected {n} ids, got {len(encoded)}")
    return np.array(encoded, dtype=np.bytes_)
