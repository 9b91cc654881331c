"""Small tables of numbers that can be learned from, for tests of what learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from artpulse_assets.pipeline import candidates, estimators
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.frames import TestRows, single
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problem import Training

LABELS = ("calm", "loud", "plain")
WIDTH = 5
SEED = 3


def matrix(n: int, seed: int, spread: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    """Features n × 5 in [0, 1] around a centre for each label, and label indices n."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % len(LABELS)
    centres = np.array([[0.2, 0.3, 0.5, 0.5, 0.4], [0.6, 0.6, 0.5, 0.3, 0.5], [0.4, 0.7, 0.2, 0.6, 0.6]])
    return single(np.clip(centres[y] + spread * rng.normal(size=(n, WIDTH)), 0, 1)), y


def train(n: int = 90, seed: int = 0) -> TrainRows:
    """Train rows in five folds."""
    x, y = matrix(n, seed)
    return TrainRows(x, y, np.arange(n) // len(LABELS) % 5, LABELS, f"train-{n}-{seed}")


def test(n: int = 60, seed: int = 1) -> TestRows:
    """Rows kept aside."""
    x, y = matrix(n, seed)
    return TestRows(x, y, np.arange(n).astype(str), f"test-{n}-{seed}")


def fitted(rows: TrainRows, algorithm: str, memo: Memo, seed: int = SEED) -> Candidate:
    """The candidate of an algorithm with its usual parameters."""
    return candidates.fit(rows, algorithm, training=Training(seed=seed), effort="full", memo=memo)


def estimator(algorithm: str, rows: TrainRows, seed: int = SEED) -> Any:
    """A fresh estimator with the parameters a candidate of these rows has."""
    params = estimators.parameters(algorithm, rows.task, rows.x.shape[1], Training(), "full")
    return estimators.make(
        rows.task,
        params,
        seed=seed,
        parts=estimators.CALIBRATION_PARTS,
        columns=estimators.Columns(blocks=rows.blocks),
    )


test.__test__ = False  # type: ignore[attr-defined]  # a maker of rows, not a test
