"""What an evaluation document says of one set of rows and answers, and the figures that show a document.

Belongs here: putting the parts together (``measures``, ``slices``, ``calibration``, and ``plots``). Does not belong here:
any computation of its own, cross-validation, choosing, writing files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_assets.pipeline import calibration, measures, slices
from artpulse_assets.pipeline.measures import Answered
from artpulse_assets.pipeline.resampling import predicted
from artpulse_assets.pipeline.slices import Rows
from artpulse_assets.plots.gallery import Wrong
from artpulse_core.gates import statistics

FIGURES = (
    "confusion",
    "roc",
    "calibration",
    "threshold_costs",
    "predictions_vs_actual",
    "residuals",
    "interval_coverage",
    "slices",
    "learning_curve",
    "feature_importance",
    "error_gallery",
)


@dataclass(frozen=True)
class Decision:
    """How answers are read: the positive label of a binary problem with its threshold and costs, or the confidence
    under which an answer is marked unsure; ``level`` of the intervals of a regression.
    """

    positive: str | None = None
    threshold: float = 0.5
    false_negative: float = 1.0
    false_positive: float = 1.0
    unsure_below: float | None = None
    level: float = 0.9


def on_rows(
    rows: Rows, answers: Answered, *, labels: Sequence[str] = (), decision: Decision, seed: int
) -> dict[str, Any]:
    """The keys of ``document.Evaluation`` that follow from rows and answers alone.

    ``task``, ``metrics``, ``slices``, ``n_test``; for classification ``per_label``, ``confusion``, ``calibration``, and
    ``thresholds`` or ``unsure``; for regression ``interval`` where there are bounds.
    """
    found: dict[str, Any] = {
        "metrics": measures.measure(rows.y, answers, seed=seed, groups=rows.groups),
        "n_test": len(rows.y),
    }
    if answers.values is not None:
        found |= {"task": "regression", "slices": slices.table(rows, answers, metric="rmse", seed=seed)}
        if answers.lower is not None and answers.upper is not None:
            bounds = (np.asarray(answers.lower), np.asarray(answers.upper))
            found["interval"] = calibration.coverage_table(
                rows.y, np.asarray(answers.values), *bounds, level=decision.level
            )
        return found
    p, guess = np.asarray(answers.probabilities), predicted(answers)
    found |= {
        "task": "classification",
        "slices": slices.table(rows, answers, metric="accuracy", seed=seed),
        "per_label": statistics.per_class(rows.y, guess, tuple(labels)),
        "confusion": statistics.confusion(rows.y, guess, len(labels)).tolist(),
    }
    if decision.positive is not None:
        place = list(labels).index(decision.positive)
        found["calibration"] = calibration.reliability_table(p[:, place], rows.y == place)
        found["thresholds"] = calibration.threshold_table(
            rows.y == place,
            p[:, place],
            label=decision.positive,
            chosen=decision.threshold,
            false_negative=decision.false_negative,
            false_positive=decision.false_positive,
        )
        return found
    found["calibration"] = calibration.reliability_table(p.max(axis=1), p.argmax(axis=1) == rows.y)
    if decision.unsure_below is not None:
        found["unsure"] = calibration.unsure_table(rows.y, p, decision.unsure_below)
    return found


def figures(
    document: Mapping[str, Any],
    y: np.ndarray,
    answers: Answered,
    *,
    labels: Sequence[str] = (),
    target: str = "value",
    unit: str = "",
    wrong: Sequence[Wrong] = (),
) -> dict[str, bytes]:
    """Every figure that the document, the n test rows ``y`` and the answers to them allow, PNG by name, out of ``FIGURES``.

    ``wrong``: pictures answered wrongly, for the gallery; the surest are enough.
    """
    drawn = (
        _of_labels(document, y, answers, labels)
        if answers.values is None
        else _of_numbers(document, y, answers, target, unit)
    )
    return {name: png for name, png in {**drawn, **_of_both(document, len(y), wrong)}.items() if png}


def _of_labels(
    document: Mapping[str, Any], y: np.ndarray, answers: Answered, labels: Sequence[str]
) -> dict[str, bytes | None]:
    from artpulse_assets import plots

    p = np.asarray(answers.probabilities)
    costs = document.get("thresholds")
    drawn: dict[str, bytes | None] = {"confusion": plots.confusion(document["confusion"], labels)}
    if len(np.unique(y)) > 1:
        positive, at = (costs["label"], costs["chosen"]) if costs else (None, None)
        drawn["roc"] = plots.roc(y, p, labels, positive=positive, threshold=at)
    if costs:
        place = list(labels).index(costs["label"])
        drawn["calibration"] = plots.calibration(p[:, place], y == place, positive=costs["label"])
        drawn["threshold_costs"] = plots.threshold_costs(costs)
    else:
        drawn["calibration"] = plots.calibration(p.max(axis=1), p.argmax(axis=1) == y)
    return drawn


def _of_numbers(
    document: Mapping[str, Any], y: np.ndarray, answers: Answered, target: str, unit: str
) -> dict[str, bytes | None]:
    from artpulse_assets import plots

    table = document.get("interval")
    return {
        "predictions_vs_actual": plots.predictions_vs_actual(y, answers.values, target=target, unit=unit),
        "residuals": plots.residuals(y, answers.values, target=target, unit=unit),
        "interval_coverage": plots.coverage(table["bands"], table["level"], unit=unit) if table else None,
    }


def _of_both(document: Mapping[str, Any], n: int, wrong: Sequence[Wrong]) -> dict[str, bytes | None]:
    from artpulse_assets import plots

    drawn: dict[str, bytes | None] = {}
    parts, curve, weights = (document.get(key) for key in ("slices", "learning_curve", "importance"))
    if parts:
        metric = parts[0]["metric"]
        overall = (document.get("metrics") or {}).get(metric, {}).get("value")
        drawn["slices"] = plots.slices(parts, metric, overall=overall)
    if curve:
        drawn["learning_curve"] = plots.learning_curve(curve, curve[0]["metric"])
    if weights and weights["fields"]:
        names, values, low, high = (
            [entry[key] for entry in weights["fields"]] for key in ("name", "value", "low", "high")
        )
        drawn["feature_importance"] = plots.feature_importance(
            names, values, low=low, high=high, metric=weights["metric"]
        )
    counts = np.array(document.get("confusion") or [[0]])
    mistakes = max(int(counts.sum() - np.trace(counts)), len(wrong))
    drawn["error_gallery"] = plots.error_gallery(wrong, n=n, total=mistakes)
    return drawn
