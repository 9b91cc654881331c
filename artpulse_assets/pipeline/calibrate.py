"""What is learned from out-of-fold answers: the temperature of probabilities, the intervals of values.

Belongs here: the arrays ``artpulse_core.model.finish`` reads. Does not belong here: fitting candidates.
"""

from __future__ import annotations

import numpy as np

from artpulse_assets.pipeline.candidates import TrainRows
from artpulse_core.data.contract import Contract
from artpulse_core.data.problem import Problem
from artpulse_core.gates import statistics
from artpulse_core.model import interval
from artpulse_core.model.finish import FLOOR, LEAST, TEMPERATURE, Finish, soften

LEVEL = 0.9
"""The share of truths an interval is to cover."""


def learn(
    problem: Problem, rows: TrainRows, out_of_fold: np.ndarray, mixed: np.ndarray
) -> dict[str, np.ndarray]:
    """Arrays of the last step, learned from answers (n × k) by models that had not seen the row.

    ``out_of_fold`` had not seen the row's group either, ``mixed`` come from random folds (the same array where nothing
    is grouped). A temperature is learned from both: what is asked later is partly of groups that were learned from, and
    the temperature of strange groups alone makes the model too modest about them.
    """
    if rows.task == "regression":
        low, high = problem.target.minimum, problem.target.maximum
        return interval.fit(
            rows.y,
            out_of_fold[:, 0],
            rows.encoded.matrix,
            level=LEVEL,
            minimum=-np.inf if low is None else low,
            maximum=np.inf if high is None else high,
        )
    told = [out_of_fold] if mixed is out_of_fold else [out_of_fold, mixed]
    heat = temperature(np.tile(rows.y, len(told)), np.concatenate(told))
    return {TEMPERATURE: np.array(heat), FLOOR: np.array(LEAST)}


def finish(contract: Contract, rows: TrainRows, state: dict[str, np.ndarray]) -> Finish:
    """The last step for the labels of ``rows``."""
    return Finish(contract.with_labels(rows.labels), state)


def temperature(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature that minimises the log loss of out-of-fold answers (Guo et al. 2017, arXiv:1706.04599)."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: statistics.log_loss(y, soften(probabilities, float(np.exp(log_t)))),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))
