"""Real bundles for tests, made in milliseconds: a linear model with softmax over a feature set, as ONNX."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

from artpulse_core import features
from artpulse_core.data import problems
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot
from artpulse_core.model import bundle, golden
from artpulse_core.model.predictor import soften

LABELS = ("minimal", "monochrome", "neo-pop", "surreal", "vibrant")


def picture(seed: int = 0, side: int = 64) -> bytes:
    """A small JPEG of seeded coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((side, side), Image.Resampling.NEAREST).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def make_bundle(
    folder: Path,
    *,
    problem: str = "art_core5",
    labels: tuple[str, ...] = LABELS,
    seed: int = 0,
    synthetic: bool = True,
    **manifest: Any,
) -> str:
    """Write a bundle of ``problem`` into ``folder`` and return its digest; another seed is another model."""
    found = problems.read(problems.SHIPPED / f"{problem}.toml")
    feature_set = features.get(found.features)
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(len(feature_set.names), len(labels))).astype(np.float32)
    bias = generator.normal(size=len(labels)).astype(np.float32)
    images = [picture(number) for number in range(2)]
    image_features = np.array([features.vector(image, feature_set) for image in images])
    size = np.abs(image_features).mean(axis=0) + 0.1  # so that no feature decides alone
    weights /= (size * np.sqrt(len(feature_set.names) / 5))[:, None].astype(np.float32)

    def predict(matrix: np.ndarray) -> np.ndarray:
        scores = matrix.astype(np.float32) @ weights + bias
        exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
        return soften((exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float64), 1.0)

    document = {
        "model": found.model,
        "problem": problem,
        "features": found.features,
        "fingerprint": feature_set.fingerprint,
        "feature_names": list(feature_set.names),
        "algorithm": "logistic_regression",
        "key": f"seed-{seed}",
        "created_at": "2026-11-20T10:00:00+00:00",
        "provenance": {
            "synthetic": synthetic,
            "git_commit": "0" * 40,
            "data_digest": "sha256:0",
            "run_id": "r",
        },
        **manifest,
    }
    return bundle.write(
        folder,
        document,
        {
            "contract.json": bundle.json_bytes(found.contract.with_labels(labels).to_dict()),
            "model.onnx": _graph(weights, bias),
            "state.npz": bundle.npz_bytes({"temperature": np.array(1.0)}),
            "profile.npz": bundle.npz_bytes({"rows": image_features}),
            "evaluation.json": bundle.json_bytes(
                {"metrics": {"macro_f1": {"value": 0.7, "low": 0.6, "high": 0.8}}}
            ),
            "golden.json": bundle.json_bytes(golden.make(predict, image_features, images, image_features)),
            "MODEL_CARD.md": b"# A model for tests\n",
        },
    )


def publish(
    run: Path, versions: dict[str, int], *, sequence: int = 1, seeds: dict[str, int] | None = None
) -> Release:
    """Make the bundles of ``versions`` (problem → version) under ``run`` and release them; seed = version."""
    served = {}
    for problem, version in versions.items():
        seed = (seeds or {}).get(problem, version)
        folder = Path("bundles") / f"{problem}-{seed}"
        digest = (
            bundle.digest_of(run / folder)
            if (run / folder).exists()
            else make_bundle(run / folder, problem=problem, seed=seed)
        )
        model = problems.read(problems.SHIPPED / f"{problem}.toml").model
        served[problem] = ProblemRelease(model, Slot("champion", version, digest, str(folder)))
    release = Release(sequence, "2026-11-20T10:00:00+00:00", served)
    releases.write(run, release)
    return release


def _graph(weights: np.ndarray, bias: np.ndarray) -> bytes:
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, weights.shape[0]])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, weights.shape[1]])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel()),
            helper.make_tensor("bias", TensorProto.FLOAT, bias.shape, bias),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
