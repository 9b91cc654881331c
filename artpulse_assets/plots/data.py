"""Figures of a dataset before anything is learned from it.

Belongs here: counts, distributions, missing values. Does not belong here: anything about a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.columns import missing_share, numbers, separation
from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    CALM,
    MUTED,
    TOP_INCHES,
    bare,
    canvas,
    colours,
    name_rows,
    plain,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SIDE_COLOURS = (ACCENT, "#7fb8dc", CALM, "#d9dee4")
MOST_LABELS = 40
MOST_COLOURED = 6


def class_balance(counts: Mapping[str, Mapping[str, int]]) -> bytes:
    """Rows a label, stacked by side of the split, as horizontal bars (at most 40 labels).

    ``counts``: label → side (``train``, ``test``, …) → rows. Raises ``ValueError`` when it is empty.
    """
    if not counts:
        raise ValueError("There is no label to count.")
    totals = {label: sum(sides.values()) for label, sides in counts.items()}
    order = sorted(totals, key=lambda label: (-totals[label], str(label)))
    sides = list(dict.fromkeys(side for label in order for side in counts[label]))
    shown = order[:MOST_LABELS]
    with canvas(TOP_INCHES + 0.85 + 0.34 * len(shown)) as page:
        axes = page.axes()
        start = np.zeros(len(shown))
        for index, side in enumerate(sides):
            values = np.array([counts[label].get(side, 0) for label in shown], dtype=float)
            colour = SIDE_COLOURS[index % len(SIDE_COLOURS)]
            name = plain(f"{side} ({sum(counts[label].get(side, 0) for label in order):,})")
            axes.barh(range(len(shown)), values, 0.68, left=start, color=colour, label=name)
            start += values
        for row, label in enumerate(shown):
            axes.annotate(
                f"{totals[label]:,}", (totals[label], row), (5, 0), textcoords="offset points", va="center"
            )
        name_rows(axes, shown)
        bare(axes)
        axes.margins(x=0.08)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("rows")
        page.figure.legend(loc="outside lower right", ncols=min(len(sides), 4))
        most, least = order[0], order[-1]
        ratio = totals[most] / max(totals[least], 1)
        title = f"{len(order)} labels, evenly filled"
        if len(order) == 1:
            title = f"Every row is “{shorten(most)}”"
        elif ratio >= 1.25:
            title = f"“{shorten(most)}” has {ratio:.1f} times the rows of “{shorten(least)}”"
        hidden = f" · the {len(shown)} largest of {len(order)} labels" if len(order) > len(shown) else ""
        page.head(title, f"n = {sum(totals.values()):,} rows{hidden}")
        return page.png()


def histograms(columns: Mapping[str, Any], labels: Any = None, top: int = 12) -> bytes:
    """Small histograms of at most ``top`` numeric columns; with labels, one smoothed curve a label of equal area.

    ``columns``: name → n numbers; ``labels``: n labels or None. With labels the columns that tell them apart best
    come first (``separation``). The range is the 0.5th to 99.5th percentile. Raises ``ValueError`` without columns.
    """
    if not columns:
        raise ValueError("There is no column to draw.")
    data = {name: numbers(values) for name, values in columns.items()}
    names, rows = list(data), len(next(iter(data.values())))
    groups: list[tuple[str, np.ndarray]] = [("all", np.ones(rows, dtype=bool))]
    if labels is not None:
        marks = np.asarray(labels).astype(str)
        names.sort(key=lambda name: -separation(data[name], marks))
        groups = _groups(marks)
    names = names[:top]
    across = min(3, len(names))
    down = -(-len(names) // across)
    with canvas(TOP_INCHES + 0.5 + 1.45 * down) as page:
        grid = page.figure.subplots(down, across, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            _histogram(axes, data[name], groups)
            axes.set_title(plain(name, 30), loc="left")
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        if labels is not None:
            handles, texts = grid[0].get_legend_handles_labels()
            short = sum(map(len, texts)) + 6 * len(texts) < 106
            page.figure.legend(handles, texts, loc="outside lower left", ncols=len(texts) if short else 4)
        title = "How the numbers are spread"
        if labels is not None:
            title = "How the numbers are spread, label by label"
        pick = "" if len(data) == len(names) else f" · {len(names)} of {len(data)} columns"
        pick += " · those that tell the labels apart best first" if labels is not None else ""
        page.head(title, f"n = {rows:,} rows{pick}")
        return page.png()


def _groups(marks: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The largest labels and, when there are more than can be coloured apart, the others together."""
    found, sizes = np.unique(marks, return_counts=True)
    if found.size <= MOST_COLOURED + 1:
        return [(str(label), marks == label) for label in found]
    kept = np.sort(found[np.argsort(-sizes, kind="stable")[:MOST_COLOURED]])
    groups = [(str(label), marks == label) for label in kept]
    return [*groups, (f"{found.size - len(kept)} other labels", ~np.isin(marks, kept))]


def _histogram(axes: Axes, values: np.ndarray, groups: list[tuple[str, np.ndarray]]) -> None:
    shown = values[np.isfinite(values)]
    low, high = np.percentile(shown, [0.5, 99.5]) if shown.size else (0.0, 1.0)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    if len(groups) == 1:
        heights, edges = np.histogram(np.clip(shown, low, high), np.linspace(low, high, 25))
        axes.stairs(heights, edges, fill=True, color=ACCENT, alpha=0.85)
    shades = [*colours(MOST_COLOURED), MUTED]
    for (name, keep), colour in zip(groups if len(groups) > 1 else [], shades, strict=False):
        middle, heights = _smooth(values[keep & np.isfinite(values)], float(low), float(high))
        axes.fill_between(middle, heights, color=colour, alpha=0.06, linewidth=0)
        axes.plot(middle, heights, color=colour, linewidth=1.6, label=plain(f"{name} ({int(keep.sum()):,})"))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    axes.set_ylim(bottom=0)


def _smooth(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Density on 120 points by a Gaussian kernel, mirrored at the ends; width by Silverman (1986), eq. 3.31."""
    points = 120
    step = (high - low) / points
    heights = np.histogram(np.clip(values, low, high), points, (low, high))[0] / max(values.size * step, step)
    if values.size > 1:
        quarter = float(np.subtract(*np.percentile(values, [75, 25]))) / 1.34
        spread = min(float(values.std()), quarter) or float(values.std())
        width = float(np.clip(0.9 * spread * values.size**-0.2 / step, 1.2, points / 6))
        reach = np.arange(-points, points + 1)
        kernel = np.exp(-0.5 * (reach / width) ** 2)
        mirrored = np.concatenate([heights[::-1], heights, heights[::-1]])
        heights = np.convolve(mirrored, kernel / kernel.sum(), "same")[points : 2 * points]
    return low + step * (np.arange(points) + 0.5), heights


def missing_values(columns: Mapping[str, Any], top: int = 25) -> bytes | None:
    """Share of missing values of the columns that have any, worst first; None when nothing is missing.

    ``columns``: name → n values; numbers that are NaN or infinite, None and NaN objects count as missing.
    """
    shares = {name: missing_share(values) for name, values in columns.items()}
    order = sorted((name for name in shares if shares[name] > 0), key=lambda name: -shares[name])
    if not order:
        return None
    shown = order[:top]
    with canvas(TOP_INCHES + 0.7 + 0.32 * len(shown)) as page:
        axes = page.axes()
        axes.barh(range(len(shown)), [100 * shares[name] for name in shown], 0.66, color=ALARM)
        for row, name in enumerate(shown):
            share = 100 * shares[name]
            text = f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"
            axes.annotate(text, (share, row), (5, 0), textcoords="offset points", va="center", color=MUTED)
        name_rows(axes, shown)
        bare(axes)
        axes.margins(x=0.12)
        axes.set_xlabel("% missing")
        rows = len(next(iter(columns.values())))
        page.head(
            f"{shorten(order[0])} is missing in {100 * shares[order[0]]:.1f} % of the rows",
            f"n = {rows:,} rows · {len(order)} of {len(columns)} columns have gaps",
        )
        return page.png()
