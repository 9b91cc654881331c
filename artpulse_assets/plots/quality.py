"""Figures of how good the answers of a model are.

Belongs here: confusion, calibration, ROC. Does not belong here: the metrics themselves (``artpulse_core.gates``); what
is computed here is only what a curve needs. Figures of numbers are in ``regression``, of decisions in ``decisions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.binning import RELIABILITY_BINS, reliability
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
    colours,
    plain,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES = 30
MOST_CURVES = 8


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
    counts, names = merge_smallest(counts, [str(label) for label in labels])
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


def merge_smallest(counts: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """The matrix with all but the largest labels summed into one."""
    if len(names) <= MOST_CLASSES:
        return counts, names
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    kept = np.sort(order[: MOST_CLASSES - 1])
    slot = np.full(len(names), MOST_CLASSES - 1)
    slot[kept] = np.arange(len(kept))
    merge = np.eye(MOST_CLASSES)[slot]
    return merge.T @ counts @ merge, [*(names[index] for index in kept), f"{len(names) - len(kept)} others"]


def calibration(confidence: Any, correct: Any, *, positive: str | None = None) -> bytes:
    """Reliability diagram over a histogram of confidence; title and note give mean confidence and ECE.

    ``confidence``: n numbers 0–1; ``correct``: n booleans. With ``positive`` the two are the probability of that label
    and whether a row has it. 15 equal bins, intervals of each point: ``artpulse_assets.binning``. Raises
    ``ValueError`` without rows.
    """
    trust, hit = numbers(confidence), np.asarray(correct).astype(float)
    found = reliability(trust, hit)
    with canvas(TOP_INCHES + 4.6, 6.2) as page:
        upper, lower = page.figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        ideal = "as sure as right" if positive is None else "as often as said"
        upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1.1, linestyle=(0, (4, 3)), label=ideal)
        upper.vlines(found.confidence, found.low, found.high, color=ACCENT, linewidth=2, alpha=0.35)
        upper.plot(found.confidence, found.share, color=ACCENT, linewidth=1, alpha=0.5)
        area = 14 + 150 * found.n / found.n.max()
        dots = {"color": ACCENT, "zorder": 3, "clip_on": False, "label": "a bin (line: 95 % interval)"}
        upper.scatter(found.confidence, found.share, area, **dots)
        share = "share right" if positive is None else f"share that is {plain(positive)}"
        upper.set(ylabel=share, ylim=(-0.02, 1.02), xlim=(0, 1))
        upper.legend(loc="upper left", markerscale=0.6)
        lower.stairs(*np.histogram(trust, RELIABILITY_BINS, (0, 1)), fill=True, color=CALM)
        said = "confidence of the answer" if positive is None else f"probability of {plain(positive)}"
        lower.set(xlabel=said, ylabel="rows")
        lower.yaxis.get_major_locator().set_params(nbins=2, integer=True)
        for axes in (upper, lower):
            axes.grid(color=RULE, alpha=0.6)
            axes.spines[:].set_visible(False)
        gap = float(trust.mean() - hit.mean())
        off = abs(gap) > max(0.03, 1.96 * float(hit.std()) / np.sqrt(hit.size))
        if positive is None:
            title = "About as sure as it is right"
            if off:
                title = "Surer than it is right" if gap > 0 else "Less sure than it is right"
            note = f"mean confidence {trust.mean():.2f}, share right {hit.mean():.2f}"
        else:
            name = f"“{shorten(positive)}”"
            title = f"{name} about as often as said"
            if off:
                title = f"{name} less often than said" if gap > 0 else f"{name} more often than said"
            note = f"mean probability {trust.mean():.2f}, share {hit.mean():.2f}"
        page.head(f"{title} (ECE {found.ece:.3f})", f"n = {trust.size:,} test rows · {note}")
        return page.png()


def roc(
    y: Any,
    probabilities: Any,
    labels: Sequence[str],
    *,
    positive: str | None = None,
    threshold: float | None = None,
) -> bytes:
    """One-vs-rest ROC curves with their areas; over eight labels only the three best and worst are in colour.

    ``y``: n label indices or names; ``probabilities``: n × k in the order of ``labels``. A label with no row, or
    with all of them, has no curve. Of two labels one curve says it all: that of ``positive`` (or the second), with the
    ``threshold`` in use marked on it. Raises ``ValueError`` when no curve is left.
    """
    truth = np.asarray(y)
    if truth.dtype.kind not in "iu":
        place = {str(label): index for index, label in enumerate(labels)}
        truth = np.array([place[str(value)] for value in truth.ravel()])
    scores = np.asarray(probabilities, dtype=float)
    alone = None if len(labels) != 2 else 0 if positive == labels[0] else 1
    curves = []
    for index, label in enumerate(labels):
        hits = truth == index
        if alone in (None, index) and 0 < hits.sum() < hits.size:
            false, true = rates(hits, scores[:, index])
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
        others = "the other labels" if alone is None else "the other label"
        axes.set(xlabel=f"false alarms (share of {others})", ylabel="found (share of the label)")
        axes.set(xlim=(-0.01, 1.0), ylim=(0, 1.01))
        axes.grid(color=RULE, alpha=0.6)
        axes.spines[:].set_visible(False)
        best, worst, mean = curves[0], curves[-1], float(np.mean([curve[0] for curve in curves]))
        note = f"n = {truth.size:,} test rows"
        if alone is None:
            title = f"“{shorten(best[1])}” is told apart best"
            title += f", “{shorten(worst[1])}” worst" if len(curves) > 1 else ""
            note += f" · each label against the rest · mean area {mean:.3f}"
        else:
            title = f"“{shorten(best[1])}” is told apart with an area of {mean:.3f}"
            if threshold is not None:
                _mark(axes, truth == alone, scores[:, alone] >= threshold, f"threshold {threshold:g}")
                note += " · the dot is where the model decides"
        axes.legend(loc="lower right", title="area under the curve", title_fontsize=9)
        page.head(title, note)
        return page.png()


def _mark(axes: Axes, positive: np.ndarray, called: np.ndarray, name: str) -> None:
    """A dot at the rates of one decision."""
    false, true = float(called[~positive].mean()), float(called[positive].mean())
    axes.plot([false], [true], "o", color=ALARM, markersize=9, zorder=4, clip_on=False)
    text = f"{name}: finds {100 * true:.0f} %, {100 * false:.0f} % false alarms"
    axes.annotate(text, (false, true), (12, -14), textcoords="offset points", color=ALARM, fontsize=9.5)


def rates(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every distinct score, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), ordered.size - 1)
    true = np.append(0, np.cumsum(hits)[last]) / hits.sum()
    false = np.append(0, np.cumsum(~hits)[last]) / (~hits).sum()
    return false, true
