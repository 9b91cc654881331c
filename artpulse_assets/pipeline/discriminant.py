"""The shrunk linear discriminant: the classifier of wide features that come in blocks.

Belongs here: the estimator, its exact export. Does not belong here: calibration, which is the temperature that is
applied outside to the probabilities of any candidate.

Standardise, clip, divide each block by the square root of its width so that a wide block does not outweigh a narrow
one, then a linear discriminant whose within-class covariance is shrunk towards a multiple of the identity (Friedman,
"Regularized Discriminant Analysis", 1989, DOI 10.1080/01621459.1989.10478752). The answers are those of scikit-learn's
``LinearDiscriminantAnalysis(solver="lsqr", shrinkage=…)``, which at 3,056 features spends its time on a covariance
that 650 rows cannot fill; here the linear system is as large as the smaller of rows and features.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from artpulse_core.errors import DataError

CLIP = 6.0
WARMTH = 8.0
"""Scores are divided by it: with more features than rows a discriminant is about so much too sure of itself.

The temperature that is fitted outside then stays near 1, no probability falls under what it can take the logarithm
of, and the float32 graph is within 1e-6.
"""

_OPSET, _IR = 17, 8


class ShrunkDiscriminant(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Fitted on ``x`` (n × f) and ``y`` (n labels); float64 throughout.

    ``blocks`` are widths that sum to f (empty: one block), ``shrinkage`` is in (0, 1], ``clip`` in standard
    deviations, ``warmth`` divides the scores (1: plain posteriors). ``balanced`` gives every label the same prior instead of its share of the rows.
    """

    def __init__(
        self,
        shrinkage: float = 0.6,
        blocks: tuple[int, ...] = (),
        clip: float = CLIP,
        warmth: float = WARMTH,
        balanced: bool = True,
    ) -> None:
        self.shrinkage = shrinkage
        self.blocks = blocks
        self.clip = clip
        self.warmth = warmth
        self.balanced = balanced

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn scaler and weights. Raises ``DataError`` for blocks that do not fit or fewer than two labels."""
        x = np.asarray(x, dtype=np.float64)
        self.classes_, place = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError("A discriminant needs rows of two labels or more.")
        self.mean_ = x.mean(axis=0)
        spread = x.std(axis=0)
        # a column that never changed says nothing, also when it changes later
        self.gain_ = np.where(
            spread > 1e-9 * np.maximum(1.0, np.abs(self.mean_)), 1 / np.maximum(spread, 1e-300), 0.0
        )
        self.weight_ = self._weights(x.shape[1])
        z = self._scaled(x)
        counts = np.bincount(place)
        share = counts / len(z)
        means = np.zeros((len(counts), z.shape[1]))
        np.add.at(means, place, z)
        means /= counts[:, None]
        within = (z - means[place]) / np.sqrt(len(z))
        coef = _solve(within, means, self.shrinkage)
        prior = np.full(len(counts), 1 / len(counts)) if self.balanced else share
        self.coef_ = coef / self.warmth
        self.intercept_ = (np.log(prior) - 0.5 * np.sum(means * coef, axis=1)) / self.warmth
        return self

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        """Logarithms of the posteriors over ``warmth``, up to a constant of each row, n × k."""
        return np.asarray(self._scaled(np.asarray(x, dtype=np.float64)) @ self.coef_.T + self.intercept_)

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Posteriors under equal covariance, made less sure by ``warmth``, n × k."""
        scores = self.decision_function(x)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The label of the largest posterior, n."""
        return np.asarray(self.classes_[self.decision_function(x).argmax(axis=1)])

    def to_onnx(self, width: int) -> bytes:
        """The same function as a float32 graph: features (n × width) → probabilities (n × k)."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        if width != len(self.mean_):
            raise DataError(f"The discriminant was fitted on {len(self.mean_)} features, not {width}.")
        arrays: dict[str, Any] = {
            "mean": self.mean_,
            "gain": self.gain_,
            "low": np.array(-self.clip),
            "high": np.array(self.clip),
            "coef": (self.coef_ * self.weight_).T,
            "intercept": self.intercept_,
        }
        nodes = [
            helper.make_node("Sub", ["features", "mean"], ["centred"]),
            helper.make_node("Mul", ["centred", "gain"], ["scaled"]),
            helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
            helper.make_node("Gemm", ["clipped", "coef", "intercept"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "shrunk_discriminant",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(self.classes_)])],
            [
                numpy_helper.from_array(np.asarray(value, dtype=np.float32), name)
                for name, value in arrays.items()
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _weights(self, width: int) -> np.ndarray:
        blocks = self.blocks or (width,)
        if sum(blocks) != width or min(blocks) < 1:
            raise DataError(f"The blocks {blocks} do not sum to {width} features.")
        return np.concatenate([np.full(block, block**-0.5) for block in blocks])

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip((x - self.mean_) * self.gain_, -self.clip, self.clip) * self.weight_)


def _solve(within: np.ndarray, means: np.ndarray, shrinkage: float) -> np.ndarray:
    """``means`` (k × f) times the inverse of the shrunk covariance of ``within`` (n × f, already over sqrt(n)).

    The covariance is (1 − s) W'W + s μ I with μ its mean variance; with fewer rows than features it is inverted on
    the side of the rows (Woodbury identity).
    """
    from scipy.linalg import cho_factor, cho_solve

    rows, width = within.shape
    own = 1 - shrinkage
    ridge = shrinkage * float(np.einsum("ij,ij->", within, within)) / width
    if not ridge > 0:
        raise DataError("No feature differs between two rows of one label: nothing can be learned from them.")
    if width <= rows:
        covariance = own * (within.T @ within)
        covariance[np.diag_indices(width)] += ridge
        return np.asarray(cho_solve(cho_factor(covariance), means.T).T)
    gram = own * (within @ within.T)
    gram[np.diag_indices(rows)] += ridge
    inner = cho_solve(cho_factor(gram), within @ means.T)
    return np.asarray((means - own * (within.T @ inner).T) / ridge)
