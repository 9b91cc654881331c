"""Golden answers: inputs that travel in the bundle with the answers they must give.

Belongs here: making and checking them. They catch a model that loads but answers otherwise on this machine:
labels must be equal, probabilities within 1e-5, features of pictures within 1e-6 (bitwise equality across CPUs
and libjpeg builds would refuse good models).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_core.errors import BundleError, ImageRefused
from artpulse_core.model.predictor import Predictor

PROBABILITY_TOLERANCE = 1e-5
FEATURE_TOLERANCE = 1e-6


def make(
    predict: Any, matrix: np.ndarray, images: Sequence[bytes] = (), image_features: np.ndarray | None = None
) -> dict[str, Any]:
    """Golden document for ``matrix`` (n × f) and, where given, pictures with their features (m × f).

    ``predict`` maps features to probabilities (n × k), as the exported model does.
    """
    document: dict[str, Any] = {"rows": [], "images": []}
    for row, answer in zip(matrix, predict(matrix), strict=True):
        document["rows"].append({"features": row.tolist(), "probabilities": answer.tolist()})
    if images and image_features is not None:
        for data, row, answer in zip(images, image_features, predict(image_features), strict=True):
            document["images"].append(
                {
                    "image": base64.b64encode(data).decode(),
                    "features": row.tolist(),
                    "probabilities": answer.tolist(),
                }
            )
    return document


def check(predictor: Predictor) -> int:
    """Compare the loaded model with its golden answers; returns how many were checked.

    Raises ``BundleError`` naming the first that differs, or when there is none.
    """
    try:
        return _check(predictor, predictor.bundle.golden)
    except (KeyError, TypeError, ValueError, AttributeError, ImageRefused) as error:
        raise BundleError(f"golden.json cannot be used: {type(error).__name__}: {error}") from None


def _check(predictor: Predictor, golden: Mapping[str, Any]) -> int:
    cases = [*golden["rows"], *golden["images"]]
    if not cases:
        raise BundleError("golden.json holds no answer to check.")
    for place, case in enumerate(golden["images"]):
        found = predictor.features_of(base64.b64decode(case["image"]))
        worst = float(np.abs(found - np.asarray(case["features"])).max())
        if not worst <= FEATURE_TOLERANCE:
            raise BundleError(f"Golden picture {place} has features {worst:.2g} away from the recorded ones.")
    wanted = np.array([case["probabilities"] for case in cases])
    answers = predictor.predict(np.array([case["features"] for case in cases]))
    distance = np.abs(answers.probabilities - wanted).max(axis=1)
    wrong = np.flatnonzero(
        ~(distance <= PROBABILITY_TOLERANCE) | (answers.predictions != wanted.argmax(axis=1))
    )
    if len(wrong):
        raise BundleError(f"Golden answer {wrong[0]} differs by {distance[wrong[0]]:.2g}.")
    return len(cases)
