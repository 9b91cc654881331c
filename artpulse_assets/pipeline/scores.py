"""One metric as one number, by name.

Belongs here: which function of ``artpulse_core.gates`` a metric's name stands for. Does not belong here: intervals
(``measures``) and the formulas themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from artpulse_core.gates import statistics

if TYPE_CHECKING:
    from artpulse_assets.pipeline.measures import Answered


def point(name: str, y: np.ndarray, answers: Answered) -> float:
    """``name`` of these answers; NaN where it is not defined. Raises ``ValueError`` for a name nobody knows."""
    if answers.values is not None:
        return _number(name, np.asarray(y, dtype=float), answers)
    p = np.asarray(answers.probabilities, dtype=float)
    k = p.shape[1]
    predicted = p.argmax(axis=1) if answers.predictions is None else np.asarray(answers.predictions)
    match name:
        case "macro_f1":
            return statistics.macro_f1(y, predicted, k)
        case "accuracy":
            return statistics.accuracy(y, predicted)
        case "top2_accuracy":
            return statistics.top_k_accuracy(y, p, 2)
        case "log_loss":
            return statistics.log_loss(y, p)
        case "brier":
            return statistics.brier(y, p) / (2.0 if k == 2 else 1.0)  # binary: mean (p1 - y)²
        case "ece":
            return statistics.ece(y, p)
        case "accuracy_at_60":
            return statistics.accuracy_at(y, p, 0.6)
        case "auc" if k == 2:
            return auc(y, p[:, 1])
    raise ValueError(f"There is no metric {name!r} for {k} labels.")


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve of label 1 by ranks, ties by half (Mann and Whitney 1947); NaN with one label alone."""
    positive = np.asarray(y) == 1
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    _, place, sizes = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2.0  # the mean rank of each distinct score
    return float((ranks[place][positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _number(name: str, y: np.ndarray, answers: Answered) -> float:
    error = np.asarray(answers.values, dtype=float) - y
    if name == "rmse":
        return float(np.sqrt(np.mean(error**2)))
    if name == "mae":
        return float(np.abs(error).mean())
    if name == "r2":
        total = float(np.sum((y - y.mean()) ** 2))
        return 1.0 - float(np.sum(error**2)) / total if total > 0 else float("nan")
    if answers.lower is not None and answers.upper is not None:
        if name == "interval_coverage":
            return float(np.mean((answers.lower <= y) & (y <= answers.upper)))
        if name == "interval_width":
            return float(np.mean(np.asarray(answers.upper) - np.asarray(answers.lower)))
    raise ValueError(f"There is no metric {name!r} for these numbers.")
