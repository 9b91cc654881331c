"""Brushes: colours of a palette, grounds, strokes, blobs and dots.

Belongs here: what a hand is and its marks. Does not belong here: which marks make a picture of a label
(``artpulse_core.data.painting``).
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from PIL.Image import Resampling

SIDE = 256
Colour = tuple[int, int, int]
Rng = np.random.Generator


@dataclass(frozen=True)
class Hand:
    """What all pictures of one artist share: palette, brush, and how the pictures were photographed."""

    hues: tuple[float, ...]
    saturation: float
    value: float
    brush: float  # size of strokes and shapes, 1 is usual
    density: float  # how much is on the picture, 1 is usual
    grain: float  # noise of canvas or film, in steps of 255
    blur: float  # radius in pixels
    gamma: float
    cast: tuple[float, float, float]


def colour(hand: Hand, rng: Rng, lighter: float = 0.0, index: int | None = None) -> Colour:
    """A colour of the palette, a little different each time; ``lighter`` moves the value."""
    hue = hand.hues[(int(rng.integers(len(hand.hues))) if index is None else index) % len(hand.hues)]
    saturation = float(np.clip(hand.saturation * rng.uniform(0.7, 1.25), 0, 1))
    value = float(np.clip(hand.value + lighter + rng.normal(0, 0.06), 0.03, 1))
    red, green, blue = colorsys.hsv_to_rgb(float(hue + rng.normal(0, 0.008)) % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def spot(rng: Rng, margin: int = 0) -> tuple[int, int]:
    x, y = rng.integers(-margin, SIDE + margin, 2)
    return int(x), int(y)


def wash(hand: Hand, rng: Rng, depth: float, *, smooth: bool = False) -> Image.Image:
    """A ground that flows between colours of the palette; ``depth`` is its range of tones."""
    cells = 2 if smooth else 4
    coarse = np.array(
        [colour(hand, rng, float(rng.uniform(-depth, depth / 3))) for _ in range(cells * cells)],
        dtype=np.uint8,
    )
    return Image.fromarray(coarse.reshape(cells, cells, 3)).resize((SIDE, SIDE), Resampling.BICUBIC)


def stroke(
    draw: ImageDraw.ImageDraw,
    rng: Rng,
    start: tuple[int, int],
    length: float,
    colour: Colour,
    *,
    brush: float,
    direction: float | None = None,
) -> None:
    """A bent line of three pieces."""
    angle = float(rng.uniform(0, 2 * np.pi)) if direction is None else direction + float(rng.normal(0, 0.5))
    points = [start]
    for _ in range(3):
        angle += float(rng.normal(0, 0.35))
        x, y = points[-1]
        points.append((round(x + length / 3 * np.cos(angle)), round(y + length / 3 * np.sin(angle))))
    draw.line(points, colour, max(1, round(float(rng.uniform(2, 7)) * brush)), joint="curve")


def blob(
    draw: ImageDraw.ImageDraw,
    rng: Rng,
    centre: tuple[int, int],
    size: float,
    colour: Colour,
    *,
    outline: Colour | None = None,
) -> None:
    """A closed form with a wavering radius."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    waves = rng.normal(0, 0.12, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    radius = size * (1 + sum(waves[i] * np.sin((i + 2) * angle + phase[i]) for i in range(3)))
    points = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1)
    flat = [(float(x), float(y)) for x, y in points]
    draw.polygon(flat, colour)
    if outline is not None:
        draw.line([*flat, flat[0]], outline, 4)


def dots(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: Colour, step: int) -> None:
    """A screen of dots as in cheap printing."""
    left, top, right, bottom = box
    radius = step * 0.3
    for row, y in enumerate(range(top + step // 2, bottom, step)):
        for x in range(left + step // 2 + (row % 2) * step // 2, right, step):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], colour)
