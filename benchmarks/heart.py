"""Heart disease, Cleveland: repeated cross-validation of all 303 patients, with intervals.

Run: ``python benchmarks/heart.py [--data FILE] [--seed 0] [--resamples 2000]``. Ten times, the patients are cut into
ten stratified parts (``RepeatedStratifiedKFold``), and each part is answered by a model that has not seen it: medians,
scaling, weights and calibration are fitted on the other nine. A figure is the mean over the ten repeats. Its 95 %
interval is a bootstrap of patients: all ten answers to a patient are drawn together, because repeats of one data set
are no new patients. The choice of columns and parameters was made by other shuffles (seeds 101 to 116) of the same
patients, which no interval here allows for.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.svm import SVC

from artpulse_core.data.problem import Problem
from artpulse_core.features import table
from artpulse_core.model.predictor import soften
from benchmarks._heart_rows import load, problem, shipped

FOLDS, REPEATS, INNER = 10, 10, 5
TEMPERATURES = np.geomspace(0.3, 3.0, 93)


def logistic(c: float) -> Callable[[], Any]:
    """A ridge logistic regression; ``RobustScaler`` leaves columns of 0 and 1 as they are, so that the four patients
    with a missing ``ca`` do not weigh like a finding."""
    return lambda: make_pipeline(RobustScaler(), LogisticRegression(C=c, max_iter=500))


def support_vectors() -> Any:
    """A support vector machine with probabilities."""
    machine = CalibratedClassifierCV(SVC(C=0.3, gamma=0.03), method="sigmoid", cv=5, ensemble=False)
    return make_pipeline(RobustScaler(), machine)


def forest() -> Any:
    """A random forest."""
    return RandomForestClassifier(100, min_samples_leaf=4, random_state=0)


@dataclass(frozen=True)
class Way:
    """A feature set, an estimator, and whether its answers are softened by a temperature."""

    name: str
    features: str
    make: Callable[[], Any]
    tempered: bool = False

    def answer(self, given: Problem, x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """(m,) probabilities of disease of ``asked``, learned from ``x`` and ``y`` alone."""
        said = self._plain(given, x, y, asked)
        if not self.tempered:
            return said
        held = np.empty(len(y))
        for inside, outside in StratifiedKFold(INNER, shuffle=True, random_state=0).split(x, y):
            held[outside] = self._plain(given, x[inside], y[inside], x[outside])
        losses = [
            -np.log(np.where(y == 1, warm, 1 - warm)).mean()
            for warm in (softened(held, heat) for heat in TEMPERATURES)
        ]
        return softened(said, float(TEMPERATURES[int(np.argmin(losses))]))

    def _plain(self, given: Problem, x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
        kind = table.get(self.features)
        fitted = kind.fit(given.contract.fields, x, y, seed=0)
        model = self.make().fit(fitted.matrix, y)
        return np.asarray(model.predict_proba(kind.open(fitted.arrays).transform(asked))[:, 1])


WAYS = (
    Way("heart: logistic C 0.07, tempered", "heart", logistic(0.07), tempered=True),
    Way("heart: logistic C 0.07", "heart", logistic(0.07)),
    Way("table: logistic C 0.3", "table", logistic(0.3)),
    Way("heart: support vectors", "heart", support_vectors),
    Way("heart: random forest", "heart", forest),
)


def softened(p: np.ndarray, heat: float) -> np.ndarray:
    """(n,) probabilities under a temperature."""
    return soften(np.column_stack([1 - p, p]), heat)[:, 1]


def splits(x: np.ndarray, y: np.ndarray, seed: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(repeat, train rows, test rows)."""
    cut = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=seed)
    for place, (inside, outside) in enumerate(cut.split(x, y)):
        yield place // FOLDS, inside, outside


class Figures:
    """Figures of repeats × n answers, for any whole-numbered weights of patients: means over the repeats."""

    NAMES = ("AUC", "accuracy", "Brier", "sensitivity", "specificity", "log loss")

    def __init__(self, p: np.ndarray, y: np.ndarray) -> None:
        self.ill = y == 1
        # (ill × healthy) share of repeats in which the ill patient has the higher answer, ties a half
        ill, well = p[:, self.ill, None], p[:, None, ~self.ill]
        self.above = ((ill > well) + 0.5 * (ill == well)).mean(axis=0)
        self.right = ((p >= 0.5) == y).mean(axis=0)
        self.square = ((p - y) ** 2).mean(axis=0)
        self.loss = -np.log(np.where(self.ill, p, 1 - p)).mean(axis=0)

    def weighed(self, weight: np.ndarray) -> np.ndarray:
        """One number for each of ``NAMES``."""
        ill, well = weight[self.ill], weight[~self.ill]
        return np.array(
            [
                ill @ self.above @ well / (ill.sum() * well.sum()),
                self.right @ weight / weight.sum(),
                self.square @ weight / weight.sum(),
                self.right[self.ill] @ ill / ill.sum(),
                self.right[~self.ill] @ well / well.sum(),
                self.loss @ weight / weight.sum(),
            ]
        )

    def interval(self, resamples: int) -> np.ndarray:
        """2 × figures: 95 % percentile bootstrap, patients drawn with replacement."""
        rng, n = np.random.default_rng(0), len(self.ill)
        drawn = [np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64) for _ in range(resamples)]
        return np.quantile([self.weighed(weight) for weight in drawn], (0.025, 0.975), axis=0)


def costs(p: np.ndarray, y: np.ndarray, given: Problem) -> None:
    """Print what errors cost a patient, at the threshold and at the one the costs ask for."""
    missed, false = given.decision.false_negative, given.decision.false_positive
    print(
        f"\nA missed disease costs {missed:g}, a false alarm {false:g}; cost a patient, and how many of each:"
    )
    for threshold in (given.decision.threshold, false / (false + missed)):
        said = p >= threshold
        gone, alarms = (~said & (y == 1)).sum(axis=1).mean(), (said & (y == 0)).sum(axis=1).mean()
        cost = (missed * gone + false * alarms) / len(y)
        print(
            f"  threshold {threshold:.2f}: {cost:.3f}, {gone:.1f} of {y.sum()} missed, {alarms:.1f} of {(y == 0).sum()} false alarms"
        )


def calibration(p: np.ndarray, y: np.ndarray) -> None:
    """Print, for bands of the answer, the mean answer and the share that was ill."""
    print("\nCalibration, all repeats together:   answer   ill   answers")
    edges = np.linspace(0, 1, 6)
    truth = np.broadcast_to(y, p.shape)
    for low, high in pairwise(edges):
        inside = (p >= low) & ((p < high) | (high == 1))
        print(
            f"  {low:.1f} to {high:.1f}                          {p[inside].mean():5.2f} {truth[inside].mean():5.2f} {inside.sum():9,d}"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shipped())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=2000)
    given = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    heart = problem()
    x, y = load(given.data, heart)
    print(
        f"{len(y)} patients, {y.sum()} ill; {REPEATS} × {FOLDS}-fold, seed {given.seed}; 95 % intervals over patients"
    )
    print(f"{'':34s}{'AUC':>22s}{'accuracy':>22s}{'Brier':>22s}  sens  spec  log loss  CPU s")
    first: np.ndarray | None = None
    for way in WAYS:
        start = time.process_time()
        p = np.empty((REPEATS, len(y)))
        for repeat, inside, outside in splits(x, y, given.seed):
            p[repeat, outside] = way.answer(heart, x[inside], y[inside], x[outside])
        spent = time.process_time() - start
        found = Figures(p, y)
        told = found.weighed(np.ones(len(y)))
        low, high = found.interval(given.resamples)
        cells = "".join(f"{told[i]:9.4f} ({low[i]:.3f}–{high[i]:.3f})" for i in range(3))
        print(f"{way.name:34s}{cells} {told[3]:5.3f} {told[4]:5.3f} {told[5]:9.3f} {spent:6.1f}", flush=True)
        first = p if first is None else first
    assert first is not None
    costs(first, y, heart)
    calibration(first, y)


if __name__ == "__main__":
    main()
