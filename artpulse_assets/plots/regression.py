"""Figures of how good the numbers of a model are.

Belongs here: predicted against actual, residuals, and how much of the truth the intervals hold. Does not belong here:
the metrics themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.binning import bands
from artpulse_assets.columns import numbers
from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    CALM,
    INK,
    MUTED,
    RULE,
    TOP_INCHES,
    canvas,
    plain,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELLS = 70
MOST_DOTS = 1500
MOST_BOXES = 10


def predictions_vs_actual(y: Any, values: Any, *, target: str = "value", unit: str = "") -> bytes:
    """Predicted (down) against actual (across) with the line of no error; over 1,500 rows as density.

    ``y`` and ``values``: n numbers. The axes hold the 0.5th to the 99.5th percentile of both. Raises ``ValueError``
    without finite rows.
    """
    truth, said = _pairs(y, values)
    error = said - truth
    low, high = _range(np.concatenate([truth, said]))
    with canvas(TOP_INCHES + 4.9, 6.2) as page:
        axes = page.axes()
        _cloud(axes, truth, said, (low, high), (low, high))
        axes.plot([low, high], [low, high], color=ALARM, linewidth=1.3, linestyle=(0, (4, 3)))
        axes.set(xlim=(low, high), ylim=(low, high))
        axes.set_aspect("equal")
        name = _named(target, unit)
        axes.set(xlabel=f"actual {name}", ylabel=f"predicted {name}")
        _frame(axes)
        rmse, r2 = float(np.sqrt(np.mean(error**2))), _r2(truth, error)
        page.head(
            f"R² {r2:.3f}: predicted {shorten(target)} against actual",
            f"n = {truth.size:,} test rows · RMSE {rmse:.3g}, mean error {error.mean():+.3g}{_unit(unit)}",
        )
        return page.png()


def residuals(y: Any, values: Any, *, target: str = "value", unit: str = "") -> bytes:
    """Error (predicted less actual) by prediction: middle half and middle 90 % in bands of equal size, over the rows.

    A band whose median is off by more than a fifth of the RMSE, and by more than chance, is named in the title. Raises ``ValueError`` without
    finite rows.
    """
    truth, said = _pairs(y, values)
    error = said - truth
    rmse = float(np.sqrt(np.mean(error**2)))
    place, edges = bands(said, max(2, min(MOST_BOXES, truth.size // 20)))
    low, high = _range(said)
    reach = float(np.quantile(np.abs(error), 0.99)) or 1.0
    with canvas(TOP_INCHES + 3.9) as page:
        axes = page.axes()
        _cloud(axes, said, error, (low, high), (-reach, reach))
        axes.axhline(0, color=MUTED, linewidth=1.1, linestyle=(0, (4, 3)))
        middles, medians, lean = [], [], []
        for index in range(len(edges) - 1):
            mine = error[place == index]
            if not mine.size:
                continue
            at = float(np.median(said[place == index]))
            outer = np.quantile(mine, [0.05, 0.95])
            inner = np.quantile(mine, [0.25, 0.75])
            axes.vlines(at, *outer, color=INK, linewidth=1.2, zorder=3)
            axes.vlines(at, *inner, color=INK, linewidth=5, zorder=3)
            middles.append(at)
            medians.append(float(np.median(mine)))
            # three standard errors of a median: few rows lean by chance
            sure = abs(medians[-1]) > 3 * 1.2533 * float(mine.std()) / np.sqrt(mine.size)
            lean.append(abs(medians[-1]) if sure else 0.0)
        axes.plot(middles, medians, "o", color="white", markeredgecolor=INK, markersize=5.5, zorder=4)
        axes.set(xlim=(low, high), ylim=(-reach * 1.05, reach * 1.05))
        name = _named(target, unit)
        axes.set(xlabel=f"predicted {name}", ylabel="predicted less actual")
        _frame(axes)
        worst = int(np.argmax(lean))
        title = "Errors lie about zero for every size of prediction"
        if lean[worst] > 0.2 * rmse:
            side = "too high" if medians[worst] > 0 else "too low"
            title = f"Around {middles[worst]:.3g} predictions are {side} by {abs(medians[worst]):.2g}"
        page.head(
            title,
            f"n = {truth.size:,} test rows · bands of equal size: median, middle half, middle 90 %",
        )
        return page.png()


def coverage(rows: Sequence[Mapping[str, Any]], level: float, *, unit: str = "") -> bytes:
    """Share of the truth inside its interval by band of the prediction, and how wide the intervals are.

    ``rows``: ``from``, ``to``, ``n``, ``share``, ``low``, ``high``, ``width``, as ``calibration.coverage_table`` gives
    them. ``level``: what is claimed, 0–1. Raises ``ValueError`` without rows.
    """
    if not rows:
        raise ValueError("There is no band to draw.")
    n = np.array([row["n"] for row in rows])
    share = np.array([float(row["share"]) for row in rows])
    low, high = (np.array([float(row[name]) for row in rows]) for name in ("low", "high"))
    off = (low > level) | (high < level)
    shades = np.where(off, ALARM, ACCENT)
    with canvas(TOP_INCHES + 0.95 + 0.42 * len(rows)) as page:
        left, right = page.figure.subplots(
            1, 2, sharey=True, width_ratios=(3, 2), gridspec_kw={"wspace": 0.12}
        )
        places = np.arange(len(rows))
        left.hlines(places, 100 * low, 100 * high, color=shades, linewidth=2.4, alpha=0.55)
        left.scatter(100 * share, places, 46, color=shades, zorder=3)
        left.axvline(100 * level, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        ends = [f"{row['from']:.3g} to {row['to']:.3g} ({row['n']:,})" for row in rows]
        left.set_yticks(places, ends)
        left.set_ylim(len(rows) - 0.45, -0.55)
        left.set_xlabel(f"% inside (dashed: the {100 * level:.0f} % claimed)")
        right.barh(places, [float(row["width"]) for row in rows], 0.62, color=CALM)
        right.set_xlabel("mean width" + (f" ({plain(unit, 20)})" if unit else ""))
        right.margins(x=0.08)
        for axes in (left, right):
            axes.grid(axis="x")
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
        mean = float(np.sum(share * n) / n.sum())
        title = f"{100 * mean:.1f} % of the truth lies inside the {100 * level:.0f} % intervals"
        bad = (
            f"{int(off.sum())} of {len(rows)} bands clearly off the claim"
            if off.any()
            else "no band clearly off"
        )
        page.head(title, f"n = {int(n.sum()):,} test rows · by prediction (rows in brackets) · {bad}")
        return page.png()


def _pairs(y: Any, values: Any) -> tuple[np.ndarray, np.ndarray]:
    truth, said = numbers(y), numbers(values)
    if truth.shape != said.shape:
        raise ValueError("Each row needs one prediction.")
    keep = np.isfinite(truth) & np.isfinite(said)
    if not keep.any():
        raise ValueError("There is no row with a number to draw.")
    return truth[keep], said[keep]


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = (float(edge) for edge in np.percentile(values, [0.5, 99.5]))
    if not high > low:
        return low - 0.5, high + 0.5
    margin = 0.03 * (high - low)
    return low - margin, high + margin


def _cloud(
    axes: Axes, x: np.ndarray, y: np.ndarray, across: tuple[float, float], up: tuple[float, float]
) -> None:
    """Dots, or for many rows their density on a grid (a scatter of 20,000 dots is one blot)."""
    if x.size <= MOST_DOTS:
        axes.scatter(x, y, 14, color=ACCENT, alpha=0.35, linewidths=0)
        return
    counts, *_ = np.histogram2d(
        np.clip(x, *across), np.clip(y, *up), bins=CELLS, range=[list(across), list(up)]
    )
    shown = np.ma.masked_equal(np.sqrt(counts.T), 0)
    axes.imshow(shown, origin="lower", extent=(*across, *up), aspect="auto", cmap="Blues", vmin=-0.6)


def _frame(axes: Axes) -> None:
    axes.grid(color=RULE, alpha=0.6)
    axes.spines[:].set_visible(False)


def _r2(truth: np.ndarray, error: np.ndarray) -> float:
    total = float(np.sum((truth - truth.mean()) ** 2))
    return 1.0 - float(np.sum(error**2)) / total if total > 0 else float("nan")


def _unit(unit: str) -> str:
    return f" {shorten(unit, 20)}" if unit else ""


def _named(target: str, unit: str) -> str:
    return plain(target) + (f" ({plain(unit, 20)})" if unit else "")
