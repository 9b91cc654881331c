"""Painting one synthetic picture of a label, by the hand of one invented artist.

Belongs here: the hands, the five ways of painting and the finish. Does not belong here: seeds, file names and
folders (``artpulse_core.data.generator``). Labels overlap on purpose: colour and brightness ranges are shared, so
that a few averages do not tell them apart, while the way of painting does.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from PIL.Image import Resampling

SIDE = 256
Style = Literal["standard", "shifted"]
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


@dataclass(frozen=True)
class _Range:
    hues: tuple[int, int]
    spread: float
    saturation: tuple[float, float]
    value: tuple[float, float]


_RANGES = {
    "minimal": _Range((1, 3), 0.5, (0.03, 0.42), (0.62, 0.95)),
    "monochrome": _Range((1, 1), 0.0, (0.05, 0.50), (0.40, 0.80)),
    "neo-pop": _Range((3, 5), 1.0, (0.50, 0.90), (0.65, 0.95)),
    "surreal": _Range((2, 4), 0.6, (0.28, 0.70), (0.40, 0.75)),
    "vibrant": _Range((4, 6), 1.0, (0.45, 0.90), (0.45, 0.85)),
}
_BORROWED = 0.18  # share of pictures that take half their paint from another label, as painters do


def make_hand(label: str, rng: Rng) -> Hand:
    """An artist of ``label``; ``rng`` must depend on the artist alone."""
    limits = _RANGES[label]
    first = rng.random()
    count = int(rng.integers(limits.hues[0], limits.hues[1] + 1))
    hues = tuple(float((first + limits.spread * rng.random()) % 1.0) if i else first for i in range(count))
    red, green, blue = rng.uniform(0.92, 1.0, 3)
    return Hand(
        hues=hues,
        saturation=float(rng.uniform(*limits.saturation)),
        value=float(rng.uniform(*limits.value)),
        brush=float(rng.uniform(0.7, 1.5)),
        density=float(rng.uniform(0.6, 1.5)),
        grain=float(rng.uniform(1.0, 9.0)),
        blur=float(rng.uniform(0.0, 0.9)),
        gamma=float(rng.uniform(0.8, 1.25)),
        cast=(float(red), float(green), float(blue)),
    )


def paint(label: str, hand: Hand, rng: Rng, style: Style = "standard") -> bytes:
    """JPEG bytes of one 256 × 256 picture. ``shifted`` is greyer, darker and half as sharp."""
    painted = _PAINTERS[label](hand, rng)
    if rng.random() < _BORROWED:
        other = _PAINTERS[LABELS[int(rng.integers(len(LABELS)))]](hand, rng)
        painted = Image.blend(painted, other, float(rng.uniform(0.35, 0.6)))
    picture = _finish(painted, hand, rng)
    if style == "shifted":
        picture = _shift(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _colour(hand: Hand, rng: Rng, lighter: float = 0.0, index: int | None = None) -> Colour:
    """A colour of the palette, a little different each time; ``lighter`` moves the value."""
    hue = hand.hues[(int(rng.integers(len(hand.hues))) if index is None else index) % len(hand.hues)]
    saturation = float(np.clip(hand.saturation * rng.uniform(0.7, 1.25), 0, 1))
    value = float(np.clip(hand.value + lighter + rng.normal(0, 0.06), 0.03, 1))
    red, green, blue = colorsys.hsv_to_rgb(float(hue + rng.normal(0, 0.008)) % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _spot(rng: Rng, margin: int = 0) -> tuple[int, int]:
    x, y = rng.integers(-margin, SIDE + margin, 2)
    return int(x), int(y)


def _minimal(hand: Hand, rng: Rng) -> Image.Image:
    """A quiet ground and a few upright shapes or lines."""
    image = Image.new("RGB", (SIDE, SIDE), _colour(hand, rng, 0.05, 0))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 2 + round(3 * hand.density)))):
        x, y = _spot(rng)
        width, height = (int(v) for v in rng.uniform(20, 130, 2) * hand.brush)
        tone = float(rng.choice([-0.45, -0.25, -0.12, 0.12]))
        if rng.random() < 0.3:
            draw.line(
                [(x, 0), (x, SIDE)] if rng.random() < 0.5 else [(0, y), (SIDE, y)],
                _colour(hand, rng, tone),
                3,
            )
        else:
            draw.rectangle(
                [x - width // 2, y - height // 2, x + width // 2, y + height // 2], _colour(hand, rng, tone)
            )
    return image


def _monochrome(hand: Hand, rng: Rng) -> Image.Image:
    """One hue in many tones: washes, shapes or strokes."""
    image = _wash(hand, rng, rng.uniform(0.2, 0.5))
    draw = ImageDraw.Draw(image)
    kind = rng.random()
    for _ in range(round(rng.uniform(4, 22) * hand.density)):
        tone = float(rng.uniform(-0.5, 0.3))
        x, y = _spot(rng)
        size = float(rng.uniform(10, 60)) * hand.brush
        if kind < 0.4:
            _stroke(draw, rng, (x, y), size * 1.5, _colour(hand, rng, tone), hand.brush)
        elif kind < 0.7:
            _blob(draw, rng, (x, y), size, _colour(hand, rng, tone))
        else:
            draw.rectangle([x, y, x + size, y + size * float(rng.uniform(0.3, 2))], _colour(hand, rng, tone))
    return image


def _neo_pop(hand: Hand, rng: Rng) -> Image.Image:
    """Flat colours in black outlines, panels, rows of dots."""
    image = Image.new("RGB", (SIDE, SIDE), _colour(hand, rng, 0.05))
    draw = ImageDraw.Draw(image)
    panels = int(rng.integers(1, 4))
    step = SIDE // panels
    for row in range(panels):
        for column in range(panels):
            left, top = column * step, row * step
            draw.rectangle([left, top, left + step, top + step], _colour(hand, rng), (20, 18, 22), 3)
            if rng.random() < 0.5:
                _dots(
                    draw,
                    (left, top, left + step, top + step),
                    _colour(hand, rng, -0.2),
                    round(float(rng.uniform(7, 13)) * hand.brush),
                )
            for _ in range(max(1, round(float(rng.uniform(1, 4)) * hand.density / panels))):
                spot = (left + int(rng.integers(step)), top + int(rng.integers(step)))
                _blob(
                    draw,
                    rng,
                    spot,
                    step * float(rng.uniform(0.15, 0.4)),
                    _colour(hand, rng),
                    outline=(20, 18, 22),
                )
    return image


def _surreal(hand: Hand, rng: Rng) -> Image.Image:
    """A sky over a ground, soft bodies with long shadows."""
    image = _wash(hand, rng, rng.uniform(0.25, 0.55), smooth=True)
    horizon = int(rng.uniform(0.4, 0.75) * SIDE)
    ground = _wash(hand, rng, rng.uniform(0.15, 0.4), smooth=True).crop((0, 0, SIDE, SIDE - horizon))
    image.paste(ground, (0, horizon))
    draw = ImageDraw.Draw(image)
    for _ in range(round(rng.uniform(2, 7) * hand.density)):
        x, y = _spot(rng)
        y = max(y, horizon - 40)
        size = float(rng.uniform(10, 38)) * hand.brush
        draw.ellipse([x, y + size * 0.7, x + size * 4, y + size * 1.1], _colour(hand, rng, -0.4))
        for part in range(5):
            inner = size * (1 - part / 6)
            _blob(
                draw,
                rng,
                (x - part * 2, y - part * 2),
                inner,
                _colour(hand, rng, -0.25 + part * 0.11, part // 3),
            )
    return image.filter(ImageFilter.GaussianBlur(1.2))


def _vibrant(hand: Hand, rng: Rng) -> Image.Image:
    """Many open strokes of many hues."""
    image = _wash(hand, rng, 0.3)
    draw = ImageDraw.Draw(image)
    direction = float(rng.uniform(0, np.pi))
    for _ in range(round(rng.uniform(90, 170) * hand.density)):
        tone = float(rng.uniform(-0.35, 0.15))
        length = float(rng.uniform(15, 60)) * hand.brush
        _stroke(draw, rng, _spot(rng, 10), length, _colour(hand, rng, tone), 1.4 * hand.brush, direction)
    return image


_PAINTERS: dict[str, Callable[[Hand, Rng], Image.Image]] = {
    "minimal": _minimal,
    "monochrome": _monochrome,
    "neo-pop": _neo_pop,
    "surreal": _surreal,
    "vibrant": _vibrant,
}
LABELS = tuple(_PAINTERS)


def _wash(hand: Hand, rng: Rng, depth: float, *, smooth: bool = False) -> Image.Image:
    """A ground that flows between colours of the palette; ``depth`` is its range of tones."""
    cells = 2 if smooth else 4
    coarse = np.array(
        [_colour(hand, rng, float(rng.uniform(-depth, depth / 3))) for _ in range(cells * cells)],
        dtype=np.uint8,
    )
    return Image.fromarray(coarse.reshape(cells, cells, 3)).resize((SIDE, SIDE), Resampling.BICUBIC)


def _stroke(
    draw: ImageDraw.ImageDraw,
    rng: Rng,
    start: tuple[int, int],
    length: float,
    colour: Colour,
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


def _blob(
    draw: ImageDraw.ImageDraw,
    rng: Rng,
    centre: tuple[int, int],
    size: float,
    colour: Colour,
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


def _dots(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], colour: Colour, step: int) -> None:
    """A screen of dots as in cheap printing."""
    left, top, right, bottom = box
    radius = step * 0.3
    for row, y in enumerate(range(top + step // 2, bottom, step)):
        for x in range(left + step // 2 + (row % 2) * step // 2, right, step):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], colour)


def _finish(image: Image.Image, hand: Hand, rng: Rng) -> Image.Image:
    """Canvas, light and camera: what an artist's pictures share besides the painting."""
    if hand.blur > 0.2:
        image = image.filter(ImageFilter.BoxBlur(hand.blur))
    table = (np.arange(256) / 255) ** (hand.gamma * float(rng.uniform(0.9, 1.1)))
    levels = [np.round(255 * table * cast).astype(int).tolist() for cast in hand.cast]
    values = np.asarray(image.point(levels[0] + levels[1] + levels[2]), dtype=np.float32)
    noise = rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32) * np.float32(hand.grain)
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))


def _shift(image: Image.Image) -> Image.Image:
    """Greyer, darker, half as sharp: another camera in another room."""
    small = image.resize((SIDE // 2, SIDE // 2), Resampling.BOX).resize((SIDE, SIDE), Resampling.BILINEAR)
    grey = small.convert("L").convert("RGB")
    return Image.blend(small, grey, 0.5).point([round(value * 0.7) for value in range(256)] * 3)
