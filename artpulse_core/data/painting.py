"""Painting one synthetic picture of a label, by the hand of one invented artist.

Belongs here: how hands differ, the five ways of painting, the finish. Does not belong here: single marks
(``brushes``), seeds, file names and folders (``generator``). Labels overlap on purpose: colour and brightness
ranges are shared, so that a few averages do not tell them apart, while the way of painting does.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from PIL.Image import Resampling

from artpulse_core.data.brushes import SIDE, Hand, Rng, blob, colour, dots, spot, stroke, wash

Style = Literal["standard", "shifted"]


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


def _minimal(hand: Hand, rng: Rng) -> Image.Image:
    """A quiet ground and a few upright shapes or lines."""
    image = Image.new("RGB", (SIDE, SIDE), colour(hand, rng, 0.05, 0))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 2 + round(3 * hand.density)))):
        x, y = spot(rng)
        width, height = (int(v) for v in rng.uniform(20, 130, 2) * hand.brush)
        tone = float(rng.choice([-0.45, -0.25, -0.12, 0.12]))
        if rng.random() < 0.3:
            draw.line(
                [(x, 0), (x, SIDE)] if rng.random() < 0.5 else [(0, y), (SIDE, y)],
                colour(hand, rng, tone),
                3,
            )
        else:
            draw.rectangle(
                [x - width // 2, y - height // 2, x + width // 2, y + height // 2], colour(hand, rng, tone)
            )
    return image


def _monochrome(hand: Hand, rng: Rng) -> Image.Image:
    """One hue in many tones: washes, shapes or strokes."""
    image = wash(hand, rng, rng.uniform(0.2, 0.5))
    draw = ImageDraw.Draw(image)
    kind = rng.random()
    for _ in range(round(rng.uniform(4, 22) * hand.density)):
        tone = float(rng.uniform(-0.5, 0.3))
        x, y = spot(rng)
        size = float(rng.uniform(10, 60)) * hand.brush
        if kind < 0.4:
            stroke(draw, rng, (x, y), size * 1.5, colour(hand, rng, tone), brush=hand.brush)
        elif kind < 0.7:
            blob(draw, rng, (x, y), size, colour(hand, rng, tone))
        else:
            draw.rectangle([x, y, x + size, y + size * float(rng.uniform(0.3, 2))], colour(hand, rng, tone))
    return image


def _neo_pop(hand: Hand, rng: Rng) -> Image.Image:
    """Flat colours in black outlines, panels, rows of dots."""
    image = Image.new("RGB", (SIDE, SIDE), colour(hand, rng, 0.05))
    draw = ImageDraw.Draw(image)
    panels = int(rng.integers(1, 4))
    step = SIDE // panels
    for row in range(panels):
        for column in range(panels):
            left, top = column * step, row * step
            draw.rectangle([left, top, left + step, top + step], colour(hand, rng), (20, 18, 22), 3)
            if rng.random() < 0.5:
                dots(
                    draw,
                    (left, top, left + step, top + step),
                    colour(hand, rng, -0.2),
                    round(float(rng.uniform(7, 13)) * hand.brush),
                )
            for _ in range(max(1, round(float(rng.uniform(1, 4)) * hand.density / panels))):
                centre = (left + int(rng.integers(step)), top + int(rng.integers(step)))
                blob(
                    draw,
                    rng,
                    centre,
                    step * float(rng.uniform(0.15, 0.4)),
                    colour(hand, rng),
                    outline=(20, 18, 22),
                )
    return image


def _surreal(hand: Hand, rng: Rng) -> Image.Image:
    """A sky over a ground, soft bodies with long shadows."""
    image = wash(hand, rng, rng.uniform(0.25, 0.55), smooth=True)
    horizon = int(rng.uniform(0.4, 0.75) * SIDE)
    ground = wash(hand, rng, rng.uniform(0.15, 0.4), smooth=True).crop((0, 0, SIDE, SIDE - horizon))
    image.paste(ground, (0, horizon))
    draw = ImageDraw.Draw(image)
    for _ in range(round(rng.uniform(2, 7) * hand.density)):
        x, y = spot(rng)
        y = max(y, horizon - 40)
        size = float(rng.uniform(10, 38)) * hand.brush
        draw.ellipse([x, y + size * 0.7, x + size * 4, y + size * 1.1], colour(hand, rng, -0.4))
        for part in range(5):
            inner = size * (1 - part / 6)
            blob(
                draw,
                rng,
                (x - part * 2, y - part * 2),
                inner,
                colour(hand, rng, -0.25 + part * 0.11, part // 3),
            )
    return image.filter(ImageFilter.GaussianBlur(1.2))


def _vibrant(hand: Hand, rng: Rng) -> Image.Image:
    """Many open strokes of many hues."""
    image = wash(hand, rng, 0.3)
    draw = ImageDraw.Draw(image)
    direction = float(rng.uniform(0, np.pi))
    for _ in range(round(rng.uniform(90, 170) * hand.density)):
        tone = float(rng.uniform(-0.35, 0.15))
        length = float(rng.uniform(15, 60)) * hand.brush
        stroke(
            draw,
            rng,
            spot(rng, 10),
            length,
            colour(hand, rng, tone),
            brush=1.4 * hand.brush,
            direction=direction,
        )
    return image


_PAINTERS: dict[str, Callable[[Hand, Rng], Image.Image]] = {
    "minimal": _minimal,
    "monochrome": _monochrome,
    "neo-pop": _neo_pop,
    "surreal": _surreal,
    "vibrant": _vibrant,
}
LABELS = tuple(_PAINTERS)


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
