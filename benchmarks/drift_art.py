"""Drift on pictures: how often windows of changed pictures alarm, and how often clean ones do.

Run: ``python benchmarks/drift_art.py [--images DIR] [--group artist] [--windows 10] [--sets core5 rich]``. Without
``--images`` 650 synthetic pictures are painted. DIR holds ``<label>/<file>`` and a ``manifest.csv`` with ``file``
and a group column. A window is compared as the graph does it: the reference is the features of all pictures that
are not held out and what a logistic regression says of them out of fold, the window is features and what the model
fitted on all of them says. Changed pictures come from a random pool (``--pool``) to bound the time, clean
ones from all. ``--cache DIR`` keeps the extracted numbers for another run.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from artpulse_assets.pipeline import estimators, evaluate, watch
from artpulse_assets.pipeline.candidates import TrainRows, cross_predict
from artpulse_core import features
from artpulse_core.data import generator
from artpulse_core.data.contract import Contract, Target
from artpulse_core.data.images import scan
from artpulse_core.data.problem import Training
from artpulse_core.drift import DriftReport, compare
from artpulse_core.errors import DataError
from artpulse_core.features.cache import FeatureCache
from artpulse_core.model.finish import Prediction

ALGORITHM = "logistic_regression"
SIZES = (60, 100, 130, 200)
FOLDS = 5


def half(picture: Image.Image) -> Image.Image:
    """Half the resolution, blown up again."""
    width, height = picture.size
    small = picture.resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.BILINEAR)
    return small.resize((width, height), Image.Resampling.BILINEAR)


def gamma(picture: Image.Image) -> Image.Image:
    """Darker mid-tones: gamma 1.4."""
    return picture.point([round(255 * (level / 255) ** 1.4) for level in range(256)] * 3)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "saturation 0.5": lambda picture: ImageEnhance.Color(picture).enhance(0.5),
    "brightness 0.7": lambda picture: picture.point(lambda level: round(level * 0.7)),
    "gamma 1.4": gamma,
    "half sharpness": half,
    "blur 1": lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
    "jpeg q10": lambda picture: picture,
}


@dataclass(frozen=True)
class Rows:
    """Numbers (n, f), label indices, groups and paths of n pictures."""

    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, ...]
    groups: np.ndarray
    paths: tuple[str, ...]


def changed(data: bytes, name: str) -> bytes:
    """A picture's bytes after one of ``CHANGES``; without loss but for ``jpeg q10``."""
    picture = CHANGES[name](Image.open(io.BytesIO(data)).convert("RGB"))
    out = io.BytesIO()
    if name == "jpeg q10":
        picture.save(out, "JPEG", quality=10)
    else:
        picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def load(root: Path, group: str, cache: Path, name: str) -> Rows:
    """Every picture that ``manifest.csv`` names."""
    with (root / "manifest.csv").open(newline="", encoding="utf-8-sig") as handle:
        said = {Path(row["file"]).name: row[group] for row in csv.DictReader(handle)}
    found = FeatureCache(cache, features.get(name)).extract_files(root, scan(root).files)
    kept = [i for i, path in enumerate(found.paths) if Path(path).name in said]
    labels, y = np.unique([Path(found.paths[i]).parts[0] for i in kept], return_inverse=True)
    groups = np.array([said[Path(found.paths[i]).name] for i in kept])
    paths = tuple(found.paths[i] for i in kept)
    return Rows(found.matrix[kept], y, tuple(labels.tolist()), groups, paths)


def extract_changed(
    root: Path, rows: Rows, pool: np.ndarray, work: Path, name: str, change: str
) -> np.ndarray:
    """Numbers (n, f) of the pictures in ``pool`` after ``change``; NaN elsewhere."""
    folder = work / change.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for place in pool:
        target = folder / f"{place:05d}.bin"
        if not target.exists():
            target.write_bytes(changed((root / rows.paths[place]).read_bytes(), change))
    files = [entry for entry in scan(folder).files if int(Path(entry.path).stem) in set(pool.tolist())]
    found = FeatureCache(work / "cache", features.get(name)).extract_files(folder, files)
    x = np.full_like(rows.x, np.nan)
    x[[int(Path(path).stem) for path in found.paths]] = found.matrix
    return x


class Champion:
    """A model and the reference profile of the pictures it was fitted on, as a bundle holds them."""

    def __init__(self, rows: Rows, train: np.ndarray, name: str, *, seed: int) -> None:
        self.names, self.labels = features.get(name).names, rows.labels
        x, y = rows.x[train], rows.y[train]
        fold = evaluate.stratified(y, FOLDS, seed)
        params = estimators.parameters(ALGORITHM, "classification", x.shape[1], Training(), "full")
        answers = cross_predict(TrainRows(x, y, fold, rows.labels, ""), fold, ALGORITHM, params, seed)
        made = estimators.make("classification", params, seed=seed, parts=0, blocks=())
        self.model = made.fit(x, y)
        contract = Contract("art", "image", Target("style", rows.labels))
        self.profile = watch.reference(contract, self.names, x, Prediction(probabilities=answers))

    def judge(self, x: np.ndarray) -> DriftReport:
        """The drift report of a window of numbers (m, f)."""
        said = watch.answers(self.labels, Prediction(probabilities=self.model.predict_proba(x)))
        return compare(self.profile, {**dict(zip(self.names, x.T, strict=True)), **said}, alpha=watch.ALPHA)


def new_groups(rows: Rows, rng: np.random.Generator, size: int) -> np.ndarray:
    """About ``size`` pictures: whole groups in random order, large ones cut to a tenth of the window."""
    chosen: list[int] = []
    for group in rng.permutation(np.unique(rows.groups)):
        mine = rng.permutation(np.flatnonzero(rows.groups == group))
        chosen += mine[: max(1, size // 10)].tolist()
        if len(chosen) >= size:
            break
    return np.asarray(chosen[:size])


def windows(
    rows: Rows, pool: np.ndarray, altered: dict[str, np.ndarray], name: str, count: int, size: int
) -> Iterator[tuple[str, DriftReport]]:
    """(case, report) of ``count`` windows of ``size`` for each case."""
    everything = np.arange(len(rows.y))
    for draw in range(count):
        rng = np.random.default_rng([size, draw])
        held = rng.choice(everything, size, replace=False)
        fresh = new_groups(rows, rng, size)
        out = rng.choice(pool, size, replace=False)
        gone = draw % len(rows.labels)
        left = rng.permutation(np.flatnonzero(rows.y != gone))[:size]
        strangers = np.flatnonzero(~np.isin(rows.groups, rows.groups[fresh]))
        for case, window, others in (
            ("clean: same source", held, np.setdiff1d(everything, held)),
            ("clean: new artists", fresh, strangers),
            ("one label gone", left, np.setdiff1d(everything, left)),
        ):
            try:
                champion = Champion(rows, others, name, seed=draw)
            except DataError:
                continue  # every picture of a label was by artists that are held out
            yield case, champion.judge(rows.x[window])
        champion = Champion(rows, np.setdiff1d(everything, out), name, seed=draw)
        for change, x in altered.items():
            yield change, champion.judge(x[out])


def effects(rows: Rows, altered: dict[str, np.ndarray], pool: np.ndarray, names: tuple[str, ...]) -> None:
    """Print the largest mean change of a feature for each change, in its standard deviations."""
    sd = np.maximum(rows.x.std(axis=0), 1e-12)
    for change, x in altered.items():
        shift = (x[pool].mean(axis=0) - rows.x[pool].mean(axis=0)) / sd
        order = np.argsort(-np.abs(shift))[:3]
        print(f"  {change:20s} " + ", ".join(f"{names[i]} {shift[i]:+.2f} sd" for i in order))


def main() -> None:
    """Print, for each feature set, the share of windows alarmed by case and window size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--group", default="group")
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--pool", type=int, default=260)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--sets", nargs="+", default=["core5", "rich"])
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with ExitStack() as stack:
        work = given.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        root = given.images or work / "painted"
        if given.images is None:
            generator.generate(root, per_label=130, seed=7)
        for name in given.sets:
            start = time.perf_counter()
            rows = load(root, given.group, work / "cache", name)
            pool = np.sort(np.random.default_rng(0).choice(len(rows.y), given.pool, replace=False))
            altered = {c: extract_changed(root, rows, pool, work, name, c) for c in CHANGES}
            print(f"{name}: {len(rows.y)} pictures, {rows.x.shape[1]} numbers; largest effects")
            effects(rows, altered, pool, features.get(name).names)
            table: dict[str, dict[int, tuple[int, int]]] = {}
            for size in given.sizes:
                for case, report in windows(rows, pool, altered, name, given.windows, size):
                    hits, total = table.setdefault(case, {}).get(size, (0, 0))
                    table[case][size] = (hits + report.drift, total + 1)
            print(f"  {'share of windows that alarm, rows:':34s}" + "".join(f"{s:>7d}" for s in given.sizes))
            for case, cells in table.items():
                shares = [100 * cells[s][0] / cells[s][1] if s in cells else np.nan for s in given.sizes]
                print(f"  {case:34s}" + "".join(f"{share:6.0f}%" for share in shares))
            print(
                f"  {given.windows} windows a case and size, {time.perf_counter() - start:.0f} s", flush=True
            )


if __name__ == "__main__":
    main()
