"""Figures of the columns of a table: the target as a number, categories, and values far from the rest.

Belongs here: what a table has and pictures have not. Does not belong here: distributions by label (``data``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_assets.columns import finite
from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    CALM,
    INK,
    MUTED,
    TOP_INCHES,
    bare,
    canvas,
    name_rows,
    plain,
    shorten,
)

OUTLIER_Z = 3.5
WIDE_Z = 20.0  # further out the axis is logarithmic
MOST_POINTS = 400  # drawn a column: the farthest ones


def target(values: Any, name: str, *, unit: str = "", capped_at: float | None = None) -> bytes:
    """Histogram of a number that is predicted, with its median; the bar at ``capped_at`` in another colour.

    ``values``: n numbers. Raises ``ValueError`` when none is finite.
    """
    known = finite(values)
    if not known.size:
        raise ValueError(f"{name}: there is no value to draw.")
    low, high = float(known.min()), float(known.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    capped = np.zeros(known.size, dtype=bool) if capped_at is None else known >= capped_at
    edges = np.linspace(low, high, int(np.clip(np.sqrt(known.size), 10, 60)) + 1)
    with canvas(TOP_INCHES + 2.9) as page:
        axes = page.axes()
        heights = np.histogram(known[~capped], edges)[0]
        axes.stairs(heights, edges, fill=True, color=ACCENT, alpha=0.85, label="rows")
        if capped.any():
            wide = edges[-1] - edges[-2]
            text = f"at the cap ({capped.sum():,})"
            axes.bar(
                edges[-1] - wide / 2,
                int(capped.sum()),
                wide,
                bottom=int(heights[-1]),
                color=ALARM,
                label=text,
            )
        median = float(np.median(known))
        axes.axvline(median, color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label=f"median {median:.4g}")
        bare(axes, grid="y")
        axes.set_ylim(bottom=0)
        axes.set_ylabel("rows")
        axes.set_xlabel(plain(f"{name} ({unit})" if unit else name, 60))
        page.figure.legend(loc="outside lower right", ncols=3)
        quarter, three = np.percentile(known, [25, 75])
        title = f"Half of the rows have {shorten(name, 40)} from {quarter:.4g} to {three:.4g}"
        note = f"n = {known.size:,} rows · from {known.min():.4g} to {known.max():.4g}"
        if capped.any():
            note += f" · {capped.mean():.1%} at the cap"
        page.head(title, note)
        return page.png()


def categories(counts: Mapping[str, Mapping[str, int]], top: int = 9, levels: int = 8) -> bytes:
    """Rows a level of at most ``top`` categories, as small bar charts; missing is a level of its own.

    ``counts``: column → level → rows, of which the ``levels`` most frequent are drawn. Raises ``ValueError`` when it
    is empty.
    """
    if not counts:
        raise ValueError("There is no category to count.")
    names = list(counts)[:top]
    across = min(3, len(names))
    down = -(-len(names) // across)
    tallest = max(min(len(counts[name]), levels) for name in names)
    with canvas(TOP_INCHES + 0.3 + down * (0.55 + 0.2 * tallest)) as page:
        grid = page.figure.subplots(down, across, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            order = sorted(counts[name], key=lambda level: -counts[name][level])[:levels]
            sizes = [counts[name][level] for level in order]
            colours = [CALM if level == "missing" else ACCENT for level in order]
            axes.barh(range(len(order)), sizes, 0.7, color=colours)
            for row, size in enumerate(sizes):
                place = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "color": MUTED}
                axes.annotate(f"{size:,}", (size, row), (3, 0), **place)
            name_rows(axes, order, 14)
            bare(axes, grid="")
            axes.set_ylim(tallest - 0.45, -0.55)
            axes.set_xticks([])
            axes.margins(x=0.25)
            axes.set_title(plain(name, 26), loc="left")
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        rare, level = min(
            ((name, level) for name in names for level in counts[name] if level != "missing"),
            key=lambda at: counts[at[0]][at[1]],
            default=(names[0], "missing"),
        )
        rows = sum(next(iter(counts.values())).values())
        hidden = "" if len(names) == len(counts) else f" · {len(names)} of {len(counts)} categories"
        title = (
            f"“{shorten(level)}” of {shorten(rare)} is the rarest: {counts[rare][level]:,} of {rows:,} rows"
        )
        page.head(title, f"n = {rows:,} rows{hidden}")
        return page.png()


def outliers(columns: Mapping[str, Any], top: int = 14) -> bytes | None:
    """How far the values of the columns with most outliers lie from their median, in robust z; None without any.

    ``columns``: name → n numbers. A column whose half is one value has no scale and is left out. The bar holds the
    middle half; a point is a value with |z| over 3.5 (Iglewicz and Hoaglin 1993).
    """
    scaled = {name: z for name, values in columns.items() if (z := _scaled(finite(values))) is not None}
    count = {name: int(np.sum(np.abs(z) > OUTLIER_Z)) for name, z in scaled.items()}
    order = sorted((name for name in scaled if count[name]), key=lambda name: (-count[name], name))
    if not order:
        return None
    shown = order[:top]
    with canvas(TOP_INCHES + 0.7 + 0.34 * len(shown)) as page:
        axes = page.axes()
        for row, name in enumerate(shown):
            z = scaled[name]
            quarter, three = np.percentile(z, [25, 75])
            axes.barh(row, three - quarter, 0.5, left=quarter, color=CALM)
            far = np.sort(z[np.abs(z) > OUTLIER_Z])
            far = far[np.argsort(-np.abs(far), kind="stable")[:MOST_POINTS]]
            axes.plot(far, np.full(far.size, row), "|", color=ALARM, markersize=8, alpha=0.7)
        low, high = (float(end(0, *(end(scaled[name]) for name in shown))) for end in (min, max))
        if max(high, -low) > WIDE_Z:
            axes.set_xscale("symlog", linthresh=WIDE_Z)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlim(min(1.2 * low, -5), max(1.2 * high, 5))
        for side in (-OUTLIER_Z, OUTLIER_Z):
            axes.axvline(side, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        name_rows(axes, [f"{shorten(name, 22)} ({count[name]:,})" for name in shown], 34)
        bare(axes)
        axes.minorticks_off()
        axes.set_xlabel("robust z-score (dashed: 3.5; bar: the middle half)")
        rows = len(next(iter(columns.values())))
        page.head(
            f"{shorten(order[0])} has most values far from the rest: {count[order[0]]:,}",
            f"n = {rows:,} rows · {len(order)} of {len(columns)} columns have outliers",
        )
        return page.png()


def _scaled(known: np.ndarray) -> np.ndarray | None:
    if known.size < 3:
        return None
    away = known - np.median(known)
    unit = float(np.median(np.abs(away))) / 0.6745
    with np.errstate(over="ignore"):
        return np.clip(away / unit, -1e6, 1e6) if unit > 0 else None
