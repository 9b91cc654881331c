"""Figures for decisions about a model: where to put the threshold, and whether more rows would help.

Belongs here: threshold costs and the learning curve. Does not belong here: choosing either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.metric_names import gain, readable
from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    MUTED,
    PALETTE,
    RULE,
    TOP_INCHES,
    canvas,
    plain,
    shorten,
)


def threshold_costs(table: Mapping[str, Any]) -> bytes:
    """Sensitivity, specificity and precision by threshold, and the cost per 100 rows under them.

    ``table``: as ``calibration.threshold_table`` gives it. Raises ``ValueError`` without rows.
    """
    rows: Sequence[Mapping[str, Any]] = table["rows"]
    if not rows:
        raise ValueError("There is no threshold to draw.")
    at = np.array([row["threshold"] for row in rows], dtype=float)
    with canvas(TOP_INCHES + 4.7) as page:
        upper, lower = page.figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        lines = ("sensitivity", "specificity", "precision")
        for name, colour in zip(lines, (PALETTE[0], PALETTE[2], PALETTE[1]), strict=True):
            values = np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
            upper.plot(at, 100 * values, "o-", color=colour, linewidth=1.8, markersize=4, label=name)
        upper.set(ylabel="%", ylim=(-2, 102))
        upper.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1.0), borderaxespad=0.1)
        costs = np.array([row["cost"] for row in rows], dtype=float)
        lower.plot(at, costs, "o-", color=MUTED, linewidth=1.8, markersize=4)
        lower.set(
            xlabel=f"threshold on the probability of {plain(table['label'])}", ylabel="cost per 100 rows"
        )
        lower.set_ylim(0, 1.15 * float(costs.max()) or 1)
        chosen, best = float(table["chosen"]), float(table["best"])
        for axes in (upper, lower):
            axes.axvline(chosen, color=ALARM, linewidth=1.4)
            axes.axvline(best, color=ACCENT, linewidth=1.2, linestyle=(0, (4, 3)))
            axes.grid(color=RULE, alpha=0.6)
            axes.spines[:].set_visible(False)
            axes.set_xlim(0, 1)
        paid = float(costs[np.argmin(np.abs(at - chosen))])
        marks = f"orange: in use · dashed: {best:.2g}, cheapest if calibrated"
        if abs(chosen - best) < 1e-6:
            marks = "line: in use, and the cheapest if calibrated"
        page.head(
            f"At {chosen:g} it costs {paid:.3g} per 100 rows",
            f"n = {table['n']:,} rows · missed costs {table['false_negative']:g}, false alarm "
            f"{table['false_positive']:g} · {marks}",
        )
        return page.png()


def learning_curve(rows: Sequence[Mapping[str, Any]], metric: str) -> bytes:
    """The metric on the same validation rows after learning from more and more rows, with 95 % intervals.

    ``rows``: ``n``, ``value`` and where known ``low``, ``high``, as ``learning.curve`` gives them. Raises
    ``ValueError`` without rows.
    """
    if not rows:
        raise ValueError("There is no point to draw.")
    ranked = sorted(rows, key=lambda row: int(row["n"]))
    n = np.array([int(row["n"]) for row in ranked])
    values = np.array([float(row["value"]) for row in ranked])
    with canvas(TOP_INCHES + 3.2) as page:
        axes = page.axes()
        if all(row.get("low") is not None for row in ranked):
            low, high = (np.array([float(row[name]) for row in ranked]) for name in ("low", "high"))
            axes.fill_between(n, low, high, color=ACCENT, alpha=0.14, linewidth=0)
        axes.plot(n, values, "o-", color=ACCENT, linewidth=2, markersize=7)
        for across, value in zip(n, values, strict=True):
            axes.annotate(
                f"{value:.3f}", (across, value), (0, 9), textcoords="offset points", ha="center", color=MUTED
            )
        axes.set_xticks(n, [f"{count:,}" for count in n])
        axes.set_xlim(0, 1.06 * float(n.max()))
        axes.margins(y=0.18)
        axes.set(xlabel="rows learned from", ylabel=plain(readable(metric), 50))
        axes.grid(color=RULE, alpha=0.6)
        axes.spines[:].set_visible(False)
        title = f"{shorten(readable(metric), 50)} {values[-1]:.3f} with {n[-1]:,} rows"
        if len(ranked) > 1:
            step = gain(metric, values[-1], values[-2])
            verb = "worsened" if step < 0 else "improved"
            title = (
                f"The last {n[-1] - n[-2]:,} rows {verb} {shorten(readable(metric), 40)} by {abs(step):.3f}"
            )
        page.head(title, "band: 95 % interval of the validation rows, which every point shares")
        return page.png()
