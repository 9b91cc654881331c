"""A value with its interval, one row of a chart: what leaderboards and slices share.

Belongs here: that row and reading its figures. Does not belong here: any one figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.plots.canvas import MUTED, bare

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def whisker(
    axes: Axes,
    place: float,
    row: Mapping[str, Any],
    text: str,
    colour: str,
    *,
    strong: bool = False,
    small: bool = False,
) -> None:
    """A value with its interval in one row of a chart, the figure written to the right of it."""
    value = number(row, "value", np.nan)
    low, high = number(row, "low", value), number(row, "high", value)
    size = 5.5 if small else 9 if strong else 7
    axes.plot([low, high], [place, place], color=colour, linewidth=3.2 if strong else 2, alpha=0.55)
    axes.plot([value], [place], "o", color=colour, markersize=size)
    if not np.isfinite(value):
        at: tuple[float, Any] = (0.0, ("axes fraction", "data"))
    else:
        at = (np.fmax(value, high), "data")
    axes.annotate(
        text,
        (at[0], place),
        (9, 0),
        xycoords=at[1],
        textcoords="offset points",
        va="center",
        color=colour if strong else MUTED,
        weight="bold" if strong else "normal",
        fontsize=8.5 if small else 10,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
    )


def room(axes: Axes) -> None:
    """Grid, and space on the right for the figures."""
    bare(axes)
    axes.margins(x=0.06)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.16 * (right - left))


def shown(row: Mapping[str, Any]) -> str:
    """``value`` of a row as text, with three digits where that says enough."""
    value = number(row, "value", np.nan)
    if not np.isfinite(value):
        return "no value"
    return f"{value:.3f}" if 1e-3 <= abs(value) < 1000 or value == 0 else f"{value:,.4g}"


def number(row: Mapping[str, Any], key: str, default: float) -> float:
    """A figure of a row, or ``default`` where it is missing or not finite."""
    value = row.get(key)
    return default if value is None or not np.isfinite(value) else float(value)
