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
    more = len(items) - len(shown)
    made = sheet(shown, columns, bottom=20 if more else 0)
    if more:
        ImageDraw.Draw(made).text((GAP, made.height - 24), f"and {more:,} more", MUTED, font(12))
    return _png(made)


def sheet(
    items: Sequence[tuple[bytes | None, str]],
    columns: int,
    *,
    cell: int = CELL,
    coarser: int = 1,
    top: int = 0,
    bottom: int = 0,
    least: int = 0,
) -> Image.Image:
    """Pictures of ``cell`` pixels in a grid, each with its caption under it, at least ``least`` pixels wide.

    ``coarser`` draws a picture with that many times fewer pixels each way, at the same size; ``top`` and ``bottom``
    pixels are left empty.
    """
    columns = min(columns, len(items))
    rows = -(-len(items) // columns)
    size = (GAP + columns * (cell + GAP), top + GAP + rows * (cell + CAPTION + GAP) + bottom)
    made = Image.new("RGB", (max(size[0], least), size[1]), PAPER)
    draw = ImageDraw.Draw(made)
    for index, (data, caption) in enumerate(items):
        left = GAP + (index % columns) * (cell + GAP)
        upper = top + GAP + (index // columns) * (cell + CAPTION + GAP)
        picture = _thumbnail(data, cell // coarser) if data else None
        if picture is None:
            draw.rectangle((left, upper, left + cell - 1, upper + cell - 1), fill="#f4f6f8", outline=RULE)
            draw.text((left + cell / 2, upper + cell / 2), "no picture", MUTED, font(12), anchor="mm")
        else:
            across, down = picture.width * coarser, picture.height * coarser
            picture = picture if coarser == 1 else picture.resize((across, down), Image.Resampling.NEAREST)
            made.paste(picture, (left + (cell - across) // 2, upper + (cell - down) // 2))
        for line, text in enumerate(_lines(caption, cell)):
            ink = INK if line == 0 else MUTED
            draw.text((left + cell / 2, upper + cell + 2 + 15 * line), text, ink, font(12), anchor="ma")
    return made


def _thumbnail(data: bytes, cell: int) -> Image.Image | None:
    """The picture at most a cell wide and high, or None when it cannot or should not be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which is not shown
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (cell * 2, cell * 2))
                picture.thumbnail((cell, cell), Image.Resampling.LANCZOS)
                seen = picture.convert("RGBA")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    paper = Image.new("RGBA", seen.size, PAPER)
    return Image.alpha_composite(paper, seen).convert("RGB")


def _lines(caption: str, cell: int) -> list[str]:
    """At most two lines that fit under a cell: as the caption breaks them, else cut in the middle of the space."""
    face, lines = font(12), []
    for line in caption.strip().splitlines()[:2]:
        text = shorten(line, 60)
        while text and face.getlength(text) > cell + GAP - 4:
            text = text[:-2].rstrip() + "…"
        lines.append(text)
    return lines


@cache
def font(size: int, *, bold: bool = False) -> FreeTypeFont:
    """The font of all figures, for text on a sheet."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(
        Path(mpl.get_data_path()) / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"),
        size,
    )


def markdown_image(png: bytes, alt: str, max_bytes: int = 100_000) -> str:
    """Markdown with the picture inside it, at most ``max_bytes`` long, for ``MetadataValue.md``.

    A picture that is too large gets fewer colours, then fewer pixels; it is never dropped. ``alt`` may hold
    anything. Raises ``ValueError`` when ``max_bytes`` is too small for any picture.
    """
    text = " ".join(alt.split()).translate(str.maketrans("[]<>`\\", "()‹›'/"))
    text = text.encode("utf-8", "replace").decode()[:200]
    frame = f"![{text}](data:image/png;base64,)"
    room = (max_bytes - len(frame.encode())) // 4 * 3 - 3
    data = png if len(png) <= room else smaller(png, room)
    return f"![{text}](data:image/png;base64,{base64.b64encode(data).decode()})"


def smaller(png: bytes, room: int) -> bytes:
    """The picture in at most ``room`` bytes: 128 colours, 48, then smaller in steps guided by the size reached."""
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
        scale *= min(0.85, max(0.3, 0.95 * (room / len(data)) ** 0.5))
    raise ValueError("The limit is too small for any picture.")


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
