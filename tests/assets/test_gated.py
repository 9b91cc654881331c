"""Gated boosting: near and far members with a gate of distance between them, equal once exported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from artpulse_assets.pipeline import estimators, export
from artpulse_assets.pipeline.estimators import Columns
from artpulse_assets.pipeline.gated import GatedRegressor
from artpulse_core.errors import DataError

MEMBER = {"max_iter": 20, "min_samples_leaf": 5, "early_stopping": False}
COLUMNS = Columns(("km", "fourth", "told", "own", "more"), ("more", "own"), ("km", "fourth"))
PARAMS: dict[str, Any] = {
    "algorithm": "gated_boosting",
    "near": MEMBER,
    "far": {**MEMBER, "max_leaf_nodes": 7},
    "full_km": 1.0,
    "none_km": 5.0,
}


def table(rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 numbers held as float64: two distances, what neighbours say (the truth, nearly), two own numbers."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(rows, 2))
    y = own[:, 0] + rng.normal(size=rows)
    first = rng.uniform(0, 8, rows) * (rng.random(rows) > 0.1)
    told = y + 0.1 * rng.normal(size=rows)
    x = np.column_stack([first, first * rng.uniform(1, 4, rows), told, own])
    return x.astype(np.float32).astype(float), y


def made(**changed: Any) -> GatedRegressor:
    model = estimators.make("regression", {**PARAMS, **changed}, seed=3, parts=0, columns=COLUMNS)
    assert isinstance(model, GatedRegressor)
    return model


def test_columns_are_found_by_their_names() -> None:
    assert (made().distances, made().apart) == ((0, 1), (4, 3))


def test_the_exported_graph_answers_the_same_at_every_distance_also_beyond_what_was_learned() -> None:
    x, y = table()
    model = made().fit(x, y)
    unseen = table(300, seed=1)[0]
    for values in (x, unseen, np.float32(1.5) * unseen, unseen * [0, 0, 1, 1, 1], unseen * [1e4, 1, 1, 1, 1]):
        single = values.astype(np.float32).astype(float)
        wanted = model.predict(single)[:, None]
        assert export.check_parity(model.to_onnx(5), single, wanted, task="regression") <= 1e-5


def test_the_mean_of_two_gated_graphs_is_one_graph() -> None:
    x, y = table()
    models = [made().fit(x, y), made(none_km=9.0).fit(x, y)]
    graph = export.average([model.to_onnx(5) for model in models])
    wanted = np.mean([model.predict(x) for model in models], axis=0)[:, None]
    assert export.check_parity(graph, x, wanted, task="regression") <= 1e-5


def test_far_from_every_known_row_the_neighbours_are_not_listened_to() -> None:
    x, y = table()
    model = made().fit(x, y)
    x[:, :2] = 5.0
    moved = x.copy()
    moved[:, 2] += 100.0
    np.testing.assert_array_equal(model.weight(x), 0.0)
    np.testing.assert_array_equal(model.predict(moved), model.predict(x))
    alone = HistGradientBoostingRegressor(random_state=3, **PARAMS["far"]).fit(x[:, [4, 3]], y)
    np.testing.assert_allclose(model.predict(x), alone.predict(x[:, [4, 3]]))


def test_beside_a_known_row_the_near_member_answers_alone_and_between_the_gate_falls() -> None:
    x, y = table()
    model = made().fit(x, y)
    near = HistGradientBoostingRegressor(random_state=3, **MEMBER).fit(x, y)
    x[:, :2] = 1.0
    np.testing.assert_allclose(model.predict(x), near.predict(x))
    x[:5, 0] = x[:5, 1] = [0.0, 2.0, 3.0, 4.0, 60.0]
    np.testing.assert_allclose(model.weight(x[:5]), [1.0, 0.75, 0.5, 0.25, 0.0])


def test_a_row_among_few_is_less_remote_than_one_beyond_the_edge_of_many() -> None:
    x, y = table()
    model = made().fit(x, y)
    x[:3, :2] = [[4.0, 4.0], [4.0, 8.0], [4.0, 16.0]]
    np.testing.assert_allclose(model.weight(x[:3]), [0.25, 0.75, 1.0])


def test_a_table_set_without_a_distance_is_refused() -> None:
    with pytest.raises(DataError, match="gated_boosting needs a table set with columns"):
        estimators.make("regression", PARAMS, seed=0, parts=0, columns=Columns(("km", "own")))


@pytest.mark.parametrize(("full", "none"), [(5.0, 5.0), (8.0, 1.0), (-1.0, 3.0)])
def test_a_gate_that_does_not_fall_is_refused(full: float, none: float) -> None:
    x, y = table(40)
    with pytest.raises(DataError, match="full_km"):
        made(full_km=full, none_km=none).fit(x, y)


def test_a_graph_of_another_width_is_refused() -> None:
    x, y = table(60)
    with pytest.raises(DataError, match="fitted on 5 features, not 6"):
        made().fit(x, y).to_onnx(6)


def test_it_can_be_cloned_as_any_estimator() -> None:
    assert clone(made()).get_params()["apart"] == (4, 3)
