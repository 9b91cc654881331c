"""The exported graph answers as the trained model does, and one that does not is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.base import BaseEstimator, ClassifierMixin

from artpulse_assets.pipeline import export
from artpulse_assets.pipeline.estimators import USUAL
from artpulse_core.errors import ExportError
from tests.assets import rows as tables

ROWS = tables.train()
ALGORITHMS = USUAL["classification"]
UNSEEN = tables.matrix(400, 5, spread=0.6)[0]


@pytest.fixture(scope="module")
def fitted() -> dict[str, tuple[Any, bytes]]:
    models = {name: tables.estimator(name, ROWS, 0).fit(ROWS.x, ROWS.y) for name in ALGORITHMS}
    return {name: (model, export.to_onnx(model, tables.WIDTH)) for name, model in models.items()}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_answers_the_same_exported_also_on_rows_it_never_saw(
    fitted: dict[str, tuple[Any, bytes]], algorithm: str
) -> None:
    model, graph = fitted[algorithm]
    assert export.check_parity(graph, UNSEEN, model.predict_proba(UNSEEN)) <= export.TOLERANCE


def test_the_vote_answers_the_mean_of_its_members(fitted: dict[str, tuple[Any, bytes]]) -> None:
    mean = np.mean([model.predict_proba(UNSEEN) for model, _ in fitted.values()], axis=0)
    assert export.check_parity(export.average([graph for _, graph in fitted.values()]), UNSEEN, mean) <= 1e-5


def test_a_graph_that_answers_otherwise_is_refused(fitted: dict[str, tuple[Any, bytes]]) -> None:
    model, _ = fitted["logistic_regression"]
    _, other = fitted["random_forest"]
    with pytest.raises(ExportError, match=r"differs from the trained one: \d+ of 90 labels"):
        export.check_parity(other, ROWS.x, model.predict_proba(ROWS.x))


def test_a_graph_that_is_off_by_little_is_refused_though_every_label_agrees(
    fitted: dict[str, tuple[Any, bytes]],
) -> None:
    model, graph = fitted["logistic_regression"]
    wanted = model.predict_proba(ROWS.x)
    with pytest.raises(ExportError, match="0 of 90 labels"):
        export.check_parity(graph, ROWS.x, wanted * (1 - 1e-3) + 1e-3 / wanted.shape[1])


def test_answers_of_another_shape_or_that_are_no_numbers_are_refused(
    fitted: dict[str, tuple[Any, bytes]],
) -> None:
    model, graph = fitted["logistic_regression"]
    wanted = model.predict_proba(ROWS.x)
    with pytest.raises(ExportError, match=r"\(90, 3\).*\(90, 2\)"):
        export.check_parity(graph, ROWS.x, wanted[:, :2])
    with pytest.raises(ExportError, match="differs"):
        export.check_parity(graph, ROWS.x, np.full_like(wanted, np.nan))


class Foreign(ClassifierMixin, BaseEstimator):
    """An estimator no converter knows."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Foreign:
        self.classes_ = np.unique(y)
        return self


@pytest.mark.parametrize("model", [Foreign().fit(ROWS.x, ROWS.y), object()], ids=["unknown", "no estimator"])
def test_a_foreign_estimator_is_an_export_error_that_names_it(model: Any) -> None:
    with pytest.raises(ExportError, match=type(model).__name__):
        export.to_onnx(model, tables.WIDTH)


def test_a_graph_without_foreign_operators_is_all_there_is(fitted: dict[str, tuple[Any, bytes]]) -> None:
    graph = onnx.load_from_string(export.average([graph for _, graph in fitted.values()]))
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx.ml"}
    assert all(
        np.isfinite(numpy_helper.to_array(item)).all()
        for item in graph.graph.initializer
        if item.data_type == 1
    )
