"""Golden answers: inputs that travel in the bundle with the answers they must give.

Belongs here: making and checking them. They catch a model that loads but answers otherwise on this machine:
labels must be equal, probabilities within 1e-5 (values too, relative to their size), features of pictures within the
tolerance of their set (bitwise equality across CPUs and libjpeg builds would refuse good models).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_core.errors import BundleError, ImageRefused
from artpulse_core.model.predictor import Predictor

ANSWER_TOLERANCE = 1e-5


def make(
    answers: Callable[[np.ndarray], np.ndarray],
    matrix: np.ndarray,
    images: Sequence[bytes] = (),
    image_features: np.ndarray | None = None,
) -> dict[str, Any]:
    """Golden document for ``matrix`` (n × f) and, where given, pictures with their features (m × f).

    ``answers`` maps an input matrix to probabilities (n × k) or values (n × 1), as the exported model does.
    """
    document: dict[str, Any] = {"rows": [], "images": []}
    for row, answer in zip(matrix, answers(matrix), strict=True):
        document["rows"].append({"features": row.tolist(), "probabilities": answer.tolist()})
    if images and image_features is not None:
        for data, row, answer in zip(images, image_features, answers(image_features), strict=True):
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
        wanted = np.asarray(case["features"])
        worst = float(np.abs(found - wanted).max())
        if not worst <= predictor.pictures.tolerance:
            raise BundleError(f"Golden picture {place} has features {worst:.2g} away from the recorded ones.")
    wanted = np.array([case["probabilities"] for case in cases], dtype=np.float64)
    matrix = np.array([case["features"] for case in cases], dtype=np.float64)  # null is a missing field: NaN
    answers = predictor.answers(matrix)
    distance = (np.abs(answers - wanted) / np.maximum(1.0, np.abs(wanted))).max(axis=1)
    wrong = ~(distance <= ANSWER_TOLERANCE)
    if not predictor.finish.regression:
        wrong |= predictor.finish.decide(answers) != predictor.finish.decide(wanted)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise BundleError(f"Golden answer {first} differs by {distance[first]:.2g}.")
    return len(cases)
