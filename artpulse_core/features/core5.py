"""``core5``: the five numbers that a person can read, all in [0, 1].

Belongs here: their definitions and their facts for a contract. Does not belong here: anything longer
(``artpulse_core.features.rich``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from artpulse_core.features.base import FeatureSet

GREY_HUE = 0.0
"""``hue_mean`` of a picture without a coloured pixel: it has no hue, and this is what is written instead."""

COLOURED = 0.2
"""Chroma (saturation × value, which is the largest minus the smallest channel) above which a pixel's hue counts.

Below it a few steps of rounding or of JPEG noise turn the angle; paper, shadow and grey are no hue.
"""

EDGE_STEP = 10
"""Difference of brightness between neighbours, of 255, from which on there is an edge between them."""

_ANGLE = np.arange(256) * (2 * math.pi / 256)  # Pillow's hue is an angle in 256 steps
_COS, _SIN = np.cos(_ANGLE), np.sin(_ANGLE)
_LEVEL = np.arange(256) / 255


@dataclass(frozen=True)
class Field:
    """Facts of one number, for a contract and its documentation."""

    name: str
    minimum: float
    maximum: float
    description: str


FIELDS: tuple[Field, ...] = (
    Field(
        "hue_mean",
        0.0,
        1.0,
        "Saturation-weighted circular mean of the hue of coloured pixels, in turns: 0 red, 1/3 green, 2/3 blue; "
        "below 1. Coloured: the largest and the smallest channel differ by more than a fifth of the range. 0 if none.",
    ),
    Field("sat_mean", 0.0, 1.0, "Mean HSV saturation: 0 grey, 1 pure colour."),
    Field("val_mean", 0.0, 1.0, "Mean HSV value: 0 black, 1 full brightness."),
    Field(
        "contrast",
        0.0,
        1.0,
        "Twice the standard deviation of brightness: 0 flat, 1 half black and half white.",
    ),
    Field(
        "edges",
        0.0,
        1.0,
        "Share of neighbouring pixels whose brightness differs by 10 of 255 or more, mean of across and down.",
    ),
)


class Core5(FeatureSet):
    """The five visual numbers, decoded at 256 pixels; see ``FIELDS`` for each definition.

    Brightness is read at full size, where sharpness shows; colour at half size, where chroma noise is averaged out
    and four times fewer pixels are converted. Saturation and value are those of the HSV hexcone (Smith, "Color
    Gamut Transform Pairs", SIGGRAPH 1978); contrast is RMS contrast (Peli, "Contrast in complex images", 1990),
    doubled so that 1 is the most there can be.
    """

    name = "core5"
    version = 2
    side = 256
    names = tuple(field.name for field in FIELDS)

    def extract(self, pixels: np.ndarray) -> np.ndarray:
        """The five numbers of (h, w, 3) uint8 pixels, each in [0, 1]; one pixel alone has no edges."""
        picture = Image.fromarray(pixels)
        hsv = np.asarray(picture.reduce(2).convert("HSV"))
        hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
        grey = picture.convert("L")  # ITU-R BT.601 weights
        return np.array(
            [
                hue_mean(hue, saturation, value),
                float(saturation.mean()) / 255,
                float(value.mean()) / 255,
                _contrast(grey.histogram()),
                _edges(np.asarray(grey)),
            ]
        )


def hue_mean(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> float:
    """Direction of the saturation-weighted sum of the hue vectors of coloured pixels, in turns [0, 1).

    Hue is an angle: an arithmetic mean of reds on both sides of zero is cyan (Fisher, Statistical Analysis of
    Circular Data, 1993, section 2.3). All three are uint8. Without colour as ``COLOURED`` says, or where the
    vectors cancel: ``GREY_HUE``.
    """
    coloured = saturation.astype(np.uint16) * value > COLOURED * 255 * 255
    weight = np.bincount(hue[coloured], weights=saturation[coloured], minlength=256)
    x, y = float(weight @ _COS), float(weight @ _SIN)
    if math.hypot(x, y) <= 1e-9 * max(1.0, float(weight.sum())):
        return GREY_HUE
    turns = math.atan2(y, x) / (2 * math.pi) % 1.0
    return turns if turns < 1.0 else 0.0


def _contrast(counts: list[int]) -> float:
    share = np.array(counts) / sum(counts)
    mean = float(share @ _LEVEL)
    return min(1.0, 2 * math.sqrt(float(share @ (_LEVEL - mean) ** 2)))


def _edges(grey: np.ndarray) -> float:
    pairs = ((grey[1:], grey[:-1]), (grey[:, 1:], grey[:, :-1]))
    steps = [np.maximum(one, other) - np.minimum(one, other) for one, other in pairs if one.size]
    return sum(float(np.mean(step >= EDGE_STEP)) for step in steps) / max(1, len(steps))
