"""The learning curve: what more rows of the same kind would bring.

Belongs here: growing shares of the train units, and the metric on rows that stay the same. Does not belong here: how
one model is fitted, which the caller passes in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from artpulse_assets.pipeline import measures
from artpulse_assets.pipeline.measures import Answered

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
QUICK = (0.25, 0.5, 1.0)
RESAMPLES = 200


def curve(
    units: np.ndarray,
    y: np.ndarray,
    y_validation: np.ndarray,
    fit_predict: Callable[[np.ndarray], Answered],
    *,
    metric: str,
    seed: int,
    shares: Sequence[float] = SHARES,
    groups: np.ndarray | None = None,
    labels: int | None = None,
) -> list[dict[str, Any]]:
    """``[{"share", "n", "metric", "value", "low", "high"}]``, one entry a share of the train units.

    ``units``: n names of what stays together, ``y`` n, of the rows to learn from. ``fit_predict(rows)`` fits on these
    indices into them and answers the fixed validation rows, whose truth is ``y_validation`` and whose groups are
    ``groups``. Larger shares hold the smaller ones. ``labels``: number of labels; a share that lacks two rows of one of
    them is left out, as no classifier of all labels can be learned from it. The intervals are those of the validation
    rows, which every point shares.
    """
    names, member = np.unique(units, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    out: list[dict[str, Any]] = []
    for share in shares:
        chosen = np.flatnonzero(rank[member] < round(share * len(names)))
        if not len(chosen) or (out and out[-1]["n"] == len(chosen)):
            continue
        if labels is not None and np.bincount(np.asarray(y)[chosen], minlength=labels).min() < 2:
            continue
        found = measures.measure(
            y_validation,
            fit_predict(chosen),
            seed=seed,
            groups=groups,
            only=[metric],
            resamples=RESAMPLES,
        )
        out.append({"share": float(share), "n": len(chosen), "metric": metric, **found[metric]})
    return out
