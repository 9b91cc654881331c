"""Boosting that knows how far it is from what it learned: two members, and a gate between them.

Belongs here: the estimator, its exact export. Does not belong here: what a neighbour is and how far (the table set),
which parameters (the problem).

Where whole areas of a map are unseen, a model trained beside neighbours believes the ones far away. So ``near`` learns
from all columns, ``far`` from those that know nothing of neighbours, and a row is answered by w·near + (1 − w)·far,
with w falling from 1 to 0 as it becomes remote (a mixture of two experts with a given gate: Jacobs, Jordan, Nowlan,
Hinton, Neural Computation 3, 1991).

How remote a row is: d₁ × d₁/d₄ km, for its first and fourth nearest known row. Where homes are few, d₄ is large beside
d₁ and neighbours are worth as much as anywhere; outside the edge of a town that is known, all are equally far, and they
are not. Beside d₁ alone this costs less on random rows for the same gain in unseen areas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from artpulse_core.errors import DataError

LEAST_KM = 0.1  # of the fourth: many known rows may lie on one point
_OPSET, _ML_OPSET, _IR = 17, 3, 8


class GatedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Two ``HistGradientBoostingRegressor`` of parameters ``near`` and ``far``, and the gate between them.

    ``distances`` are the places of the columns that say how many km the first and the fourth nearest known row are
    away, ``apart`` the places of the columns that ``far`` sees. w falls from 1 to 0 between ``full_km`` and ``none_km``.
    """

    def __init__(
        self,
        near: Mapping[str, Any],
        far: Mapping[str, Any],
        full_km: float,
        none_km: float,
        distances: tuple[int, int],
        apart: tuple[int, ...],
        seed: int = 0,
    ) -> None:
        self.near = near
        self.far = far
        self.full_km = full_km
        self.none_km = none_km
        self.distances = distances
        self.apart = apart
        self.seed = seed

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn both members from rows ``x`` (n × f). Raises ``DataError`` when the gate is no interval of distances."""
        self.width_ = x.shape[1]
        near, far = self.members()
        self.near_, self.far_ = near.fit(x, y), far.fit(x[:, self.apart], y)
        return self

    def members(self) -> tuple[Any, Any]:
        """``near`` and ``far`` before they learned. Raises ``DataError`` when the gate is no interval of distances."""
        from sklearn.ensemble import HistGradientBoostingRegressor as Boosting

        if not 0 <= self.full_km < self.none_km:
            raise DataError(
                f"The gate goes from full_km = {self.full_km:g} to none_km = {self.none_km:g}; the second must be"
                " larger, and neither below 0."
            )
        return Boosting(random_state=self.seed, **self.near), Boosting(random_state=self.seed, **self.far)

    def weight(self, x: np.ndarray) -> np.ndarray:
        """The share of ``near`` in the answer to each row, n."""
        slope, start = self._line()
        first, fourth = (x[:, place] for place in self.distances)
        remote = first * (first / np.maximum(fourth, LEAST_KM))
        return np.asarray(np.clip(start - slope * remote, 0.0, 1.0))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Values, n."""
        x = np.asarray(x, dtype=np.float64)
        weight, far = self.weight(x), self.far_.predict(x[:, self.apart])
        return np.asarray(far + weight * (self.near_.predict(x) - far))

    def to_onnx(self, width: int) -> bytes:
        """The same function as one float32 graph: features (n × width) → values (n × 1)."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        from artpulse_assets.pipeline import export

        if width != self.width_:
            raise DataError(f"The model was fitted on {self.width_} features, not {width}.")
        slope, start = self._line()
        arrays = {
            "place1": np.array([self.distances[0]], dtype=np.int64),
            "place4": np.array([self.distances[1]], dtype=np.int64),
            "least": np.float32(LEAST_KM),
            "places": np.array(self.apart, dtype=np.int64),
            "slope": np.float32(slope),
            "start": np.float32(start),
            "none": np.float32(0),
            "full": np.float32(1),
        }
        nodes = [helper.make_node("Gather", ["features", "places"], ["alone"], axis=1)]
        near = export.joined([export.to_onnx(self.near_, width)], "features", "near")
        far = export.joined([export.to_onnx(self.far_, len(self.apart))], "alone", "far")
        nodes += near.nodes + far.nodes
        [told_near], [told_far] = near.answers, far.answers
        nodes += [
            helper.make_node("Gather", ["features", "place1"], ["first"], axis=1),
            helper.make_node("Gather", ["features", "place4"], ["fourth"], axis=1),
            helper.make_node("Max", ["fourth", "least"], ["divisor"]),
            helper.make_node("Div", ["first", "divisor"], ["one sided"]),
            helper.make_node("Mul", ["first", "one sided"], ["remote"]),
            helper.make_node("Mul", ["remote", "slope"], ["fallen"]),
            helper.make_node("Sub", ["start", "fallen"], ["open"]),
            helper.make_node("Clip", ["open", "none", "full"], ["weight"]),
            helper.make_node("Sub", [told_near, told_far], ["apart"]),
            helper.make_node("Mul", ["weight", "apart"], ["moved"]),
            helper.make_node("Add", [told_far, "moved"], ["values"]),
        ]
        graph = helper.make_graph(
            nodes,
            "gated",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
            [helper.make_tensor_value_info("values", TensorProto.FLOAT, [None, 1])],
            [
                *near.initializers,
                *far.initializers,
                *(numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()),
            ],
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _line(self) -> tuple[float, float]:
        """The gate as a falling line: how much a km takes away, and where it starts."""
        slope = 1.0 / (self.none_km - self.full_km)
        return slope, self.none_km * slope
