"""How well pictures are told apart: macro-F1 by 5-fold cross-validation, groups kept together and at random.

Run: ``python benchmarks/art_quality.py --images DIR [--group artist] [--sets core5 rich] [--repeats 1]``.
DIR has a ``manifest.csv`` with ``file,label`` and a group column. Intervals (95 %) come from 1,000 draws,
of whole groups for the grouped figure and of pictures for the random one; they cover the choice of test
pictures, not of training pictures.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from artpulse_core import features
from artpulse_core.data.images import scan
from artpulse_core.features.cache import FeatureCache

# Each can be exported to ONNX as it stands. Labels are balanced: held-out groups leave uneven training folds.
MODELS: dict[str, Callable[[bool], Any]] = {
    "logistic_regression": lambda wide: make_pipeline(
        StandardScaler(), LogisticRegression(C=0.005 if wide else 1.0, max_iter=500, class_weight="balanced")
    ),
    "random_forest": lambda wide: RandomForestClassifier(
        300, min_samples_leaf=2, class_weight="balanced", random_state=0
    ),
    "hist_gradient_boosting": lambda wide: HistGradientBoostingClassifier(
        max_iter=80 if wide else 60,
        learning_rate=0.08,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        l2_regularization=1.0,
        max_features=0.2 if wide else 0.6,
        class_weight="balanced",
        random_state=0,
    ),
    "extra_trees": lambda wide: ExtraTreesClassifier(
        300, min_samples_leaf=2, max_features=0.1 if wide else "sqrt", class_weight="balanced", random_state=0
    ),
    "calibrated_svc": lambda wide: make_pipeline(
        StandardScaler(),
        CalibratedClassifierCV(
            SVC(C=3, gamma=0.8 / 373 if wide else "scale", class_weight="balanced"),
            method="sigmoid",
            cv=5,
            ensemble=False,
        ),
    ),
}
VOTES = (
    ("logistic_regression", "random_forest", "hist_gradient_boosting"),
    ("logistic_regression", "random_forest", "calibrated_svc"),
    ("logistic_regression", "random_forest", "hist_gradient_boosting", "calibrated_svc"),
    ("hist_gradient_boosting", "calibrated_svc"),
    ("logistic_regression", "extra_trees", "calibrated_svc"),
    ("random_forest", "hist_gradient_boosting"),
)


def load(root: Path, group: str, cache: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, labels and groups of every picture that the manifest names."""
    with (root / "manifest.csv").open(newline="", encoding="utf-8-sig") as handle:
        said = {f"{row['label']}/{Path(row['file']).name}": row for row in csv.DictReader(handle)}
    result = FeatureCache(cache, features.get(name)).extract_files(root, scan(root).files)
    kept = [i for i, path in enumerate(result.paths) if path in said]
    rows = [said[result.paths[i]] for i in kept]
    return (
        result.matrix[kept],
        np.array([row["label"] for row in rows]),
        np.array([row[group] for row in rows]),
    )


def interval(
    truth: np.ndarray, guess: np.ndarray, units: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """2.5 and 97.5 percentiles of macro-F1 when whole units are drawn with replacement."""
    labels = np.unique(truth)
    members = [np.flatnonzero(units == unit) for unit in np.unique(units)]
    tables = np.array(
        [[[np.sum((truth[m] == t) & (guess[m] == g)) for g in labels] for t in labels] for m in members]
    )
    scores = []
    for _ in range(1000):
        table = tables[rng.integers(len(tables), size=len(tables))].sum(axis=0)
        both = table.sum(axis=0) + table.sum(axis=1)
        scores.append(float(np.mean(2 * np.diag(table) / np.maximum(both, 1))))
    low, high = np.percentile(scores, (2.5, 97.5))
    return float(low), float(high)


def out_of_fold(
    matrix: np.ndarray, labels: np.ndarray, folds: list[Any], only: list[str]
) -> dict[str, np.ndarray]:
    """Probabilities (n, k) of each model for rows it was not fitted on."""
    classes = np.unique(labels)
    found = {}
    for name in only:
        found[name] = np.zeros((len(labels), len(classes)))
        for train, test in folds:
            model = MODELS[name](matrix.shape[1] > 50).fit(matrix[train], labels[train])
            found[name][test] = model.predict_proba(matrix[test])
    return found


def main() -> None:
    """Print one line a model and set: grouped and random macro-F1 with intervals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--group", default="group")
    parser.add_argument("--sets", nargs="+", default=["core5", "rich"])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as cache:
        for name in options.sets:
            matrix, labels, groups = load(options.images, options.group, Path(cache), name)
            start = time.perf_counter()
            scores: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
            for seed in range(options.repeats):
                for kind, splitter in (("grouped", StratifiedGroupKFold), ("random", StratifiedKFold)):
                    folds = list(splitter(5, shuffle=True, random_state=seed).split(matrix, labels, groups))
                    found = out_of_fold(matrix, labels, folds, options.models)
                    for vote in VOTES:
                        if set(vote) <= set(found):
                            found[" + ".join(vote)] = np.sum([found[part] for part in vote], axis=0)
                    for model, chances in found.items():
                        guess = np.unique(labels)[chances.argmax(axis=1)]
                        units = groups if kind == "grouped" else np.arange(len(labels))
                        row = (f1_score(labels, guess, average="macro"), *interval(labels, guess, units, rng))
                        scores.setdefault(model, {}).setdefault(kind, []).append(row)
            count, width = matrix.shape
            seconds = time.perf_counter() - start
            print(f"{name}: {count} pictures, {len(set(groups))} groups, {width} numbers, {seconds:.0f} s")
            for model, kinds in scores.items():
                cells = {kind: np.mean(rows, axis=0) for kind, rows in kinds.items()}
                text = "   ".join(f"{kind} {v[0]:.3f} ({v[1]:.3f}–{v[2]:.3f})" for kind, v in cells.items())
                print(f"  {text}   {model}", flush=True)


if __name__ == "__main__":
    main()
