"""The main colours of a picture, for people to look at.

Belongs here: the palette alone. Does not belong here: numbers a model learns from (``artpulse_core.features``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from artpulse_core.data.picture import decode
from artpulse_core.features.base import shrink
from artpulse_core.features.colour import to_lab

SIDE = 192
_ROUNDS = 12


def palette(image: bytes | np.ndarray, k: int = 5) -> list[dict[str, Any]]:
    """At most ``k`` colours, ``[{"colour": "#rrggbb", "share": 0.41}, …]``, the largest share first; shares sum to 1.

    ``image``: an encoded picture, or (h, w, 3) uint8 sRGB pixels; looked at in 192 pixels. Colours are clusters of
    k-means in CIE Lab, started at the commonest colour and then at what is far from those chosen and common, so that the
    same picture gives the same palette. Raises ``ImageRefused`` for bytes that are no picture.
    """
    pixels = decode(image, SIDE) if isinstance(image, bytes) else shrink(image, SIDE)
    colours, counts = _histogram(pixels)
    lab = np.stack(to_lab(colours.round().astype(np.uint8)[None]), axis=-1)[0].astype(np.float64)
    centres = _start(lab, counts, k)
    for _ in range(_ROUNDS):
        member = _nearest(lab, centres)
        weight = np.bincount(member, counts, len(centres))
        sums = [np.bincount(member, counts * lab[:, axis], len(centres)) for axis in range(3)]
        moved = np.where(
            weight[:, None] > 0, np.stack(sums, axis=1) / np.maximum(weight, 1)[:, None], centres
        )
        if np.abs(moved - centres).max() < 0.5:  # half a unit of L*, a*, b* is not seen
            break
        centres = moved
    member = _nearest(lab, centres)
    weight = np.bincount(member, counts, len(centres))
    mean = (
        np.stack([np.bincount(member, counts * colours[:, axis], len(centres)) for axis in range(3)], axis=1)
        / np.maximum(weight, 1)[:, None]
    )
    order = [i for i in np.argsort(-weight, kind="stable").tolist() if weight[i] > 0]
    return [
        {
            "colour": "#" + "".join(f"{round(channel):02x}" for channel in mean[i].tolist()),
            "share": float(weight[i] / counts.sum()),
        }
        for i in order
    ]


def _histogram(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour (m, 3) and count (m,) of each of 16³ cells of RGB that has pixels."""
    flat = pixels.reshape(-1, 3)
    cells = (
        ((flat[:, 0] >> 4).astype(np.int16) << 8)
        | ((flat[:, 1] >> 4).astype(np.int16) << 4)
        | (flat[:, 2] >> 4)
    )
    counts = np.bincount(cells, minlength=4096).astype(np.float64)
    used = np.flatnonzero(counts)
    sums = [np.bincount(cells, flat[:, axis], 4096)[used] for axis in range(3)]
    return np.stack(sums, axis=1) / counts[used, None], counts[used]


def _start(lab: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    places = [int(counts.argmax())]
    gap = np.full(len(lab), np.inf)
    while len(places) < min(k, len(lab)):
        gap = np.minimum(gap, ((lab - lab[places[-1]]) ** 2).sum(axis=1))
        places.append(int((gap * np.sqrt(counts)).argmax()))
    return lab[places]


def _nearest(lab: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # |x - c|² without |x|², which is the same for every centre.
    return np.asarray(((centres**2).sum(axis=1) - 2.0 * lab @ centres.T).argmin(axis=1))
