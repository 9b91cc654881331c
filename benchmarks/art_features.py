"""What each feature set is worth and what it costs: quality on unseen groups, milliseconds and megabytes.

Run: ``python -m benchmarks.art_features --train DIR [--test DIR] [--group artist] [--sets core5 rich embedding]``.
DIR is ``<label>/<picture>``; the group of a picture is the column of ``manifest.csv`` in it, else what stands before
``__`` in the file's name, else the file. Without ``--test`` every picture of ``--train`` is answered by a model that
saw none of its group, and once more on random folds. Temperatures are fitted on the train side alone, on its grouped
and random out-of-fold answers together. Intervals (95 %) resample whole groups.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_assets.pipeline import calibrate, estimators, evaluate, split
from artpulse_core import features
from artpulse_core.data.images import scan
from artpulse_core.data.problem import Training
from artpulse_core.features import FeatureSet
from artpulse_core.features.cache import FeatureCache
from artpulse_core.gates import statistics
from artpulse_core.model.finish import soften

FOLDS = 5
TASK = "classification"
VOTE = ("support_vector_machine", "logistic_regression", "random_forest")
METRICS = {
    "macro-F1": lambda y, p: statistics.macro_f1(y, p.argmax(axis=1), p.shape[1]),
    "top-2": lambda y, p: statistics.top_k_accuracy(y, p, 2),
    "right of the surest 60 %": lambda y, p: statistics.accuracy_at(y, p, 0.6),
    "ECE": statistics.ece,
}


@dataclass(frozen=True)
class Pictures:
    """A folder as numbers: ``x`` n × f, ``labels`` and ``groups`` n, ``dhash`` n, ``cost`` ms a picture, 0 if cached."""

    x: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    ids: tuple[str, ...]
    dhash: np.ndarray
    cost: float


def read(root: Path, chosen: FeatureSet, cache: Path, group: str) -> Pictures:
    """Numbers, labels and groups of every accepted picture."""
    said: dict[str, str] = {}
    if (root / "manifest.csv").is_file():
        with (root / "manifest.csv").open(newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.DictReader(handle))
        said = {f"{row['label']}/{Path(row['file']).name}": row[group] for row in rows if group in row}
    started = time.process_time()
    found = FeatureCache(cache, chosen).extract_files(root, scan(root).files)
    cost = (time.process_time() - started) * 1000 / max(1, found.computed)
    groups = [said.get(path) or Path(path).name.partition("__")[0] for path in found.paths]
    labels = np.array([path.partition("/")[0] for path in found.paths])
    return Pictures(
        found.matrix.astype(np.float32).astype(np.float64),
        labels,
        np.array(groups),
        found.hashes,
        found.dhash,
        cost,
    )


def answers(chosen: FeatureSet, x: np.ndarray, y: np.ndarray, unseen: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities for ``unseen`` by the model of the set: the discriminant of an embedding, else a soft vote."""
    width, most = x.shape[1], int(np.bincount(y).min())
    models: list[Any] = []
    for name in ("discriminant",) if "embedding" in chosen.name else VOTE:
        params = estimators.parameters(name, TASK, width, Training(), "full")
        models.append(
            estimators.make(
                name,
                TASK,
                params,
                seed=seed,
                parts=min(5, most),
                columns=estimators.Columns(blocks=chosen.blocks),
            )
        )
    return np.asarray(np.mean([model.fit(x, y).predict_proba(unseen) for model in models], axis=0))


def crossed(chosen: FeatureSet, x: np.ndarray, y: np.ndarray, fold: np.ndarray, seed: int) -> np.ndarray:
    """Out-of-fold probabilities, n × k."""
    out = np.empty((len(y), int(y.max()) + 1))
    for part in np.unique(fold):
        out[fold == part] = answers(chosen, x[fold != part], y[fold != part], x[fold == part], seed)
    return out


def grouped(pictures: Pictures, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A fold for each picture that keeps groups and near duplicates together, and the unit of each."""
    done = split.assign(
        pictures.ids,
        pictures.labels.tolist(),
        pictures.groups.tolist(),
        pictures.dhash.tolist(),
        kept=dict.fromkeys(pictures.ids, split.TRAIN),
        wanted=[None] * len(pictures.ids),
        test_fraction=0.25,
        folds=FOLDS,
        seed=seed,
    )
    return np.array(done.fold), np.array(done.unit)


def line(
    kind: str, y: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, names: tuple[str, ...]
) -> None:
    """Print every metric with its interval, and the F1 of each label."""
    cells = []
    for name, metric in METRICS.items():
        found = statistics.bootstrap_interval(metric, y, probabilities, seed=0, resamples=500, groups=groups)
        cells.append(f"{name} {found.value:.3f} ({found.low:.3f}–{found.high:.3f})")
    said = probabilities.argmax(axis=1)
    each = [
        2 * np.sum((said == k) & (y == k)) / max(1, np.sum(said == k) + np.sum(y == k))
        for k in range(len(names))
    ]
    print(f"  {kind:13} {'  '.join(cells)}")
    print(
        f"  {'':13} F1: " + ", ".join(f"{name} {f1:.2f}" for name, f1 in zip(names, each, strict=True)),
        flush=True,
    )


def report(name: str, train: Path, test: Path | None, group: str, seed: int, cache: Path) -> None:
    """Everything about one feature set."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chosen = features.get(name, cache=cache)
    known = read(train, chosen, cache, group)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    carried = sum(map(len, chosen.files().values())) / 1e6
    names = tuple(np.unique(known.labels).tolist())
    y = np.searchsorted(names, known.labels)
    fold, unit = grouped(known, seed)
    apart = crossed(chosen, known.x, y, fold, seed)
    loose = crossed(chosen, known.x, y, evaluate.stratified(y, FOLDS, seed), seed)
    heat = calibrate.temperature(np.concatenate([y, y]), np.concatenate([apart, loose]))
    print(
        f"{name}: {len(y)} pictures, {len(set(unit))} groups, {known.x.shape[1]} numbers; {known.cost:.1f} CPU ms a "
        f"picture, {grown:.0f} MB more memory, {carried:.1f} MB in a bundle; temperature {heat:.2f}"
    )
    line("groups apart", y, soften(apart, heat), unit, names)
    line("random", y, soften(loose, heat), np.arange(len(y)), names)
    if test is not None:
        fresh = read(test, chosen, cache, group)
        truth = np.searchsorted(names, fresh.labels)
        line("test", truth, soften(answers(chosen, known.x, y, fresh.x, seed), heat), fresh.groups, names)


def main() -> None:
    """Print three lines a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--group", default="artist")
    parser.add_argument("--sets", nargs="+", default=["core5", "rich", "embedding"])
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.sets:
            report(name, options.train, options.test, options.group, options.seed, Path(scratch))


if __name__ == "__main__":
    main()
