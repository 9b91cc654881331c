"""Figures that rank: candidates against each other, features against each other.

Belongs here: model comparison and feature importance (parts of the rows are in ``parts``). Does not belong here: choosing a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.columns import finite, numbers
from artpulse_assets.metric_names import lower_is_better, readable
from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    INK,
    TOP_INCHES,
    bare,
    canvas,
    name_rows,
    plain,
    shorten,
)
from artpulse_assets.plots.whiskers import number, room, shown, whisker


def model_comparison(
    rows: Sequence[Mapping[str, Any]], metric: str, *, baseline: float | None = None, n: int | None = None
) -> bytes:
    """Each candidate's value with its 95 % interval, the best on top, the chosen one in colour.

    ``rows``: ``algorithm``, ``value`` and, where known, ``low``, ``high``, ``chosen``. Whether high or low is good
    follows from the ``metric``. ``baseline``: what a dummy reaches, drawn as a line. ``n``: rows the values were
    measured on. Raises ``ValueError`` without rows.
    """
    if not rows:
        raise ValueError("There is no candidate to compare.")
    sign = 1.0 if lower_is_better(metric) else -1.0
    ranked = sorted(rows, key=lambda row: (sign * number(row, "value", sign * np.inf), str(row["algorithm"])))
    with canvas(TOP_INCHES + 0.75 + 0.42 * len(ranked)) as page:
        axes = page.axes()
        for index, row in enumerate(ranked):
            chosen = bool(row.get("chosen"))
            text = shown(row) + (" · chosen" if chosen else "")
            whisker(axes, index, row, text, ACCENT if chosen else "#7c8a97", strong=chosen)
        if baseline is not None and np.isfinite(baseline):
            axes.axvline(baseline, color=ALARM, linewidth=1.3, linestyle=(0, (4, 3)))
            axes.annotate(
                f"dummy {baseline:.3g}",
                (baseline, 0.0),
                (-4 if sign > 0 else 4, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="right" if sign > 0 else "left",
                color=ALARM,
                fontsize=9,
            )
        name_rows(axes, [row["algorithm"] for row in ranked])
        room(axes)
        intervals = any(row.get("low") is not None for row in ranked)
        how = [*(["less is better"] if sign > 0 else []), *(["line: 95 % interval"] if intervals else [])]
        axes.set_xlabel(plain(readable(metric), 50) + (f" ({', '.join(how)})" if how else ""))
        best = next((row for row in ranked if row.get("chosen")), ranked[0])
        verb = "is chosen" if best.get("chosen") else "leads"
        page.head(
            f"{shorten(best['algorithm'])} {verb}: {shorten(readable(metric), 50)} {shown(best)}",
            f"{len(ranked)} candidates" + (f" · n = {n:,} rows" if n is not None else ""),
        )
        return page.png()


def feature_importance(
    names: Sequence[str],
    values: Any,
    top: int = 20,
    *,
    low: Any = None,
    high: Any = None,
    metric: str | None = None,
) -> bytes:
    """The ``top`` features by importance as horizontal bars; what hurts (below zero) is drawn in orange.

    ``values``: one number a name, for example the loss of ``metric`` when the feature is shuffled (Breiman 2001);
    ``low`` and ``high``: the ends of a line on each bar, where known. Raises ``ValueError`` when names and values
    differ in length or are empty.
    """
    weights = numbers(values)
    if len(names) != weights.size or not len(names):
        raise ValueError("Each feature needs one importance.")
    weights = np.where(np.isfinite(weights), weights, 0.0)
    order = np.argsort(-weights, kind="stable")[:top]
    with canvas(TOP_INCHES + 0.75 + 0.29 * len(order)) as page:
        axes = page.axes()
        bars = weights[order]
        shades = [ACCENT if value >= 0 else ALARM for value in bars]
        axes.barh(range(len(order)), bars, 0.66, color=shades)
        if low is not None and high is not None:
            ends = (numbers(low)[order], numbers(high)[order])
            axes.hlines(range(len(order)), *ends, color=INK, linewidth=1.2, alpha=0.7)
        name_rows(axes, [names[index] for index in order], 32)
        bare(axes)
        axes.set_xlabel("importance" if metric is None else _lost(metric, lines=low is not None))
        total = float(finite(weights).clip(0).sum())
        share = f" · the first carries {100 * max(bars[0], 0) / total:.0f} % of the sum" if total > 0 else ""
        page.head(
            f"{shorten(names[order[0]])} counts most" if total > 0 else "No feature counts",
            f"{len(order)} of {len(names)} features{share}",
        )
        return page.png()


def _lost(metric: str, *, lines: bool) -> str:
    verb = "rises" if lower_is_better(metric) else "falls"
    spread = "; line: smallest to largest of the repeats" if lines else ""
    return f"how much {plain(readable(metric), 50)} {verb} when it is shuffled{spread}"
