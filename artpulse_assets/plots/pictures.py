"""Pictures inside figures: the contact sheet, and figures inside Markdown.

Belongs here: what Pillow does for figures. Does not belong here: reading a user's picture files (a thumbnail comes
here already made, or as None).
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, UnidentifiedImageError

from artpulse_assets.plots.canvas import INK, MUTED, PAPER, RULE, shorten

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

CELL, GAP, CAPTION = 144, 14, 34
MOST_THUMBNAILS = 36
MAX_PIXELS = 25_000_000
FORMATS = ("JPEG", "PNG", "WEBP")


def thumbnails(items: Sequence[tuple[bytes | None, str]], columns: int = 5) -> bytes:
    """Contact sheet of at most 36 pictures with a caption of up to two lines each, as PNG.

    ``items``: JPEG, PNG or WebP bytes and caption; None, or bytes that cannot be shown, give an empty frame, so
    that a refused file still has its place and name. Raises ``ValueError`` without items.
    """
    if not items:
        raise ValueError("There is no picture to show.")
    shown = list(items[:MOST_THUMBNAILS])
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    more = len(items) - len(shown)
    size = (GAP + columns * (CELL + GAP), GAP + rows * (CELL + CAPTION + GAP) + (20 if more else 0))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (data, caption) in enumerate(shown):
        left = GAP + (index % columns) * (CELL + GAP)
        top = GAP + (index // columns) * (CELL + CAPTION + GAP)
        picture = _thumbnail(data) if data else None
        if picture is None:
            draw.rectangle((left, top, left + CELL - 1, top + CELL - 1), fill="#f4f6f8", outline=RULE)
            draw.text((left + CELL / 2, top + CELL / 2), "no picture", MUTED, _font(12), anchor="mm")
        else:
            across, down = picture.size
            sheet.paste(picture, (left + (CELL - across) // 2, top + (CELL - down) // 2))
        for line, text in enumerate(_lines(caption)):
            ink = INK if line == 0 else MUTED
            draw.text((left + CELL / 2, top + CELL + 4 + 15 * line), text, ink, _font(12), anchor="mt")
    if more:
        draw.text((GAP, size[1] - 24), f"and {more:,} more", MUTED, _font(12))
    return _png(sheet)


def _thumbnail(data: bytes) -> Image.Image | None:
    """The picture at most a cell wide and high, or None when it cannot or should not be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not shown
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (CELL * 2, CELL * 2))
                picture.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
                seen = picture.convert("RGBA")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    paper = Image.new("RGBA", seen.size, PAPER)
    return Image.alpha_composite(paper, seen).convert("RGB")


def _lines(caption: str) -> list[str]:
    """At most two lines that fit under a cell: as the caption breaks them, else cut in the middle of the space."""
    font, lines = _font(12), []
    for line in caption.strip().splitlines()[:2]:
        text = shorten(line, 60)
        while text and font.getlength(text) > CELL + GAP - 4:
            text = text[:-2].rstrip() + "…"
        lines.append(text)
    return lines


@cache
def _font(size: int) -> FreeTypeFont:
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def markdown_image(png: bytes, alt: str, max_bytes: int = 100_000) -> str:
    """Markdown with the picture inside it, at most ``max_bytes`` long, for ``MetadataValue.md``.

    A picture that is too large gets fewer colours, then fewer pixels; it is never dropped. ``alt`` may hold
    anything. Raises ``ValueError`` when ``max_bytes`` is too small for any picture.
    """
    text = " ".join(alt.split()).translate(str.maketrans("[]<>`\\", "()‹›'/"))
    text = text.encode("utf-8", "replace").decode()[:200]
    frame = f"![{text}](data:image/png;base64,)"
    room = (max_bytes - len(frame.encode())) // 4 * 3 - 3
    data = png if len(png) <= room else _smaller(png, room)
    return f"![{text}](data:image/png;base64,{base64.b64encode(data).decode()})"


def _smaller(png: bytes, room: int) -> bytes:
    """The picture in at most ``room`` bytes: 128 colours, 48, then steps of 0.8 in size."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as source:
        picture = source.convert("RGBA")
    full = Image.alpha_composite(Image.new("RGBA", picture.size, PAPER), picture).convert("RGB")
    scale = 1.0
    while min(full.size) * scale >= 1:
        size = (max(1, round(full.width * scale)), max(1, round(full.height * scale)))
        small = full if scale == 1 else full.resize(size, Image.Resampling.LANCZOS)
        for count in (128, 48):
            data = _png(small.quantize(count, dither=Image.Dither.NONE))
            if len(data) <= room:
                return data
        scale *= 0.8
    raise ValueError("The limit is too small for any picture.")


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
