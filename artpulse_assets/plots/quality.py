"""Figures of how good a model is.

Belongs here: comparison, confusion, calibration, ROC, importance. Does not belong here: the metrics themselves
(``artpulse_core.gates``); what is computed here is only what a curve needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.plots.canvas import (
    ACCENT,
    ALARM,
    CALM,
    INK,
    MUTED,
    RULE,
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

MOST_CLASSES = 30
MOST_CURVES = 8
BINS = 15


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
        for index, row in enumerate(ranked):
            value, chosen = _number(row, "value", np.nan), bool(row.get("chosen"))
            low, high = _number(row, "low", value), _number(row, "high", value)
            colour = ACCENT if chosen else "#7c8a97"
            axes.plot([low, high], [index, index], color=colour, linewidth=3.2 if chosen else 2, alpha=0.55)
            axes.plot([value], [index], "o", color=colour, markersize=9 if chosen else 7)
            text = f"{value:.3f}" + (" · chosen" if chosen else "")
            axes.annotate(
                text,
                (np.nanmax([value, high]), index),
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
        known = any(row.get("low") is not None for row in ranked)
        axes.set_xlabel(plain(metric) + (" (line: 95 % interval)" if known else ""))
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


def confusion(matrix: Any, labels: Sequence[str]) -> bytes:
    """True label (rows) against predicted label (columns): share of the row as colour, counts as figures.

    ``matrix``: k × k counts. Over 30 labels the smallest are drawn together as ``others``. Raises ``ValueError``
    when the matrix does not fit the labels.
    """
    counts = np.asarray(matrix, dtype=float)
    if counts.shape != (len(labels), len(labels)) or not len(labels):
        raise ValueError(f"A confusion matrix of {len(labels)} labels is square with as many rows.")
    right, total = float(np.trace(counts)), float(counts.sum())
    mistakes = counts - np.diag(np.diag(counts))
    row, column = divmod(int(np.argmax(mistakes)), len(labels))
    note = "no mistakes"
    if mistakes[row, column] > 0:
        worst = f"“{shorten(labels[row])}” taken for “{shorten(labels[column])}”"
        note = f"most frequent mistake: {worst} ({mistakes[row, column]:.0f} of {counts[row].sum():.0f})"
    counts, names = _largest(counts, [str(label) for label in labels])
    k = len(names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(0.62 * k, 3.0, 7.2))
    width = max(size + 2.6, 6.2)
    with canvas(TOP_INCHES + size + 1.1, width) as page:
        axes = page.axes()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        texts = [plain(name, 18) for name in names]
        many = max(map(len, texts)) > 11 * size / k
        axes.set_xticks(
            range(k),
            texts,
            rotation=40 if many else 0,
            ha="right" if many else "center",
            rotation_mode="anchor",
        )
        axes.set_yticks(range(k), texts)
        axes.tick_params(length=0, labelcolor=INK, labelsize=9.5 if k <= 15 else 8)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        for (row, column), value in np.ndenumerate(counts):
            if value == 0 and row != column:
                continue
            ink = "white" if shares[row, column] > 0.55 else INK
            text = f"{value:.0f}\n{100 * shares[row, column]:.0f} %" if k <= 8 else f"{value:.0f}"
            size_points = 9.5 if k <= 12 else 6.5
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size_points)
        bar = page.figure.colorbar(image, ax=axes, shrink=0.6, ticks=[0, 0.5, 1])
        bar.outline.set_visible(False)
        bar.set_ticklabels(["0 %", "50 %", "100 %"])
        bar.set_label("share of the true label")
        page.head(
            f"{right:,.0f} of {total:,.0f} are right ({100 * right / max(total, 1):.0f} %)",
            f"n = {total:,.0f} test rows · {note}",
        )
        return page.png()


def _largest(counts: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """The matrix with all but the largest labels summed into one."""
    if len(names) <= MOST_CLASSES:
        return counts, names
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    kept = np.sort(order[: MOST_CLASSES - 1])
    slot = np.full(len(names), MOST_CLASSES - 1)
    slot[kept] = np.arange(len(kept))
    merge = np.eye(MOST_CLASSES)[slot]
    return merge.T @ counts @ merge, [*(names[index] for index in kept), f"{len(names) - len(kept)} others"]


def calibration(confidence: Any, correct: Any) -> bytes:
    """Reliability diagram over a histogram of confidence; title and note give mean confidence and ECE.

    ``confidence``: n numbers 0–1; ``correct``: n booleans. ECE: Naeini, Cooper and Hauskrecht (2015), 15 equal
    bins. Intervals of each point: Wilson (1927), 95 %. Raises ``ValueError`` without rows.
    """
    trust, hit = numbers(confidence), np.asarray(correct).astype(float)
    if trust.size == 0 or trust.shape != hit.shape:
        raise ValueError("Calibration needs one confidence and one verdict a row.")
    edges = np.linspace(0, 1, BINS + 1)
    slot = np.clip(np.digitize(trust, edges[1:-1], right=True), 0, BINS - 1)
    sizes = np.bincount(slot, minlength=BINS)
    used = sizes > 0
    mean_trust = np.bincount(slot, trust, BINS)[used] / sizes[used]
    mean_hit = np.bincount(slot, hit, BINS)[used] / sizes[used]
    ece = float(np.sum(sizes[used] * np.abs(mean_trust - mean_hit)) / trust.size)
    low, high = _wilson(mean_hit, sizes[used])
    with canvas(TOP_INCHES + 4.6, 6.2) as page:
        upper, lower = page.figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        upper.plot(
            [0, 1], [0, 1], color=MUTED, linewidth=1.1, linestyle=(0, (4, 3)), label="as sure as right"
        )
        upper.vlines(mean_trust, low, high, color=ACCENT, linewidth=2, alpha=0.35)
        upper.plot(mean_trust, mean_hit, color=ACCENT, linewidth=1, alpha=0.5)
        area = 14 + 150 * sizes[used] / sizes.max()
        dots = {"color": ACCENT, "zorder": 3, "clip_on": False, "label": "a bin (line: 95 % interval)"}
        upper.scatter(mean_trust, mean_hit, area, **dots)
        upper.set(ylabel="share right", ylim=(-0.02, 1.02), xlim=(0, 1))
        upper.legend(loc="upper left", markerscale=0.6)
        lower.stairs(sizes, edges, fill=True, color=CALM)
        lower.set(xlabel="confidence of the answer", ylabel="rows")
        lower.yaxis.get_major_locator().set_params(nbins=2, integer=True)
        for axes in (upper, lower):
            axes.grid(color=RULE, alpha=0.6)
            axes.spines[:].set_visible(False)
        gap = float(trust.mean() - hit.mean())
        title = "About as sure as it is right"
        if abs(gap) > max(0.03, 1.96 * float(hit.std()) / np.sqrt(hit.size)):
            title = "Surer than it is right" if gap > 0 else "Less sure than it is right"
        note = f"mean confidence {trust.mean():.2f}, share right {hit.mean():.2f}"
        page.head(f"{title} (ECE {ece:.3f})", f"n = {trust.size:,} test rows · {note} · {BINS} bins")
        return page.png()


def _wilson(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def roc(y: Any, probabilities: Any, labels: Sequence[str]) -> bytes:
    """One-vs-rest ROC curves with their areas; over eight labels only the three best and worst are in colour.

    ``y``: n label indices or names; ``probabilities``: n × k in the order of ``labels``. A label with no row, or
    with all of them, has no curve. Raises ``ValueError`` when none is left.
    """
    truth = np.asarray(y)
    if truth.dtype.kind not in "iu":
        place = {str(label): index for index, label in enumerate(labels)}
        truth = np.array([place[str(value)] for value in truth.ravel()])
    scores = np.asarray(probabilities, dtype=float)
    curves = []
    for index, label in enumerate(labels):
        positive = truth == index
        if 0 < positive.sum() < positive.size:
            false, true = _curve(positive, scores[:, index])
            area = float(np.trapezoid(true, false))
            curves.append((area, str(label), false, true))
    if not curves:
        raise ValueError("A ROC curve needs rows of at least two labels.")
    curves.sort(key=lambda curve: (-curve[0], curve[1]))
    chosen = range(len(curves)) if len(curves) <= MOST_CURVES else [0, 1, 2, *range(len(curves))[-3:]]
    shades = dict(zip(chosen, colours(len(chosen)), strict=True))
    with canvas(TOP_INCHES + 4.4, 6.2) as page:
        axes = page.axes()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.1, linestyle=(0, (4, 3)))
        for index, (area, label, false, true) in enumerate(curves):
            if index in shades:
                axes.plot(false, true, color=shades[index], linewidth=2, label=f"{plain(label)}  {area:.2f}")
            else:
                axes.plot(false, true, color=CALM, linewidth=0.9, zorder=1)
        axes.set(xlabel="false alarms (share of the other labels)", ylabel="found (share of the label)")
        axes.set(xlim=(-0.01, 1.0), ylim=(0, 1.01))
        axes.grid(color=RULE, alpha=0.6)
        axes.spines[:].set_visible(False)
        axes.legend(loc="lower right", title="area under the curve", title_fontsize=9)
        best, worst, mean = curves[0], curves[-1], float(np.mean([curve[0] for curve in curves]))
        title = f"“{shorten(best[1])}” is told apart best"
        if len(curves) > 1:
            title += f", “{shorten(worst[1])}” worst"
        page.head(title, f"n = {truth.size:,} test rows · each label against the rest · mean area {mean:.3f}")
        return page.png()


def _curve(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every distinct score, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)
    true = np.append(0, np.cumsum(hits)[last]) / hits.sum()
    false = np.append(0, np.cumsum(~hits)[last]) / (~hits).sum()
    return false, true


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
