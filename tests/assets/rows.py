"""Small tables of numbers that can be learned from, for tests of what learns."""

from __future__ import annotations

import numpy as np

from artpulse_assets.pipeline.candidates import TrainRows
from artpulse_assets.pipeline.frames import TestRows, single

LABELS = ("calm", "loud", "plain")
WIDTH = 5


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


test.__test__ = False  # type: ignore[attr-defined]  # a maker of rows, not a test
