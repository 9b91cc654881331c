"""Figures of a dataset before anything is learned from it.

Belongs here: counts, distributions, correlations, missing values. Does not belong here: anything about a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    CALM,
    INK,
    MUTED,
    TOP_INCHES,
    bare,
    canvas,
    colours,
    finite,
    name_rows,
    numbers,
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


def separation(values: np.ndarray, labels: np.ndarray) -> float:
    """Share of a column's variance that lies between labels, 0–1 (correlation ratio, Fisher 1925)."""
    keep = np.isfinite(values)
    values, labels = values[keep], labels[keep]
    if values.size < 2 or not (spread := float(np.var(values))) > 0:
        return 0.0
    _, codes = np.unique(labels, return_inverse=True)
    sizes = np.bincount(codes)
    means = np.bincount(codes, weights=values) / sizes
    return float(np.sum(sizes * (means - values.mean()) ** 2) / values.size / spread)


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


def correlation_heatmap(columns: Mapping[str, Any], top: int = 30) -> bytes:
    """Pearson correlations of at most ``top`` columns, ordered so that those moving together lie together.

    ``columns``: name → n numbers. Missing values are replaced by the median, constant columns are left out. More
    than ``top``: those with the strongest tie to another. Raises ``ValueError`` with under two varying columns.
    """
    names, matrix = correlations(columns)
    if len(names) < 2:
        raise ValueError("A correlation needs two columns that vary.")
    off = np.abs(matrix - np.eye(len(names)))
    kept = np.sort(np.argsort(-off.max(axis=0), kind="stable")[:top])
    kept = kept[_similar_order(matrix[np.ix_(kept, kept)])]
    shown = matrix[np.ix_(kept, kept)]
    texts = [plain(names[index], 22) for index in kept]
    size = float(np.clip(0.27 * len(kept), 3.4, 6.2))
    with canvas(TOP_INCHES + size + 0.9, size + 2.4 if size < 5 else 8.4) as page:
        axes = page.axes()
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_xticks(range(len(kept)), texts, rotation=90 if len(kept) > 8 else 35)
        if len(kept) <= 8:
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
                text.set_rotation_mode("anchor")
        axes.set_yticks(range(len(kept)), texts)
        axes.tick_params(length=0, labelsize=9.5 if len(kept) <= 16 else 8, labelcolor=INK)
        axes.spines[:].set_visible(False)
        if len(kept) <= 12:
            for (row, column), value in np.ndenumerate(shown):
                ink = "white" if abs(value) > 0.6 else INK
                axes.text(
                    column,
                    row,
                    f"{value + 0.0:.2f}".replace("-0.00", "0.00"),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=ink,
                )
        bar = page.figure.colorbar(image, ax=axes, shrink=0.6, ticks=[-1, -0.5, 0, 0.5, 1])
        bar.outline.set_visible(False)
        bar.set_label("correlation")
        row, column = np.unravel_index(int(np.argmax(off)), off.shape)
        pair = f"{shorten(names[row])} and {shorten(names[column])}"
        rows = len(next(iter(columns.values())))
        page.head(
            f"{pair} move together most" if matrix[row, column] > 0 else f"{pair} oppose each other most",
            f"r = {matrix[row, column]:.2f} · n = {rows:,} rows · {len(kept)} of {len(columns)} columns",
        )
        return page.png()


def correlations(columns: Mapping[str, Any]) -> tuple[list[str], np.ndarray]:
    """Names of the varying columns and their f × f Pearson matrix; missing values count as the median."""
    names: list[str] = []
    kept: list[np.ndarray] = []
    for name, raw in columns.items():
        values = numbers(raw)
        known = finite(values)
        if known.size < 2 or not np.ptp(known) > 1e-12 * max(1.0, float(np.abs(known).max())):
            continue
        values = np.where(np.isfinite(values), values, np.median(known))
        names.append(str(name))
        kept.append((values - values.mean()) / values.std())
    if not kept:
        return [], np.zeros((0, 0))
    stacked = np.stack(kept)
    return names, np.clip(stacked @ stacked.T / stacked.shape[1], -1, 1)


def _similar_order(matrix: np.ndarray) -> np.ndarray:
    """Leaf order of average-linkage clustering on 1 − |r|."""
    if len(matrix) < 3:
        return np.arange(len(matrix))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.abs((matrix + matrix.T) / 2)
    np.fill_diagonal(distance, 0)
    order: np.ndarray = leaves_list(
        linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    )
    return order


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


def missing_share(values: Any) -> float:
    """Share of a column that is NaN, infinite or None, 0–1; an empty column has none."""
    array = np.asarray(values)
    if array.size == 0:
        return 0.0
    if array.dtype.kind in "fc":
        return float(np.mean(~np.isfinite(array)))
    if array.dtype.kind == "O":
        return float(np.mean([value is None or value != value for value in array.ravel()]))  # noqa: PLR0124 - NaN
    return 0.0
