"""From what an exported graph gives to answers: calibrated probabilities and labels, or values and intervals.

Belongs here: the last step, the same in training and in serving, and the arrays of ``state.npz`` it reads. Does not
belong here: running a graph (``predictor``), learning those arrays (the pipeline).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from artpulse_core.data.contract import Contract
from artpulse_core.errors import BundleError
from artpulse_core.model import interval

TEMPERATURE = "temperature"
LEVEL = "interval.level"
FLOOR = "floor"
LEAST = 1e-6
"""What float32 sums call zero: a temperature of 2.5 makes 2e-3 of the difference between 0 and 1e-7."""
OLD_LEAST = 1e-12  # of bundles whose state names no floor
DECIMALS = 6  # closer answers are a tie, which falls to the same label in every build of the runtime


@dataclass(frozen=True)
class Prediction:
    """Answers for n rows.

    Classification: ``probabilities`` n × k float64 (rows sum to 1), ``predictions`` n label indices, ``unsure`` n
    booleans. Regression: ``values``, ``lower`` and ``upper`` n numbers in the target's unit. What is of the other
    task is None.
    """

    probabilities: np.ndarray | None = None
    predictions: np.ndarray | None = None
    unsure: np.ndarray | None = None
    values: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None


class Finish:
    """The last step of one model."""

    def __init__(self, contract: Contract, state: Mapping[str, np.ndarray]) -> None:
        """Raises ``BundleError`` when ``state`` lacks what the task needs, or holds what cannot be."""
        target = contract.target
        self.regression = contract.task == "regression"
        self.labels = target.labels
        self.threshold = target.threshold
        self.unsure_below = target.unsure_below
        self.positive = _positive(target.labels, target.positive_label) if target.positive_label else None
        self.temperature = 1.0 if self.regression else _temperature(state)
        self.floor = float(state.get(FLOOR, OLD_LEAST))
        self._interval = {name: array for name, array in state.items() if name.startswith("interval.")}
        if self.regression and LEVEL not in self._interval:
            raise BundleError("state.npz has no intervals for a regression.")

    @property
    def level(self) -> float:
        """The share of truths that intervals are to cover; 0 for a classification."""
        return float(self._interval[LEVEL]) if self.regression else 0.0

    @property
    def outputs(self) -> int:
        """Columns of what the graph gives."""
        return 1 if self.regression else len(self.labels)

    def calibrate(self, raw: np.ndarray) -> np.ndarray:
        """The graph's n × k probabilities softened, or its n × 1 values; raises ``BundleError`` for what is no answer."""
        if raw.ndim != 2 or raw.shape[1] != self.outputs:
            raise BundleError(f"The model answers with shape {raw.shape}, not a number for each label.")
        answer = raw if self.regression else soften(raw, self.temperature, self.floor)
        if not np.isfinite(answer).all():
            what = "a number" if self.regression else "a probability for each label"
            raise BundleError(f"The model gave an answer that is not {what}.")
        return answer

    def predict(self, raw: np.ndarray, encoded: np.ndarray) -> Prediction:
        """Everything that is answered to n rows; raises ``BundleError`` for what is no answer.

        ``raw`` (n × k) is what the graph gave for ``encoded`` (n × w), which intervals depend on too.
        """
        answer = self.calibrate(raw)
        if self.regression:
            values = answer[:, 0]
            lower, upper = interval.bounds(values, self._interval, encoded)
            return Prediction(values=values, lower=lower, upper=upper)
        return Prediction(answer, self.decide(answer), answer.max(axis=1) < self.unsure_below)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Label index of each row: the likeliest, or the positive label from its threshold on."""
        rounded = np.round(probabilities, DECIMALS)
        if self.positive is None:
            return np.asarray(rounded.argmax(axis=1))
        chosen = rounded[:, self.positive] >= self.threshold
        return np.where(chosen, self.positive, 1 - self.positive)


def soften(probabilities: np.ndarray, temperature: float, floor: float = LEAST) -> np.ndarray:
    """Temperature scaling of probabilities, n × k.

    p_i^(1/T) normalised, which is softmax(log p / T): Guo et al. 2017, "On Calibration of Modern Neural
    Networks", arXiv:1706.04599, section 4.2, applied to log-probabilities of at least ``floor``.
    """
    logits = np.log(np.clip(probabilities, floor, 1.0)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _temperature(state: Mapping[str, np.ndarray]) -> float:
    try:
        value = float(state[TEMPERATURE])
    except (KeyError, TypeError, ValueError):
        raise BundleError("state.npz has no calibration temperature.") from None
    if not 0.01 <= value <= 100:
        raise BundleError(f"The calibration temperature {value!r} is not between 0.01 and 100.")
    return value


def _positive(labels: tuple[str, ...], positive: str) -> int:
    if len(labels) != 2 or positive not in labels:
        raise BundleError(f"The positive label {positive!r} is not one of two labels.")
    return labels.index(positive)
