"""The exported model equals the trained one: every estimator, task, table set and calibration, on every row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artpulse_assets.pipeline import calibrate, candidates, estimators, export
from artpulse_assets.pipeline.candidates import TrainRows
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.contract import Contract, Field, Target
from artpulse_core.errors import ExportError
from artpulse_core.model import interval
from artpulse_core.model.finish import FLOOR, LEAST, TEMPERATURE, Finish
from artpulse_core.model.predictor import session
from tests.assets import rows as tables

LIMIT = 1e-5
FIELDS = (
    Field("a"), Field("b"), Field("c", nullable=True), Field("kind", kind="category", levels=("x", "y", "z"), nullable=True),
    Field("large"),
)  # fmt: skip
FEWER: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 12},
    "extra_trees": {"n_estimators": 12},
    "gradient_boosting": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 12},
    "gated_boosting": {"near": {"max_iter": 12}, "far": {"max_iter": 12}},
}


def drawn(n: int, seed: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Input matrix n × 5 with gaps, a category and numbers in the thousands; labels, or values without any."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(FIELDS)))
    x[:, 3] = rng.integers(3, size=n)
    x[:, 4] = 3000 + 900 * x[:, 4]
    score = x[:, 0] + (x[:, 3] == 1) + (x[:, 4] - 3000) / 900 + 0.5 * rng.normal(size=n)
    x[rng.random((n, len(FIELDS))) < np.array([0, 0, 0.1, 0.1, 0])] = np.nan
    if not labels:
        return x, 1000 + 300 * score
    return x, np.searchsorted(np.quantile(score, np.linspace(0, 1, labels + 1)[1:-1]), score)


def train(labels: int, n: int = 120) -> TrainRows:
    x, y = drawn(n, 0, labels)
    names = tuple("abcde"[:labels])
    task: Any = "classification" if labels else "regression"
    return TrainRows(x, y, np.arange(n) % 3, names, f"{labels}", task, FIELDS, "table")


CASES = [
    pytest.param(algorithm, labels, id=f"{algorithm}-{labels or 'values'}")
    for labels in (0, 2, 4)
    for algorithm in estimators.MAKERS["classification" if labels else "regression"]
]


@pytest.mark.parametrize("calibration", ["as it is", "softer", "sharper"])
@pytest.mark.parametrize(("algorithm", "labels"), CASES)
def test_what_is_served_says_what_was_trained(algorithm: str, labels: int, calibration: str) -> None:
    rows = train(labels)
    params = {
        **estimators.parameters(algorithm, rows.task, rows.x.shape[1], tables.Training(), "full"),
        **FEWER.get(algorithm, {}),
    }
    matrix = rows.encoded.matrix
    names = tuple(f"{place}" for place in range(matrix.shape[1]))
    columns = estimators.Columns(names, names[:4], names[:2], blocks=(len(names),))
    model = estimators.make(rows.task, params, seed=3, parts=3, columns=columns).fit(matrix, rows.y)
    graph = session(export.to_onnx(model, matrix.shape[1]))
    contract = Contract("p", "table", Target("t", rows.labels), FIELDS, rows.task)
    if labels:
        heat = {"as it is": 1.0, "softer": 2.5, "sharper": 0.4}[calibration]
        finish = Finish(contract, {TEMPERATURE: np.array(heat), FLOOR: np.array(LEAST)})
    else:
        finish = Finish(contract, interval.fit(rows.y, rows.y + 1.0))
    for x in (rows.x, drawn(400, 9, labels)[0]):  # those it learned from, and those it never saw
        encoded = candidates.encoded(rows, x)
        said = graph.run(
            [graph.get_outputs()[-1].name], {graph.get_inputs()[0].name: encoded.astype(np.float32)}
        )[0]
        served = finish.predict(np.asarray(said, dtype=np.float64), encoded)
        if labels:
            trained = finish.predict(model.predict_proba(encoded), encoded)
            assert np.array_equal(served.predictions, trained.predictions)
            assert np.abs(served.probabilities - trained.probabilities).max() <= LIMIT
        else:
            wanted = np.asarray(model.predict(encoded)).reshape(-1)
            assert np.abs(served.values - wanted).max() <= LIMIT * rows.y.std()


@pytest.mark.parametrize("labels", [0, 3])
def test_the_mean_of_candidates_is_served_as_it_was_computed(labels: int, tmp_path: Path) -> None:
    rows, memo = train(labels), Memo(tmp_path)
    names = ("linear_regression", "random_forest") if not labels else ("logistic_regression", "random_forest")
    members = [tables.fitted(rows, name, memo) for name in names]
    mean = candidates.vote(rows, "blend", members, memo=memo)
    encoded = candidates.encoded(rows, drawn(300, 9, labels)[0])
    wanted = np.mean([export.run(member.onnx, encoded) for member in members], axis=0)
    assert np.abs(export.run(mean.onnx, encoded) - wanted).max() <= LIMIT * (
        rows.y.std() if not labels else 1
    )


def test_an_exported_value_far_from_the_trained_one_is_refused() -> None:
    rows = train(0)
    model = tables.estimator("linear_regression", rows).fit(rows.encoded.matrix, rows.y)
    graph = export.to_onnx(model, rows.encoded.matrix.shape[1])
    wanted = np.asarray(model.predict(rows.encoded.matrix)).reshape(-1, 1)
    assert export.check_parity(graph, rows.encoded.matrix, wanted, task="regression") <= LIMIT
    with pytest.raises(ExportError, match="differs"):
        export.check_parity(graph, rows.encoded.matrix, wanted + 1e-3 * wanted.std(), task="regression")


def test_folds_of_a_table_learn_their_encoder_from_their_own_rows_alone(tmp_path: Path) -> None:
    rows = train(0)
    held = rows.fold == 1
    poisoned = replace(rows, x=np.where(held[:, None], rows.x * 1.0, rows.x), digest="poisoned")
    poisoned.x[held, 2] = 1e6  # a median that saw these would be another one
    clean, odd = (candidates.fit_predict(item, ~held, rows.x[held], "linear_regression", {"alpha": 1.0, "algorithm": "linear_regression"}, 3)
                  for item in (rows, poisoned))  # fmt: skip
    assert np.array_equal(clean, odd)


def test_intervals_learned_from_out_of_fold_answers_cover_new_rows(tmp_path: Path) -> None:
    rows = train(0, 300)
    made = tables.fitted(rows, "linear_regression", Memo(tmp_path))
    problem = tables_problem()
    finish = calibrate.finish(
        problem.contract, rows, calibrate.learn(problem, rows, made.out_of_fold, made.out_of_fold)
    )
    x, y = drawn(2000, 4, 0)
    encoded = candidates.encoded(rows, x)
    said = finish.predict(export.run(made.onnx, encoded), encoded)
    assert 0.86 <= ((said.lower <= y) & (y <= said.upper)).mean() <= 0.95


def tables_problem() -> Any:
    from tests import tables as stated

    problem = stated.problem("doors")
    return problem.model_copy(
        update={"target": problem.target.model_copy(update={"minimum": None, "maximum": None})}
    )
