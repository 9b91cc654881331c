"""Whether confidence can be believed, and what a decision threshold costs.

Belongs here: reliability tables, the coverage of intervals by band, threshold tables. Does not belong here: fitting a
temperature or an interval, and drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from artpulse_assets.binning import bands, reliability, wilson

BANDS = 5
THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))


def reliability_table(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 10) -> dict[str, Any]:
    """``{"ece", "confidence", "share", "bins": [{"from", "to", "n", "confidence", "share", "low", "high"}]}``.

    ``confidence``: of the answer given, with ``correct`` whether it was right; or, for a binary problem, the
    probability of the positive label, with ``correct`` whether the row has it. Only bins with rows are listed; bounds
    are Wilson's, 95 %.
    """
    found = reliability(confidence, correct, bins)
    columns = (found.left, found.right, found.n, found.confidence, found.share, found.low, found.high)
    names = ("from", "to", "n", "confidence", "share", "low", "high")
    return {
        "ece": found.ece,
        "confidence": float(np.mean(confidence)),
        "share": float(np.mean(correct)),
        "bins": [
            {name: int(item) if name == "n" else float(item) for name, item in zip(names, row, strict=True)}
            for row in zip(*columns, strict=True)
        ],
    }


def coverage_table(
    y: np.ndarray, values: np.ndarray, lower: np.ndarray, upper: np.ndarray, *, level: float
) -> dict[str, Any]:
    """``{"level", "coverage", "width", "bands": [{"from", "to", "n", "share", "low", "high", "width"}]}``.

    Bands are fifths of the *prediction*, which is known when the model is used; ``share`` is how much of a band's truth
    lies inside its interval, with Wilson's 95 % bounds, ``width`` the mean width. Units are the target's.
    """
    inside, width = (lower <= y) & (y <= upper), upper - lower
    place, edges = bands(values, BANDS)
    out = []
    for index in range(len(edges) - 1):
        rows = place == index
        n = int(rows.sum())
        share = float(inside[rows].mean())
        low, high = (float(bound) for bound in wilson(share, n))
        entry = {"from": float(edges[index]), "to": float(edges[index + 1]), "n": n, "share": share}
        out.append({**entry, "low": low, "high": high, "width": float(width[rows].mean())})
    return {"level": level, "coverage": float(inside.mean()), "width": float(width.mean()), "bands": out}


def best_threshold(false_negative: float, false_positive: float) -> float:
    """The threshold of least expected cost for *calibrated* probabilities: c_fp / (c_fp + c_fn).

    Elkan 2001, "The Foundations of Cost-Sensitive Learning", IJCAI, equation 2, right answers costing nothing. Raises
    ``ValueError`` unless both costs are positive.
    """
    if not (0 < false_negative < np.inf and 0 < false_positive < np.inf):
        raise ValueError("The costs false_negative and false_positive of [decision] are positive numbers.")
    return false_positive / (false_positive + false_negative)


def threshold_table(
    positive: np.ndarray,
    probability: np.ndarray,
    *,
    label: str,
    chosen: float,
    false_negative: float = 1.0,
    false_positive: float = 1.0,
    thresholds: Sequence[float] = THRESHOLDS,
) -> dict[str, Any]:
    """What each threshold on the probability of the positive label does to the rows, and what that costs.

    ``positive``: n booleans; ``probability``: n. A row is called positive from the threshold on. ``{"label", "chosen",
    "best", "false_negative", "false_positive", "n", "n_positive", "rows": [{"threshold", "chosen", "best",
    "sensitivity", "specificity", "precision", "called", "missed", "false_alarms", "cost"}]}``; ``called``, ``missed``,
    ``false_alarms`` and ``cost`` are per 100 rows, a share without rows is None. ``best`` is ``best_threshold``.
    """
    truth, p = np.asarray(positive, dtype=bool), np.asarray(probability, dtype=float)
    if truth.size == 0 or truth.shape != p.shape:
        raise ValueError("A threshold table needs one truth and one probability a row.")
    best = best_threshold(false_negative, false_positive)
    asked = sorted({*(float(item) for item in thresholds), float(chosen), round(best, 6)})
    rows = []
    for threshold in asked:
        called = p >= threshold
        hit, missed = int((called & truth).sum()), int((~called & truth).sum())
        alarms, calm = int((called & ~truth).sum()), int((~called & ~truth).sum())
        scale = 100.0 / truth.size
        rows.append(
            {
                "threshold": threshold,
                "chosen": threshold == float(chosen),
                "best": threshold == round(best, 6),
                "sensitivity": _share(hit, hit + missed),
                "specificity": _share(calm, calm + alarms),
                "precision": _share(hit, hit + alarms),
                "called": (hit + alarms) * scale,
                "missed": missed * scale,
                "false_alarms": alarms * scale,
                "cost": (missed * false_negative + alarms * false_positive) * scale,
            }
        )
    return {
        "label": label,
        "chosen": float(chosen),
        "best": best,
        "false_negative": float(false_negative),
        "false_positive": float(false_positive),
        "n": int(truth.size),
        "n_positive": int(truth.sum()),
        "rows": rows,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def unsure_table(y: np.ndarray, probabilities: np.ndarray, below: float) -> dict[str, Any]:
    """``{"below", "share", "accuracy_sure", "accuracy_unsure"}``: what marking answers under a confidence comes to.

    ``y`` n label indices, ``probabilities`` n × k; the accuracy of no rows is None.
    """
    p = np.asarray(probabilities, dtype=float)
    unsure = p.max(axis=1) < below
    right = p.argmax(axis=1) == y
    return {
        "below": float(below),
        "share": float(unsure.mean()),
        "accuracy_sure": _share(int(right[~unsure].sum()), int((~unsure).sum())),
        "accuracy_unsure": _share(int(right[unsure].sum()), int(unsure.sum())),
    }
