"""Figures of what has changed since training.

Belongs here: the picture of a drift report. Does not belong here: deciding whether there is drift
(``artpulse_core.drift``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_assets.plots.canvas import (
    ALARM,
    CALM,
    MUTED,
    TOP_INCHES,
    bare,
    canvas,
    finite,
    name_rows,
    shorten,
)

MOST_FEATURES = 24
MOST_CATEGORIES = 20


def drift_overview(features: Mapping[str, Mapping[str, Any]], title: str) -> bytes:
    """Effect size a feature, the largest on top, the blamed ones in another colour.

    ``features``: name → ``drift`` (blamed or not), ``effect`` (or else ``score``), as in a drift report. Blamed
    features are always shown, up to 24 rows in all. Raises ``ValueError`` without features.
    """
    if not features:
        raise ValueError("There is no feature to draw.")
    effects = {name: _effect(item) for name, item in features.items()}
    blamed = {name for name, item in features.items() if item.get("drift")}
    order = sorted(effects, key=lambda name: (name not in blamed, -effects[name], name))[:MOST_FEATURES]
    order.sort(key=lambda name: (-effects[name], name))
    with canvas(TOP_INCHES + 0.75 + 0.3 * len(order)) as page:
        axes = page.axes()
        for wanted, colour, label in ((True, ALARM, "has changed"), (False, CALM, "within chance")):
            rows = [row for row, name in enumerate(order) if (name in blamed) == wanted]
            if rows:
                axes.barh(rows, [effects[order[row]] for row in rows], 0.66, color=colour, label=label)
        for row, name in enumerate(order):
            axes.annotate(
                f"{effects[name]:.2f}",
                (effects[name], row),
                (5, 0),
                textcoords="offset points",
                va="center",
                color=ALARM if name in blamed else MUTED,
                fontsize=9,
            )
        name_rows(axes, order, 32)
        bare(axes)
        axes.margins(x=0.1)
        axes.set_xlim(left=0)
        axes.set_xlabel("size of the change")
        page.figure.legend(loc="outside lower right", ncols=2)
        hidden = f" · {len(order)} shown" if len(order) < len(features) else ""
        page.head(title, f"{len(blamed)} of {len(features)} features have changed{hidden}")
        return page.png()


def _effect(item: Mapping[str, Any]) -> float:
    for key in ("effect", "score"):
        value = item.get(key)
        if isinstance(value, int | float) and np.isfinite(value):
            return abs(float(value))
    return 0.0


def reference_vs_current(name: str, reference: Any, current: Any) -> bytes:
    """Distribution of one feature in training and now, on one axis.

    ``reference``: quantiles at equal steps (a stored sketch) or plain values; or ``(edges, counts)`` of a
    histogram; or for categories a mapping value → count. ``current``: n values. Raises ``ValueError`` when either
    has nothing to draw.
    """
    if isinstance(reference, Mapping):
        return _categories(name, reference, current)
    now = finite(current)
    if isinstance(reference, tuple):
        edges, counts = (np.asarray(part, dtype=float) for part in reference)
        cumulated = np.append(0, np.cumsum(counts)) / max(float(counts.sum()), 1.0)
        before = (
            np.interp((np.arange(1000) + 0.5) / 1000, cumulated, edges) if counts.sum() > 0 else counts[:0]
        )
    else:
        before = finite(reference)
    if not before.size or not now.size:
        raise ValueError(f"{name}: both windows need at least one number.")
    low = min(float(np.percentile(part, 0.5)) for part in (before, now))
    high = max(float(np.percentile(part, 99.5)) for part in (before, now))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, int(np.clip(np.sqrt(now.size) * 1.6, 8, 31)))
    with canvas(TOP_INCHES + 2.7) as page:
        axes = page.axes()
        for values, label in ((before, "training"), (now, "now")):
            shares = 100 * np.histogram(np.clip(values, low, high), edges)[0] / values.size
            if label == "now":
                axes.stairs(shares, edges, color=ALARM, linewidth=2.2, label=label)
            else:
                axes.stairs(shares, edges, fill=True, color=CALM, alpha=0.75, label=label)
            colour = ALARM if label == "now" else MUTED
            axes.axvline(float(np.median(values)), color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
        bare(axes, grid="y")
        axes.set_ylabel("% of rows")
        axes.set_ylim(bottom=0)
        page.figure.legend(loc="outside lower right", ncols=2)
        old, new = float(np.median(before)), float(np.median(now))
        verb = "is spread as before" if old == new else "is higher now" if new > old else "is lower now"
        page.head(
            f"{shorten(name, 40)} {verb}",
            f"n = {now.size:,} rows now · median {old:.3g} in training, {new:.3g} now (dashed)",
        )
        return page.png()


def _categories(name: str, reference: Mapping[str, int], current: Any) -> bytes:
    values, sizes = np.unique(np.asarray(current).astype(str), return_counts=True)
    now = dict(zip(values.tolist(), sizes.tolist(), strict=True))
    before = {str(value): int(count) for value, count in reference.items()}
    total_before, total_now = sum(before.values()), sum(now.values())
    if not total_before or not total_now:
        raise ValueError(f"{name}: both windows need at least one value.")
    shares = {
        value: (100 * before.get(value, 0) / total_before, 100 * now.get(value, 0) / total_now)
        for value in {**before, **now}
    }
    order = sorted(shares, key=lambda value: -max(shares[value]))[:MOST_CATEGORIES]
    with canvas(TOP_INCHES + 0.8 + 0.46 * len(order)) as page:
        axes = page.axes()
        rows = np.arange(len(order))
        axes.barh(rows - 0.19, [shares[value][0] for value in order], 0.34, color=CALM, label="training")
        axes.barh(rows + 0.19, [shares[value][1] for value in order], 0.34, color=ALARM, label="now")
        name_rows(axes, order)
        bare(axes)
        axes.set_xlabel("% of rows")
        page.figure.legend(loc="outside lower right", ncols=2)
        moved = max(order, key=lambda value: abs(shares[value][1] - shares[value][0]))
        old, new = shares[moved]
        page.head(
            f"{shorten(name)}: “{shorten(moved)}” went from {old:.0f} % to {new:.0f} %",
            f"n = {total_now:,} rows now, {total_before:,} in training",
        )
        return page.png()
