"""``core5``: the five numbers that a person can read, all in [0, 1].

Belongs here: their definitions and their facts for a contract. Does not belong here: anything longer
(``artpulse_core.features.rich``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from artpulse_core.features.base import FeatureSet, luma

GREY_HUE = 0.0
"""``hue_mean`` of a picture without any colour: it has no hue, and this is what is written instead."""

_ANGLE = np.arange(256) * (2 * math.pi / 256)  # Pillow's hue is an angle in 256 steps
_COS, _SIN = np.cos(_ANGLE), np.sin(_ANGLE)


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
        "Saturation-weighted circular mean of hue, in turns: 0 red, 1/3 green, 2/3 blue; below 1.",
    ),
    Field("sat_mean", 0.0, 1.0, "Mean HSV saturation: 0 grey, 1 pure colour."),
    Field("val_mean", 0.0, 1.0, "Mean HSV value: 0 black, 1 full brightness."),
    Field(
        "contrast",
        0.0,
        1.0,
        "Twice the standard deviation of brightness: 0 flat, 1 half black and half white.",
    ),
    Field("edges", 0.0, 1.0, "Square root of the mean brightness step between neighbouring pixels."),
)


class Core5(FeatureSet):
    """The five visual numbers, decoded at 128 pixels; see ``FIELDS`` for each definition."""

    name = "core5"
    version = 1
    side = 128
    names = tuple(field.name for field in FIELDS)

    def extract(self, pixels: np.ndarray) -> np.ndarray:
        """The five numbers of (h, w, 3) uint8 pixels, each in [0, 1]; one-pixel sides have no edges."""
        hsv = np.asarray(Image.fromarray(pixels).convert("HSV"))
        saturation = hsv[..., 1]
        grey = luma(pixels)
        return np.array(
            [
                hue_mean(hsv[..., 0], saturation),
                float(saturation.mean()) / 255,
                float(hsv[..., 2].mean()) / 255,
                min(1.0, 2 * float(grey.std(dtype=np.float64))),
                _edges(grey),
            ]
        )


def hue_mean(hue: np.ndarray, saturation: np.ndarray) -> float:
    """Direction of the saturation-weighted sum of hue vectors, in turns [0, 1).

    Hue is an angle: an arithmetic mean of reds on both sides of zero is cyan (Fisher, Statistical Analysis of
    Circular Data, 1993, section 2.3). ``hue`` and ``saturation`` are uint8. Without colour: ``GREY_HUE``.
    """
    weight = np.bincount(hue.ravel(), weights=saturation.ravel(), minlength=256)
    x, y = float(weight @ _COS), float(weight @ _SIN)
    if math.hypot(x, y) <= 1e-9 * max(1.0, float(weight.sum())):
        return GREY_HUE
    turns = math.atan2(y, x) / (2 * math.pi) % 1.0
    return turns if turns < 1.0 else 0.0


def _edges(grey: np.ndarray) -> float:
    steps = [np.abs(np.diff(grey, axis=axis)) for axis in (0, 1) if grey.shape[axis] > 1]
    if not steps:
        return 0.0
    return min(1.0, math.sqrt(sum(float(step.mean(dtype=np.float64)) for step in steps) / len(steps)))
