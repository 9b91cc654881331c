"""Sheets of pictures, and figures inside Markdown: safe with any bytes, small enough, and never dropped."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from artpulse_assets import plots
from tests.assets.drawing import size_of

RNG = np.random.default_rng(5)


def jpeg(colour: str, size: tuple[int, int] = (150, 150)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_contact_sheet_shows_pictures_and_keeps_a_place_for_those_that_cannot_be_shown() -> None:
    items = [
        (jpeg("#ff0000"), "red"),
        (None, "gone"),
        (b"no picture", "junk"),
        (jpeg("#00ff00")[:200], "cut"),
    ]
    with Image.open(io.BytesIO(plots.thumbnails(items, columns=4))) as sheet:
        middle = [sheet.convert("RGB").getpixel((14 + 72 + i * 158, 14 + 40)) for i in range(4)]
        assert sheet.size == (14 + 4 * 158, 14 + 192)
    red, gone = middle[0], middle[1]
    assert isinstance(red, tuple)
    assert red[0] > 240 > 20 > red[1]
    assert middle[1:] == [gone] * 3


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    assert size_of(plots.thumbnails([(buffer.getvalue(), "bomb")])) == (172, 206)
    assert plots.thumbnails([(buffer.getvalue(), "bomb")]) == plots.thumbnails([(None, "bomb")])


def test_markdown_holds_the_picture_itself_when_it_is_small() -> None:
    png = plots.class_balance({"a": {"train": 3}})
    text = plots.markdown_image(png, "balance")
    assert text == f"![balance](data:image/png;base64,{base64.b64encode(png).decode()})"


@pytest.mark.parametrize("limit", [100_000, 30_000, 2_000])
def test_a_large_picture_is_made_smaller_and_never_dropped(limit: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (250, 350, 3), dtype=np.uint8)).save(buffer, "PNG")
    text = plots.markdown_image(buffer.getvalue(), "noise", max_bytes=limit)
    assert len(text.encode()) <= limit
    width, height = size_of(base64.b64decode(text.partition("base64,")[2][:-1]))
    assert width / height == pytest.approx(1.4, rel=0.1)


def test_an_alternative_text_cannot_break_out_of_the_markdown() -> None:
    text = plots.markdown_image(plots.class_balance({"a": {"train": 1}}), "x](http://a) <script>\n![y](z)")
    assert text.count("](") == 1
    assert "<" not in text
    assert "\n" not in text
