"""Figures that rank: candidates against each other, features against each other.

Belongs here: model comparison and feature importance. Does not belong here: choosing a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.columns import finite, numbers
from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    MUTED,
    TOP_INCHES,
    bare,
    canvas,
    name_rows,
    plain,
    shorten,
)


def model_comparison(
    rows: Sequence[Mapping[str, Any]], metric: str, *, baseline: float | None = None, n: int | None = None
) -> bytes:
    """Each candidate's value with its 95 % interval, the best on top, the chosen one in colour.

    ``rows``: ``algorithm``, ``value`` and, where known, ``low``, ``high``, ``chosen``. ``baseline``: what a dummy
    reaches, drawn as a line. ``n``: rows the values were measured on. Raises ``ValueError`` without rows.
    """
    if not rows:
        raise ValueError("There is no candidate to compare.")
    ranked = sorted(rows, key=lambda row: (-_number(row, "value", -np.inf), str(row["algorithm"])))
    with canvas(TOP_INCHES + 0.75 + 0.42 * len(ranked)) as page:
        axes = page.axes()
        floor = min((_number(row, "low", _number(row, "value", 0.0)) for row in ranked), default=0.0)
        for index, row in enumerate(ranked):
            value, chosen = _number(row, "value", np.nan), bool(row.get("chosen"))
            low, high = _number(row, "low", value), _number(row, "high", value)
            colour = ACCENT if chosen else "#7c8a97"
            axes.plot([low, high], [index, index], color=colour, linewidth=3.2 if chosen else 2, alpha=0.55)
            axes.plot([value], [index], "o", color=colour, markersize=9 if chosen else 7)
            known = np.isfinite(value)
            text = (f"{value:.3f}" if known else "no value") + (" · chosen" if chosen else "")
            axes.annotate(
                text,
                (np.fmax(value, high) if known else floor, index),
                (9, 0),
                textcoords="offset points",
                va="center",
                color=ACCENT if chosen else MUTED,
                weight="bold" if chosen else "normal",
            )
        if baseline is not None:
            axes.axvline(baseline, color=ALARM, linewidth=1.3, linestyle=(0, (4, 3)))
            axes.annotate(
                f"dummy {baseline:.2f}",
                (baseline, 0.0),
                (4, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                color=ALARM,
                fontsize=9,
            )
        name_rows(axes, [row["algorithm"] for row in ranked])
        bare(axes)
        axes.margins(x=0.06)
        left, right = axes.get_xlim()
        axes.set_xlim(left, right + 0.16 * (right - left))
        intervals = any(row.get("low") is not None for row in ranked)
        axes.set_xlabel(plain(metric) + (" (line: 95 % interval)" if intervals else ""))
        best = next((row for row in ranked if row.get("chosen")), ranked[0])
        verb = "is chosen" if best.get("chosen") else "leads"
        page.head(
            f"{shorten(best['algorithm'])} {verb}: {shorten(metric)} {_number(best, 'value', np.nan):.3f}",
            f"{len(ranked)} candidates" + (f" · n = {n:,} rows" if n is not None else ""),
        )
        return page.png()


def _number(row: Mapping[str, Any], key: str, default: float) -> float:
    value = row.get(key)
    return default if value is None or not np.isfinite(value) else float(value)


def feature_importance(names: Sequence[str], values: Any, top: int = 20) -> bytes:
    """The ``top`` features by importance as horizontal bars; what hurts (below zero) is drawn in orange.

    ``values``: one number a name, for example the loss of score when the feature is shuffled (Breiman 2001).
    Raises ``ValueError`` when the two differ in length or are empty.
    """
    weights = numbers(values)
    if len(names) != weights.size or not len(names):
        raise ValueError("Each feature needs one importance.")
    weights = np.where(np.isfinite(weights), weights, 0.0)
    order = np.argsort(-weights, kind="stable")[:top]
    with canvas(TOP_INCHES + 0.75 + 0.29 * len(order)) as page:
        axes = page.axes()
        shown = weights[order]
        shades = [ACCENT if value >= 0 else ALARM for value in shown]
        axes.barh(range(len(order)), shown, 0.66, color=shades)
        name_rows(axes, [names[index] for index in order], 32)
        bare(axes)
        axes.set_xlabel("importance")
        total = float(finite(weights).clip(0).sum())
        share = f" · the first carries {100 * max(shown[0], 0) / total:.0f} % of the sum" if total > 0 else ""
        page.head(
            f"{shorten(names[order[0]])} counts most" if total > 0 else "No feature counts",
            f"{len(order)} of {len(names)} features{share}",
        )
        return page.png()
