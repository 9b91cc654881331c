"""How well the lane's own candidates tell pictures apart: macro-F1, groups kept together and at random.

Run: ``python -m benchmarks.art_quality --images DIR [--group artist] [--sets core5 rich] [--seeds 20]``.
DIR is ``<label>/<picture>`` with a ``manifest.csv`` that names ``file``, ``label`` and a group column. Every picture
is answered once by a model that saw no picture of its group. Intervals (95 %) resample whole groups.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np

from artpulse_assets.pipeline import candidates, evaluate, split
from artpulse_assets.pipeline.candidates import ALGORITHMS, TrainRows
from artpulse_assets.pipeline.frames import single
from artpulse_assets.pipeline.memo import Memo, key_of
from artpulse_core import features
from artpulse_core.data.images import scan
from artpulse_core.features.cache import FeatureCache

FOLDS = 5


def load(root: Path, group: str, cache: Path, name: str, seed: int) -> tuple[TrainRows, np.ndarray]:
    """Every picture the manifest names as train rows with grouped folds, and the group of each."""
    with (root / "manifest.csv").open(newline="", encoding="utf-8-sig") as handle:
        said = {f"{row['label']}/{Path(row['file']).name}": row for row in csv.DictReader(handle)}
    found = FeatureCache(cache, features.get(name)).extract_files(root, scan(root).files)
    kept = [place for place, path in enumerate(found.paths) if path in said]
    rows = [said[found.paths[place]] for place in kept]
    labels = [row["label"] for row in rows]
    ids = [found.hashes[place] for place in kept]
    assigned = split.assign(
        ids,
        labels,
        [row[group] for row in rows],
        found.dhash[kept].tolist(),
        kept=dict.fromkeys(ids, split.TRAIN),
        wanted=[None] * len(ids),
        test_fraction=0.25,
        folds=FOLDS,
        seed=seed,
    )
    names = tuple(sorted(set(labels)))
    y = np.array([names.index(label) for label in labels])
    fold = np.array(assigned.fold)
    x = single(found.matrix[kept])
    digest = key_of({"ids": ids, "fold": fold.tolist(), "features": name})
    return TrainRows(x, y, fold, names, digest), np.array(assigned.unit)


def main() -> None:
    """Print one line a set and candidate: grouped and random macro-F1 with intervals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--group", default="group")
    parser.add_argument("--sets", nargs="+", default=["core5", "rich"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[20])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.sets:
            for seed in options.seeds:
                report(options.images, options.group, name, seed, Path(scratch))


def report(images: Path, group: str, name: str, seed: int, scratch: Path) -> None:
    """Fit every candidate and the vote, and print what each reached."""
    rows, units = load(images, group, scratch / "features", name, seed)
    memo = Memo(scratch / "results")
    started = time.process_time()
    field = {algorithm: candidates.fit(rows, algorithm, seed=seed, memo=memo) for algorithm in ALGORITHMS}
    field[candidates.SOFT_VOTE] = candidates.vote(rows, list(field.values()), memo=memo)
    seconds = time.process_time() - started
    print(
        f"{name}, seed {seed}: {len(rows.y)} pictures, {len(set(units))} groups, {rows.x.shape[1]} numbers, {seconds:.0f} CPU s"
    )
    for algorithm, candidate in field.items():
        grouped = evaluate.measure(rows.y, candidate.out_of_fold, units, seed)["macro_f1"]
        loose = evaluate.random_folds(rows, field, algorithm, seed, memo)
        random = evaluate.measure(rows.y, loose, np.arange(len(rows.y)), seed)["macro_f1"]
        cells = "   ".join(
            f"{kind} {metric['value']:.3f} ({metric['low']:.3f}–{metric['high']:.3f})"
            for kind, metric in (("groups apart", grouped), ("random", random))
        )
        print(f"  {cells}   {algorithm}", flush=True)


if __name__ == "__main__":
    main()
