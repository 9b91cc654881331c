"""The error gallery: the pictures a model was most sure about and wrong.

Belongs here: picking them and fitting them into one small file. Does not belong here: reading a user's picture files.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from artpulse_assets.plots.canvas import INK, MUTED, shorten
from artpulse_assets.plots.pictures import GAP, font, sheet

MOST = 24
COLUMNS = 6
MAX_BYTES = 100_000
TOP = 50
LEAST_WIDTH = 400
# side of a picture, colours of the sheet, and how much coarser the pictures get: each about 0.6 of the bytes before
STEPS = (
    (112, 128, 1),
    (96, 64, 1),
    (96, 24, 1),
    (96, 32, 2),
    (96, 16, 3),
)  # colours, and how much coarser the pictures get


@dataclass(frozen=True)
class Wrong:
    """One wrong answer: the label given in the data, the label predicted, how sure (0–1), and the encoded picture."""

    data: bytes | None
    given: str
    predicted: str
    confidence: float


def error_gallery(
    wrong: Sequence[Wrong], *, n: int, total: int | None = None, most: int = MOST, max_bytes: int = MAX_BYTES
) -> bytes | None:
    """PNG of at most ``max_bytes`` with the ``most`` (at most 24) surest mistakes, surest first; None without mistakes.

    ``n``: pictures that were answered; ``total``: mistakes there were, where ``wrong`` holds only some of them. Under each picture: what the data say, then what the model said and how sure.
    A sheet that is too large gets smaller pictures, then fewer colours, then coarser pictures, the captions stay
    sharp; at last fewer pictures.
    """
    ranked = sorted(wrong, key=lambda item: (-item.confidence, item.given, item.predicted))
    shown = ranked[: min(most, MOST)]
    while shown:
        for cell, colours, coarser in STEPS:
            data = _drawn(shown, len(wrong) if total is None else total, n, cell, colours, coarser)
            if len(data) <= max_bytes:
                return data
        shown = shown[: len(shown) // 2]
    return None


def _drawn(shown: Sequence[Wrong], wrong: int, n: int, cell: int, colours: int, coarser: int) -> bytes:
    items = [
        (
            item.data,
            f"{shorten(item.given, 30)}\n→ {100 * item.confidence:.0f} % {shorten(item.predicted, 30)}",
        )
        for item in shown
    ]
    made = sheet(items, COLUMNS, cell=cell, coarser=coarser, top=TOP, least=LEAST_WIDTH)
    draw = ImageDraw.Draw(made)
    title = "The only mistake" if wrong == 1 else f"The {len(shown)} surest of {wrong:,} mistakes"
    draw.text((GAP, 12), title, INK, font(16, bold=True))
    draw.text((GAP, 34), f"n = {n:,} pictures · label in the data, → how sure of what", MUTED, font(12))
    buffer = io.BytesIO()
    made.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
