"""Figures of what has changed since training.

Belongs here: the picture of a drift report. Does not belong here: deciding whether there is drift
(``artpulse_core.drift``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_assets.columns import finite
from artpulse_assets.plots.canvas import (
    ALARM,
    CALM,
    INK,
    MUTED,
    TOP_INCHES,
    bare,
    canvas,
    name_rows,
    shorten,
)

MOST_FEATURES = 24
MOST_CATEGORIES = 20
MOST_SCORE = 6.0
# The words people read for the kinds of test.
TESTS = {
    "location": "level",
    "range": "beyond all seen",
    "missing": "missing values",
    "category": "mix",
    "correlation": "relation",
    "absent": "column absent",
}


def drift_overview(features: Mapping[str, Mapping[str, Any]], title: str, *, n: int | None = None) -> bytes:
    """How far each feature has changed, the farthest on top, the blamed ones in another colour.

    ``features``: name → ``drift`` (blamed or not), ``score``, ``effect``, as in a drift report. Bars show the
    score, which is on one scale for every kind of test (1 is the alarm line; bars end at 6), and the figures beside
    the blamed ones the effect; without any score, bars show the effect. ``n``: rows in the window. Blamed features come first
    into the 24 that are drawn. Raises ``ValueError`` without features.
    """
    if not features:
        raise ValueError("There is no feature to draw.")
    scored = any(_finite(item, "score") is not None for item in features.values())
    sizes = {
        name: abs(_finite(item, "score" if scored else "effect") or 0) for name, item in features.items()
    }
    blamed = {name for name, item in features.items() if item.get("drift")}
    order = sorted(sizes, key=lambda name: (name not in blamed, -sizes[name], name))[:MOST_FEATURES]
    order.sort(key=lambda name: (-sizes[name], name))
    drawn = [min(sizes[name], MOST_SCORE) if scored else sizes[name] for name in order]
    with canvas(TOP_INCHES + 0.95 + 0.3 * len(order)) as page:
        axes = page.axes()
        for wanted, colour, label in ((True, ALARM, "has changed"), (False, CALM, "as before")):
            rows = [row for row, name in enumerate(order) if (name in blamed) == wanted]
            if rows:
                axes.barh(rows, [drawn[row] for row in rows], 0.66, color=colour, label=label)
        for row, name in enumerate(order):
            axes.annotate(
                _beside(features[name]) if name in blamed or not scored else "",
                (drawn[row], row),
                (6, 0),
                textcoords="offset points",
                va="center",
                color=ALARM if name in blamed else MUTED,
                fontsize=9,
                parse_math=False,
            )
        if scored:
            axes.axvline(1, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), label="alarm")
        name_rows(axes, order, 32)
        bare(axes)
        axes.set_xlim(0, max(*drawn, 1.2 if scored else 0.0, 1e-9) * 1.2)
        axes.set_xlabel("score (beside it: size and kind of the change)" if scored else "size of the change")
        page.figure.legend(loc="outside lower right", ncols=3)
        hidden = f" · {len(order)} shown" if len(order) < len(features) else ""
        rows_seen = "" if n is None else f"n = {n:,} rows · "
        page.head(title, f"{rows_seen}{len(blamed)} of {len(features)} features have changed{hidden}")
        return page.png()


def _beside(item: Mapping[str, Any]) -> str:
    effect, test = _finite(item, "effect"), item.get("test")
    word = TESTS.get(str(test), shorten(test, 16)) if test else ""
    texts = ["" if effect is None else f"{effect:.2f}".replace("-", "−"), word]
    return " ".join(text for text in texts if text)


def _finite(item: Mapping[str, Any], key: str) -> float | None:
    value = item.get(key)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


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
