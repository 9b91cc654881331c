"""The predictor: rows or a picture in, probabilities out, on ONNX Runtime.

Belongs here: turning validated input into features, features into probabilities. Does not belong here: choosing
which model answers, or logging what it said.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_core import features
from artpulse_core.errors import BundleError
from artpulse_core.model.bundle import Bundle

# The entry "location" of a tensor's external data, as protobuf writes it (onnx.proto: StringStringEntryProto).
EXTERNAL_DATA = b"\n\x08location\x12"


@dataclass(frozen=True)
class Prediction:
    """Answers for n rows: ``probabilities`` n × k float64 (rows sum to 1), ``predictions`` n label indices."""

    probabilities: np.ndarray
    predictions: np.ndarray


class Predictor:
    """One loaded model; make it after a fork, use it from any thread."""

    def __init__(self, bundle: Bundle) -> None:
        """Open the ONNX session. Raises ``BundleError`` for a graph or a feature set that cannot be used."""
        self.bundle = bundle
        manifest = bundle.manifest
        self.feature_set = features.get(manifest.features)
        if self.feature_set.fingerprint != manifest.fingerprint:
            raise BundleError(
                f"The bundle was trained with {manifest.features} {manifest.fingerprint[:12]}, "
                f"this release computes {self.feature_set.fingerprint[:12]}; retrain or serve with the release it was made by."
            )
        fields = bundle.contract.names
        if fields and fields != manifest.feature_names:
            raise BundleError("The fields of contract.json are not the features of the model, in its order.")
        self.labels = bundle.contract.target.labels
        self._temperature = _temperature(bundle)
        self._session = _session(bundle.onnx)
        inputs = self._session.get_inputs()
        self._input = inputs[0].name
        self._output = self._session.get_outputs()[-1].name
        self.predict(np.zeros((1, len(manifest.feature_names))))

    def features_of(self, image: bytes) -> np.ndarray:
        """Features of one encoded picture, f float64; raises ``ImageRefused``."""
        return features.vector(image, self.feature_set)

    def predict(self, matrix: np.ndarray) -> Prediction:
        """Probabilities for ``matrix`` (n × f, columns in the manifest's order); raises ``BundleError`` on NaN."""
        width = len(self.bundle.manifest.feature_names)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise ValueError(f"expected n × {width} features, got {matrix.shape}")
        try:
            raw = self._session.run([self._output], {self._input: matrix.astype(np.float32)})[0]
            answer = np.asarray(raw, dtype=np.float64)
        except Exception as error:  # ONNX Runtime raises its own family without a common public base
            raise BundleError(f"The model fails to answer: {str(error)[:200]}") from error
        if answer.shape != (len(matrix), len(self.labels)):
            raise BundleError(f"The model answers with shape {answer.shape}, not a number for each label.")
        probabilities = soften(answer, self._temperature)
        if not np.isfinite(probabilities).all():
            raise BundleError("The model gave an answer that is not a probability for each label.")
        return Prediction(probabilities, probabilities.argmax(axis=1))


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Temperature scaling of probabilities, n × k.

    p_i^(1/T) normalised, which is softmax(log p / T): Guo et al. 2017, "On Calibration of Modern Neural
    Networks", arXiv:1706.04599, section 4.2, applied to log-probabilities.
    """
    logits = np.log(np.clip(probabilities, 1e-12, 1.0)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _temperature(bundle: Bundle) -> float:
    try:
        value = float(bundle.state["temperature"])
    except (KeyError, TypeError, ValueError):
        raise BundleError("state.npz has no calibration temperature.") from None
    if not 0.01 <= value <= 100:
        raise BundleError(f"The calibration temperature {value!r} is not between 0.01 and 100.")
    return value


def _session(graph: bytes) -> Any:
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
