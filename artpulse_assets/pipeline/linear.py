"""The weights of a candidate that is one linear model: what explains its answers exactly.

Belongs here: reading them from a fitted estimator. Does not belong here: what is made of them
(``artpulse_core.model.explain``). A discriminant is not linear here: it clips what is far out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_core.features import table

PREFIX = "linear."


def arrays(
    model: Any, matrix: np.ndarray, encoding: str, fitted: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """``weights`` (w × k, k = 1 for values and for two labels, then of the second), ``fields`` (w), ``reference`` (w) and
    the ``answer`` (k) there, which is the score of each label or the value.

    ``model`` is what was fitted on ``matrix`` (n × w), the rows as the table set ``encoding`` with the arrays ``fitted``
    gives them ("": pictures). The answers are the weights' sums, or a softmax of them, up to a constant. Empty where the
    model is not linear, or where a column depends on several fields, whose shares a sum of columns does not tell.
    """
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline) or not isinstance(model[-1], LogisticRegression | Ridge):
        return {}
    scalers = [step for _, step in model.steps[:-1]]
    if not all(type(step).__name__ in ("StandardScaler", "RobustScaler") for step in scalers):
        return {}
    fields = np.arange(matrix.shape[1])
    if encoding:
        encoder = table.get(encoding).open(fitted)
        if not isinstance(encoder, table.Traceable):
            return {}
        fields = np.asarray(encoder.fields, dtype=np.int64)
    weights = np.atleast_2d(np.asarray(model[-1].coef_, dtype=np.float64)).T
    for step in reversed(scalers):
        if step.scale_ is not None:
            weights = weights / step.scale_[:, None]
    middle = matrix.mean(axis=0)
    scores = (
        model.decision_function(middle[None])
        if hasattr(model, "decision_function")
        else model.predict(middle[None])
    )
    answer = np.asarray(scores, dtype=np.float64).reshape(-1)
    return {"weights": weights, "reference": middle, "answer": answer, "fields": fields}


def of_state(kept: Mapping[str, np.ndarray], temperature: float) -> dict[str, np.ndarray]:
    """The arrays by their names in ``state.npz``, of answers softened by ``temperature`` (1 for values)."""
    if not kept:
        return {}
    return {
        PREFIX + "weights": kept["weights"] / temperature,
        PREFIX + "answer": kept["answer"] / temperature,
        PREFIX + "reference": kept["reference"],
        PREFIX + "fields": kept["fields"],
    }
