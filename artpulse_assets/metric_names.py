"""Metrics by name: how people call them, which way is better, which task has them.

Belongs here: what figures, cards and leaderboards must agree on. Does not belong here: measuring
(``artpulse_assets.pipeline.measures``).
"""

from __future__ import annotations

CLASSIFICATION = (
    "macro_f1",
    "accuracy",
    "top2_accuracy",
    "auc",
    "log_loss",
    "brier",
    "ece",
    "accuracy_at_60",
)
REGRESSION = ("rmse", "mae", "r2", "interval_coverage", "interval_width")
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece", "rmse", "mae", "interval_width"})
IN_TARGET_UNITS = frozenset({"rmse", "mae", "interval_width"})
NAMES = {
    "macro_f1": "macro F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top2_accuracy": "top-2 accuracy",
    "top_2": "top-2 accuracy",
    "top_2_accuracy": "top-2 accuracy",
    "auc": "ROC AUC",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error (ECE)",
    "accuracy_at_60": "accuracy on the most confident 60 %",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
    "interval_coverage": "share inside the interval",
    "interval_width": "mean width of the interval",
}


def readable(name: str) -> str:
    """The name people know a metric by."""
    return NAMES.get(name, name.replace("_", " "))


def lower_is_better(name: str) -> bool:
    """True for losses and errors; a metric nobody knows counts as a score."""
    return name in LOWER_IS_BETTER


def gain(name: str, first: float, second: float) -> float:
    """How much better ``first`` is than ``second``: positive is better, whichever way the metric points."""
    return second - first if lower_is_better(name) else first - second
