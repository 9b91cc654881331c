"""One metric as one number, by name.

Belongs here: which function of ``artpulse_core.gates`` a metric's name stands for. Does not belong here: intervals
(``measures``) and the formulas themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from artpulse_core.gates import regression, statistics

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
            return statistics.binary_brier(y, p[:, 1]) if k == 2 else statistics.brier(y, p)
        case "ece":
            return statistics.ece(y, p)
        case "accuracy_at_60":
            return statistics.accuracy_at(y, p, 0.6)
        case "auc" if k == 2:
            return statistics.auc(y, p[:, 1])
    raise ValueError(f"There is no metric {name!r} for {k} labels.")


def _number(name: str, y: np.ndarray, answers: Answered) -> float:
    values = np.asarray(answers.values, dtype=float)
    match name:
        case "rmse":
            return regression.rmse(y, values)
        case "mae":
            return regression.mae(y, values)
        case "r2":
            return regression.r2(y, values)
    if answers.lower is not None and answers.upper is not None:
        match name:
            case "interval_coverage":
                return regression.coverage(y, answers.lower, answers.upper)
            case "interval_width":
                return regression.width(answers.lower, answers.upper)
    raise ValueError(f"There is no metric {name!r} for these numbers.")
