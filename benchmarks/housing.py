"""How well the house values of California are predicted: RMSE, intervals, CPU seconds.

Run: ``python -m benchmarks.housing [--split random:0 random:42 spatial spatial:1] [--effort full|quick] [--trio]``. One core
(OMP_NUM_THREADS=1). Each line is what ``artpulse evaluate --problem housing --split SPLIT`` says, and its CPU seconds.
``random:S`` is scikit-learn's ``train_test_split(range(20640), test_size=0.2, random_state=S)``; ``spatial`` answers each
block of half a degree by a model that saw nothing of it, ``spatial:1`` each block of one degree (five folds of blocks).
Every choice was made on the 13,183 rows that are in the test part of neither random:0 nor random:42; blocks left out
to measure here are made of all rows, so those figures are not wholly of rows that no choice saw. ``--trio`` fits beside
it what public pipelines fit.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np

from artpulse_assets.pipeline import cuts, trial
from artpulse_core import settings
from artpulse_core.data import problems
from artpulse_core.features import table

SPLITS = ("random:0", "random:42", "spatial", "spatial:1")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def evaluated(split: str, effort: Any) -> str:
    """One line: the served model under a split."""
    loaded = settings.load()
    start = time.process_time()
    found = trial.of_split(problems.get(loaded, "housing"), split, loaded, effort, _say)
    seconds = time.process_time() - start
    value = {name: metric["value"] for name, metric in found["metrics"].items()}
    return (
        f"{split} {effort}: RMSE {value['rmse']:.4f}, {found['interval']['level']:.0%} intervals hold"
        f" {value['interval_coverage']:.1%} at a mean width of {value['interval_width']:.3f}, {seconds:.1f} CPU s"
    )


def trio() -> dict[str, Any]:
    """What public pipelines fit, on the eight fields as they are."""
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    linear = make_pipeline(StandardScaler(), PolynomialFeatures(2), StandardScaler(), Ridge(1.0))
    forest = RandomForestRegressor(60, max_depth=12, max_features=0.5, random_state=0)
    boosting = GradientBoostingRegressor(
        n_estimators=250,
        learning_rate=0.1,
        max_depth=6,
        min_samples_leaf=5,
        subsample=0.7,
        max_features=0.5,
        random_state=0,
    )
    return {"linear": linear, "forest": forest, "boosting": boosting}


def baselines(split: str) -> None:
    """The trio under one split."""
    loaded = settings.load()
    problem = problems.get(loaded, "housing")
    whole = trial.whole(problem, trial.read(problem, loaded, _say))
    x, y, fields, usual = whole.x, whole.y, problem.contract.fields, table.get("table")
    for name, estimator in trio().items():
        start = time.process_time()
        values = np.full(len(y), np.nan)
        for cut in cuts.cuts(split, whole, problem.training.seed):
            fitted = usual.fit(fields, x[cut.learn], y[cut.learn], seed=0)
            model = estimator.fit(fitted.matrix, y[cut.learn])
            values[cut.answer] = model.predict(usual.open(fitted.arrays).transform(x[cut.answer]))
        error = np.sqrt(np.nanmean((values - y) ** 2))
        print(f"{split} {name}: RMSE {error:.4f}, {time.process_time() - start:.1f} CPU s")


def main() -> None:
    """Print the lines asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", nargs="*", default=SPLITS)
    parser.add_argument("--effort", choices=["full", "quick"], default="full")
    parser.add_argument("--trio", action="store_true")
    asked = parser.parse_args()
    for split in asked.split:
        print(evaluated(split, asked.effort), flush=True)
        if asked.trio:
            baselines(split)


if __name__ == "__main__":
    main()
