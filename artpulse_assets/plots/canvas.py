"""The common look: canvas, palette, titles and text that is safe to draw.

Belongs here: what every figure shares. Does not belong here: any one figure.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, RULE, PAPER = "#1f2933", "#66717e", "#d9dee4", "#ffffff"
# Okabe and Ito (2008), "Color Universal Design", ordered so that neighbours also differ in lightness.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7b5ea7", "#8a8a2b")
ACCENT, CALM, ALARM = "#0072b2", "#a9b8c6", "#d55e00"
DPI = 110
LARGE = 100_000  # bytes; what a page of Dagster's takes
WIDTH = 7.4  # inches, the width of a Dagster metadata panel
TOP_INCHES = 0.78  # room for title and note
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e9edf1",
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "legend.columnspacing": 1.4,
    "legend.handlelength": 1.6,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}
# Tried in this order, where installed, for letters the shipped font lacks.
FALLBACK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
)
_drawing = threading.RLock()  # matplotlib's style is one table a process


class Canvas:
    """One figure while it is drawn; ``png`` renders it."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def axes(self, **options: Any) -> Axes:
        """The only axes of a figure with one panel."""
        axes: Axes = self.figure.add_subplot(**options)
        return axes

    def head(self, title: str, note: str = "") -> None:
        """Title (what one sees) and a grey line (how many, how measured) over the whole figure."""
        height = float(self.figure.get_figheight())
        left = 0.12 / float(self.figure.get_figwidth())
        characters = int(float(self.figure.get_figwidth()) * 11.6)
        options: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
        self.figure.text(
            left, 1 - 0.13 / height, shorten(title, characters), fontsize=12.5, weight="bold", **options
        )
        note = shorten(note, int(characters * 1.45))
        self.figure.text(left, 1 - 0.42 / height, note, fontsize=9.5, color=MUTED, **options)
        engine = self.figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0.01, 0.01, 0.98, 0.99 - TOP_INCHES / height))  # type: ignore[call-arg]  # stubs: any engine

    def png(self) -> bytes:
        """The figure as PNG bytes, without time stamp or program name, so equal input gives equal bytes.

        One over 100 kB is written with 128 colours, a third of its size.
        """
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue() if buffer.tell() <= LARGE else _fewer_colours(buffer)


def _fewer_colours(png: io.BytesIO) -> bytes:
    from PIL import Image

    small = io.BytesIO()
    with Image.open(png, formats=("PNG",)) as picture:
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[Canvas]:
    """A fresh canvas of ``width`` × ``height`` inches in the common look, discarded on leaving."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _drawing, mpl.rc_context({**STYLE, "font.family": list(font_families())}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        try:
            yield Canvas(figure)
        finally:
            figure.clear()


@cache
def font_families() -> tuple[str, ...]:
    """The shipped font and those fallback fonts that are installed here."""
    from matplotlib import font_manager

    installed = set(font_manager.fontManager.get_font_names())
    return ("DejaVu Sans", *(name for name in FALLBACK_FONTS if name in installed))


@cache
def _drawable(character: str) -> bool:
    from matplotlib import font_manager

    paths = (font_manager.findfont(name) for name in font_families())
    return any(font_manager.get_font(path).get_char_index(ord(character)) for path in paths)


def shorten(text: object, limit: int = 26) -> str:
    """Text that the fonts here can draw, on one line, at most ``limit`` characters.

    Letters without a glyph are written as code points and a long text loses its middle: names that differ only at
    the end stay apart.
    """
    line = " ".join(str(text).split())
    line = "".join(c if c.isprintable() and _drawable(c) else f"\\u{ord(c):04x}" for c in line)
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 3
    return f"{line[: limit - 1 - tail].rstrip()}…{line[-tail:].lstrip() if tail else ''}"


def plain(text: object, limit: int = 26) -> str:
    """``shorten`` for texts matplotlib reads itself (ticks, legends): a dollar sign starts no formula."""
    return shorten(text, limit).replace("$", r"\$")


def colours(count: int) -> list[str]:
    """``count`` colours that stay apart for colour-blind readers up to eight; then they repeat."""
    return [PALETTE[index % len(PALETTE)] for index in range(count)]


def bare(axes: Axes, *, grid: str = "x") -> None:
    """Horizontal bars and points: no frame, only the grid that is read along."""
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    if grid in ("x", "y"):
        axes.grid(axis=grid)  # type: ignore[arg-type]  # checked the line before


def name_rows(axes: Axes, names: Sequence[object], limit: int = 26) -> None:
    """Label the rows of a horizontal chart, the first on top."""
    axes.set_yticks(range(len(names)), [plain(name, limit) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
