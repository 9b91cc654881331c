"""What an explanation costs and how near it comes to the exact one, on one core.

Run ``python benchmarks/explain.py [--housing cal_housing.data.gz] [--rows 30]``. Boosted trees in ONNX, as served:
1,000 trees on 8 numbers (California housing when its file is given, else Friedman's function), and 200 trees for two
labels on 13 fields. Errors are root mean squares over fields and rows, as a share of the largest contribution of a row:
``sampled`` against every mixture with the same background rows, ``background`` of every mixture with the 16 kept
rows against as many as are affordable. Then pictures: the palette, blocks of ``rich`` by a forest, and regions.

``--bundle FOLDER…`` measures trained models instead, on their golden answers: one answer, its explanation as
``?explain=1`` gives it, and what mixtures told nearly change of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from artpulse_core import features
from artpulse_core.data.fields import Field
from artpulse_core.data.generator import picture
from artpulse_core.data.painting import LABELS
from artpulse_core.data.picture import decode
from artpulse_core.model import bundle, reasons
from artpulse_core.model.explain import explain
from artpulse_core.model.neighbours import nearest, reference
from artpulse_core.model.palette import palette
from artpulse_core.model.predictor import Predictor
from artpulse_core.model.regions import blocks, regions
from artpulse_core.model.shapley import plan

HOUSING = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")


class Served:
    """An ONNX graph as a predictor."""

    def __init__(
        self, model: Any, x: np.ndarray, y: np.ndarray, names: tuple[str, ...], labels: tuple[str, ...]
    ) -> None:
        from skl2onnx import to_onnx

        extra = {"options": {id(model): {"zipmap": False}}} if labels else {}
        graph = to_onnx(model, x[:1].astype(np.float32), **extra).SerializeToString()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.labels = labels
        self.start = time.process_time()
        state = reference(x, (), y, [str(i) for i in range(len(x))], seed=0)
        self.packing = time.process_time() - self.start
        self.bundle = SimpleNamespace(
            contract=SimpleNamespace(fields=tuple(Field(name) for name in names)),
            manifest=SimpleNamespace(feature_names=names),
            state=state,
        )

    def predict(self, matrix: np.ndarray) -> Any:
        """Probabilities or values of rows."""
        found = self.session.run(None, {self.session.get_inputs()[0].name: matrix.astype(np.float32)})[-1]
        answer = np.asarray(found, dtype=np.float64)
        if not self.labels:
            return SimpleNamespace(probabilities=None, predictions=None, values=answer.ravel())
        return SimpleNamespace(probabilities=answer, predictions=answer.argmax(axis=1), values=None)


def milliseconds(call: Callable[[int], Any], count: int) -> float:
    """CPU time of one call, the best of three rounds of ``count``."""
    call(0)
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        for i in range(count):
            call(i)
        best = min(best, (time.process_time() - start) / count)
    return best * 1e3


def exact(model: Served, row: np.ndarray, background: np.ndarray, label: int) -> np.ndarray:
    """Shapley values from every mixture, one background row at a time."""
    found = []
    how = plan(len(row), 1, 2 ** len(row))
    for other in background:
        answer = model.predict(how.mix(row, other[None], np.arange(len(row))))
        found.append(
            how.values(answer.values if answer.values is not None else answer.probabilities[:, label])[0]
        )
    return np.asarray(found)


def table(name: str, model: Served, x: np.ndarray, rows: int, wide: int) -> None:
    """Cost and errors for rows of ``x``."""
    rng = np.random.default_rng(5)
    some = x[rng.choice(len(x), rows, replace=False)]
    kept = model.bundle.state["explain.background"]
    more = x[rng.choice(len(x), wide, replace=False)]
    sampled, spread, largest, told = [], [], [], []
    for row in some:
        said = explain(model, row, most=99)
        values = {item.name: item.contribution for item in said.contributions}
        mine = np.array([values[field.name] for field in model.bundle.contract.fields])
        label = model.labels.index(said.label) if said.label else 0
        truth, other = (exact(model, row, rows_, label).mean(axis=0) for rows_ in (kept, more))
        sampled.append(mine - truth)
        spread.append(truth - other)
        largest.append(np.abs(truth).max())
        told.append(said.uncertainty)
    size = sum(array.nbytes for array in model.bundle.state.values())
    scale = float(np.mean(largest))
    print(
        f"{name}: predict {milliseconds(lambda i: model.predict(some[i : i + 1]), rows):.3f} ms,"
        f" explain {milliseconds(lambda i: explain(model, some[i]), rows):.2f} ms ({said.rows} rows, {said.method}),"
        f" nearest {milliseconds(lambda i: nearest(model.bundle.state, some[i]), rows):.2f} ms\n"
        f"  error sampled {rms(sampled) / scale:.1%} (largest of a row {np.abs(sampled).max(axis=1).mean() / scale:.1%},"
        f" stated {np.mean(told) / scale:.1%}), background {rms(spread) / scale:.1%} (against {wide} rows)"
        f" of the largest contribution {scale:.3g}; arrays {size / 1e3:.0f} kB packed in {model.packing:.2f} s"
    )


def rms(values: Any) -> float:
    """Root mean square over everything."""
    return float(np.sqrt(np.mean(np.square(values))))


def housing(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """The eight numbers and the value in 100k USD, or Friedman's function (1991) where there is no file."""
    if path is None:
        x = np.random.default_rng(0).random((20_000, 8))
        y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
        return x, y / 5
    lon, lat, age, rooms, bedrooms, people, homes, income, value = np.loadtxt(path, delimiter=",").T
    columns = [income, age, rooms / homes, bedrooms / homes, people, people / homes, lat, lon]
    return np.stack(columns, axis=1), value / 1e5


def two_labels() -> tuple[np.ndarray, np.ndarray]:
    """300 rows of 13 fields, some of few levels, with a label that depends on eight of them."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 13))
    x[:, ::3] = np.digitize(x[:, ::3], [-0.6, 0.2, 1.0])
    score = x[:, :8] @ rng.normal(size=8) + x[:, 0] * x[:, 1] - 1.0
    return x, (score + rng.logistic(size=300) > 0).astype(int)


def pictures(count: int) -> None:
    """The palette, blocks and regions of generated pictures."""
    data = [picture(LABELS[i % len(LABELS)], i, seed=1) for i in range(60)]
    side = [decode(item, 192) for item in data]
    print(
        f"palette: {milliseconds(lambda i: palette(side[i]), count):.2f} ms of 192 px,"
        f" {milliseconds(lambda i: palette(data[i]), count):.2f} ms with decoding"
    )
    for name in ("core5", "rich"):
        feature_set(name, data, count)


def feature_set(name: str, data: list[bytes], count: int) -> None:
    """Explanations of a forest of 300 trees on one set."""
    from sklearn.ensemble import ExtraTreesClassifier

    chosen = features.get(name)
    vectors = np.stack([chosen.extract(decode(item, chosen.side)) for item in data])
    label = np.arange(60) % len(LABELS)
    forest = ExtraTreesClassifier(300, random_state=0).fit(vectors.astype(np.float32), label)
    model = Served(forest, vectors, label, chosen.names, tuple(LABELS))
    groups = blocks(chosen.names) or None
    told = explain(model, vectors[0], groups=groups)
    cells = [decode(item, chosen.side) for item in data[:3]]
    print(
        f"{name}: explain {milliseconds(lambda i: explain(model, vectors[i], groups=groups), count):.2f} ms"
        f" ({told.rows} rows, {told.method}), nearest"
        f" {milliseconds(lambda i: nearest(model.bundle.state, vectors[i]), count):.2f} ms,"
        f" 4 × 4 regions {milliseconds(lambda i: regions(model, cells[i], chosen.extract), 3):.0f} ms"
    )


def trained(folder: Path, count: int) -> None:
    """Cost of the answers and explanations of a bundle, and the error of its mixtures."""
    loaded = bundle.load(folder)
    predictor = Predictor(loaded)
    golden = [np.array(item["features"], dtype=np.float64) for item in loaded.golden["rows"]]  # null is NaN
    rows = [golden[i % len(golden)] for i in range(count)]
    said = reasons.of_row(predictor, rows[0])["explanation"]
    how = f"{said['rows']} rows, {said['method']}" if said else "no parts with names"
    size = sum(
        array.nbytes for name, array in loaded.state.items() if name.startswith(("explain.", "linear."))
    )
    print(
        f"{loaded.manifest.problem} ({loaded.manifest.algorithm}):"
        f" answer {milliseconds(lambda i: predictor.predict(rows[i][None]), count):.2f} ms,"
        f" explanation {milliseconds(lambda i: reasons.of_row(predictor, rows[i]), count):.2f} ms ({how}),"
        f" arrays {size / 1e3:.0f} kB"
    )
    if predictor.feature_set is not None:
        data = [picture(LABELS[i % len(LABELS)], i, seed=1) for i in range(3)]
        vectors = [predictor.features_of(item) for item in data]
        for grid in (0, 4):
            cost = milliseconds(lambda i: reasons.of_picture(predictor, data[i], vectors[i], grid=grid), 3)  # noqa: B023 - asked at once
            print(f"  of a picture{' with regions' if grid else ''}: {cost:.1f} ms")
    elif said and predictor.encoder is not None and hasattr(predictor.encoder, "mixtures"):
        parts = reasons.parts(predictor)
        pairs = [
            [
                {
                    item.name: item.contribution
                    for item in explain(predictor, row, most=99, groups=parts, ask=ask).contributions
                }
                for ask in (predictor.mixtures, predictor.predict)
            ]
            for row in golden
        ]
        gaps = [near[name] - exact[name] for near, exact in pairs for name in exact]
        largest = float(np.mean([max(map(abs, exact.values())) for _, exact in pairs]))
        print(
            f"  mixtures told nearly: off by {rms(np.array(gaps)) / largest:.1%} of the largest contribution"
        )


def main() -> None:
    """Print what was measured."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--housing", type=Path)
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--bundle", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    for folder in options.bundle:
        trained(folder, options.rows)
    if options.bundle:
        return
    x, y = housing(options.housing)
    trees = HistGradientBoostingRegressor(max_iter=1000, learning_rate=0.05, random_state=0)
    model = Served(trees.fit(x[::2], y[::2]), x[::2], y[::2], HOUSING, ())
    table("8 fields, 1,000 trees", model, x[1::2], options.rows, 200)
    x, y = two_labels()
    few = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.05, max_leaf_nodes=8, random_state=0)
    model = Served(few.fit(x, y), x, y, tuple(f"x{i}" for i in range(13)), ("no", "yes"))
    table("13 fields, 200 trees", model, x, min(options.rows, 10), 40)
    pictures(options.rows)


if __name__ == "__main__":
    main()
