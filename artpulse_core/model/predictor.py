"""The predictor: rows or a picture in, answers out, on ONNX Runtime.

Belongs here: turning validated input into what the model takes, and running it. Does not belong here: what its answer
means (``finish``), choosing which model answers, or logging what it said.

A bundle's *input matrix* is what its contract and feature set give: the fields of a row, or the features of a picture.
Events, golden answers and drift keep that. The encoder of a table set then makes of it what the estimator takes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_core import features
from artpulse_core.errors import BundleError, ProblemError
from artpulse_core.features import table
from artpulse_core.features.base import FeatureSet
from artpulse_core.features.table import Encoder
from artpulse_core.model.bundle import Bundle
from artpulse_core.model.finish import Finish, Prediction, soften

__all__ = ["ENCODER", "Prediction", "Predictor", "prefixed", "session", "soften"]

# The entry "location" of a tensor's external data, as protobuf writes it (onnx.proto: StringStringEntryProto).
EXTERNAL_DATA = b"\n\x08location\x12"
ENCODER = "encoder."  # what the arrays of the encoder begin with in state.npz


class Predictor:
    """One loaded model; make it after a fork, use it from any thread.

    ``feature_set`` turns pictures into the input matrix (None for a table), ``encoder`` the input matrix of a table
    into what the estimator takes (None for pictures).
    """

    def __init__(self, bundle: Bundle) -> None:
        """Open the ONNX session. Raises ``BundleError`` for a graph or a feature set that cannot be used."""
        self.bundle = bundle
        manifest, contract = bundle.manifest, bundle.contract
        self.labels = contract.target.labels
        self.finish = Finish(contract, bundle.state)
        self.encoder = _encoder(bundle)
        self.feature_set = None if self.encoder else features.get(manifest.features, bundle=bundle.folder)
        computed = table.get(manifest.features) if self.feature_set is None else self.feature_set
        if computed.fingerprint != manifest.fingerprint:
            raise BundleError(
                f"The bundle was trained with {manifest.features} {manifest.fingerprint[:12]}, "
                f"this release computes {computed.fingerprint[:12]}; retrain or serve with the release it was made by."
            )
        if contract.names and contract.names != manifest.feature_names:
            raise BundleError("The fields of contract.json are not the features of the model, in its order.")
        self._session = session(bundle.onnx)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self.predict(_some_row(bundle))

    @property
    def pictures(self) -> FeatureSet:
        """The feature set of pictures; raises ``ProblemError`` for the model of a table."""
        if self.feature_set is None:
            raise ProblemError(f"{self.bundle.manifest.problem} answers rows of fields, not pictures.")
        return self.feature_set

    def features_of(self, image: bytes) -> np.ndarray:
        """Features of one encoded picture, f float64; raises ``ImageRefused``, ``ProblemError`` for a table's model."""
        return features.vector(image, self.pictures)

    def encode(self, matrix: np.ndarray) -> np.ndarray:
        """What the estimator takes of ``matrix`` (n × f, columns in the manifest's order; NaN is a missing field)."""
        width = len(self.bundle.manifest.feature_names)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise ValueError(f"expected n × {width} features, got {matrix.shape}")
        return matrix if self.encoder is None else self.encoder.transform(matrix)

    def answers(self, matrix: np.ndarray) -> np.ndarray:
        """n × k calibrated probabilities, or n × 1 values; raises ``BundleError`` for an answer that is none."""
        return self.finish.calibrate(self._run(self.encode(matrix)))

    def predict(self, matrix: np.ndarray) -> Prediction:
        """Answers for ``matrix`` (n × f, columns in the manifest's order); raises ``BundleError`` on NaN answers."""
        encoded = self.encode(matrix)
        return self.finish.predict(self._run(encoded), encoded)

    def mixtures(self, matrix: np.ndarray) -> Prediction:
        """As ``predict`` without intervals, for ``explain``: exact for the first row, nearly for mixtures of rows."""
        encoder = self.encoder
        encoded = encoder.mixtures(matrix) if isinstance(encoder, table.Mixing) else self.encode(matrix)
        answer = self.finish.calibrate(self._run(encoded))
        if self.finish.regression:
            return Prediction(values=answer[:, 0])
        return Prediction(answer, self.finish.decide(answer))

    def _run(self, encoded: np.ndarray) -> np.ndarray:
        try:
            raw = self._session.run([self._output], {self._input: encoded.astype(np.float32)})[0]
            answer = np.asarray(raw, dtype=np.float64)
        except Exception as error:  # ONNX Runtime raises its own family without a common public base
            raise BundleError(f"The model fails to answer: {str(error)[:200]}") from error
        if len(answer) != len(encoded):
            raise BundleError(f"The model answers with shape {answer.shape}, not a number for each label.")
        return answer


def prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``arrays`` with the prefix by which they stand in ``state.npz``."""
    return {prefix + name: array for name, array in arrays.items()}


def _some_row(bundle: Bundle) -> np.ndarray:
    """One row a model can answer: a golden one, for zeros may be what no contract allows."""
    width = len(bundle.manifest.feature_names)
    try:
        found = np.array(bundle.golden["rows"][0]["features"], dtype=np.float64)
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
    ):  # the check of golden answers says what is wrong there
        found = np.zeros(0)
    return found[None, :] if found.shape == (width,) else np.zeros((1, width))


def _encoder(bundle: Bundle) -> Encoder | None:
    if bundle.manifest.features not in table.names():
        return None
    mine = {
        name.removeprefix(ENCODER): array for name, array in bundle.state.items() if name.startswith(ENCODER)
    }
    try:
        return table.get(bundle.manifest.features).open(mine)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BundleError(f"state.npz has no usable encoder: {type(error).__name__}: {error}") from error


def session(graph: bytes) -> Any:
    """An ONNX Runtime session on one thread; raises ``BundleError`` for a graph that cannot be used."""
    import onnxruntime

    if EXTERNAL_DATA in graph:  # it would be looked for anywhere on this machine
        raise BundleError("model.onnx keeps weights in another file, outside the bundle's digest.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        return onnxruntime.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own family without a common public base
        raise BundleError(f"model.onnx cannot be loaded: {str(error)[:200]}") from error
