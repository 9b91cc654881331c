"""What tests of figures share: names that are hard to draw, the size of a figure, and the title it was drawn with."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from artpulse_assets.plots import canvas

ODD_NAMES = ["$x_{", "a\nb\tc", "<b>&", "日本語", "\udcff.jpg", "x" * 300, "100 %", ""]


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        picture.load()
        return picture.size


def titles(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], bytes | None]) -> str:
    """Title and note a figure was drawn with."""
    seen: list[str] = []
    plain = canvas.Canvas.head

    def head(self: canvas.Canvas, title: str, note: str = "") -> None:
        seen.append(f"{title} | {note}")
        plain(self, title, note)

    monkeypatch.setattr(canvas.Canvas, "head", head)
    draw()
    return "\n".join(seen)
