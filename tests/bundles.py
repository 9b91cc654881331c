"""Small real bundles for tests: a linear softmax model as ONNX, with golden answers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from artpulse_core import features
from artpulse_core.data import problems
from artpulse_core.data.problem import Problem
from artpulse_core.features import table
from artpulse_core.model import bundle, golden, interval, neighbours
from artpulse_core.model.finish import LEAST, Finish, soften
from artpulse_core.model.predictor import ENCODER, prefixed
from tests import tables

LABELS = ("minimal", "monochrome", "neo-pop", "surreal", "vibrant")
WITHOUT_WEIGHTS = {"art": "rich"}
"""The feature set of a problem whose own one depends on what is installed."""


def make_bundle(
    folder: Path,
    *,
    problem: str = "art_core5",
    labels: Sequence[str] = LABELS,
    seed: int = 0,
    version_tag: str = "",
    spoil_golden: bool = False,
    reasons: bool = True,
) -> str:
    """Write a bundle into ``folder`` and return its digest; another ``seed`` gives another model.

    Without ``reasons`` it lacks what explanations need, as older ones do.
    ``spoil_golden`` records answers the model does not give, so only the golden check can refuse it.
    """
    stated = read(problem)
    feature_set = features.get(stated.features)
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(len(feature_set.names), len(labels))).astype(np.float32)
    bias = rng.normal(size=len(labels)).astype(np.float32)
    temperature = 1.5

    def predict(matrix: np.ndarray) -> np.ndarray:
        logits = matrix.astype(np.float32) @ weights + bias
        raw = np.exp(logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
        return soften(raw / raw.sum(axis=1, keepdims=True), temperature)

    pictures = [picture(seed + place) for place in range(2)]
    matrix = rng.random((4, len(feature_set.names)))
    answers = golden.make(
        predict, matrix, pictures, np.stack([features.vector(data, feature_set) for data in pictures])
    )
    if spoil_golden:
        answers["rows"][0]["probabilities"] = answers["rows"][0]["probabilities"][::-1]
    state, profile = {"temperature": np.array(temperature), "floor": np.array(LEAST)}, io.BytesIO()
    if reasons:
        state |= examples(len(feature_set.names), labels)
    np.savez(profile, n=np.array(0))
    manifest = {
        "model": stated.model,
        "problem": problem,
        "features": stated.features,
        "fingerprint": feature_set.fingerprint,
        "feature_names": list(feature_set.names),
        "algorithm": "linear",
        "key": f"key-{problem}-{seed}{version_tag}",
        "created_at": "2026-01-01T00:00:00+00:00",
        "provenance": {"synthetic": True, "tag": version_tag},
    }
    return bundle.write(
        folder,
        manifest,
        {
            "contract.json": bundle.json_bytes(stated.contract.with_labels(labels).to_dict()),
            "model.onnx": _graph(weights, bias),
            "state.npz": bundle.npz_bytes(state),
            "profile.npz": profile.getvalue(),
            "evaluation.json": bundle.json_bytes({"metrics": {"macro_f1": 0.5}}),
            "golden.json": bundle.json_bytes(answers),
            "MODEL_CARD.md": b"# A model for tests\n",
        },
    )


def make_table_bundle(
    folder: Path,
    problem: str,
    *,
    seed: int = 0,
    lift: float = 0.0,
    spoil_golden: bool = False,
    weights_told: bool = False,
) -> str:
    """Write a bundle of ``tests.tables``: ``doors`` answers values, ``patients`` one of two labels.

    Weights depend on ``seed`` alone; ``lift`` is added to every value (for patients: to the log-odds). With
    ``weights_told`` explanations know them.
    """
    stated = tables.problem(problem)
    regression = stated.task == "regression"
    contract = stated.contract.with_labels(() if regression else ("ill", "well"))
    truth = stated.target.name
    known = tables.rows(problem, 60, seed)
    matrix = contract.validate([{k: v for k, v in row.items() if k != truth} for row in known]).matrix
    fitted = table.get("table").fit(contract.fields, matrix, None, seed=0)
    rng = np.random.default_rng(seed)
    outputs = 1 if regression else 2
    weights = rng.normal(size=(fitted.matrix.shape[1], outputs)).astype(np.float32)
    bias = (
        np.array([lift, 0.0][:outputs], dtype=np.float32)
        - fitted.matrix.mean(axis=0).astype(np.float32) @ weights
    )
    if regression:
        arrays = interval.fit(rng.normal(size=60), np.zeros(60), minimum=-1e6, maximum=1e6)
    else:
        arrays = {"temperature": np.array(1.5)}
    truths = np.array([row[truth] for row in known], dtype=np.float64)
    arrays |= neighbours.reference(
        matrix,
        contract.fields,
        truths if regression else (truths == 0).astype(int),
        [f"line {place + 1}" for place in range(len(known))],
        seed=0,
    )
    encoder = table.get("table").open(fitted.arrays)
    if weights_told:
        arrays["linear.weights"] = weights.astype(np.float64) / (1.0 if regression else 1.5)
        arrays["linear.reference"] = fitted.matrix.mean(axis=0)
        arrays["linear.fields"] = fitted.arrays["field"]
    finish = Finish(contract, arrays)

    def answer(x: np.ndarray) -> np.ndarray:
        raw = encoder.transform(x).astype(np.float32) @ weights + bias
        if not regression:
            raw = np.exp(raw - raw.max(axis=1, keepdims=True))
            raw = raw / raw.sum(axis=1, keepdims=True)
        return finish.calibrate(raw.astype(np.float64))

    answers = golden.make(answer, matrix[:6])
    if spoil_golden:
        answers["rows"][0]["probabilities"] = [value + 1 for value in answers["rows"][0]["probabilities"]]
    manifest = {
        "model": stated.model,
        "problem": problem,
        "features": "table",
        "fingerprint": table.get("table").fingerprint,
        "feature_names": list(contract.names),
        "watched": list(contract.names),
        "watched_fingerprint": f"fields of {problem}",
        "algorithm": "linear",
        "key": f"key-{problem}-{seed}-{lift}",
        "created_at": "2026-01-01T00:00:00+00:00",
        "provenance": {"synthetic": False},
    }
    return bundle.write(
        folder,
        manifest,
        {
            "contract.json": bundle.json_bytes(contract.to_dict()),
            "model.onnx": _graph(weights, bias, labels=not regression),
            "state.npz": bundle.npz_bytes({**arrays, **prefixed(ENCODER, fitted.arrays)}),
            "profile.npz": bundle.npz_bytes({"n": np.array(0)}),
            "evaluation.json": bundle.json_bytes({"metrics": {"rmse": 0.5}}),
            "golden.json": bundle.json_bytes(answers),
            "MODEL_CARD.md": b"# A model for tests\n",
        },
    )


def examples(width: int, labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Training examples of pictures, as explanations name them."""
    label = np.arange(30) % len(labels)
    ids = [f"{labels[place]}/{number}.jpg" for number, place in enumerate(label.tolist())]
    matrix = np.random.default_rng(0).random((len(ids), width))
    return neighbours.reference(
        matrix, (), label, ids, digests=[f"{i:064x}" for i in range(len(ids))], seed=0
    )


def read(problem: str) -> Problem:
    """A shipped problem with the feature set any machine can compute."""
    stated = problems.read(problems.SHIPPED / f"{problem}.toml")
    return stated.model_copy(update={"features": WITHOUT_WEIGHTS.get(problem, stated.features)})


def picture(seed: int, side: int = 64) -> bytes:
    """A small JPEG of coloured blocks."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.kron(blocks, np.ones((side // 4, side // 4, 1), np.uint8))).save(buffer, "JPEG")
    return buffer.getvalue()


def _graph(weights: np.ndarray, bias: np.ndarray, *, labels: bool = True) -> bytes:
    """A linear model; its softmax for ``labels``."""
    from onnx import TensorProto, checker, helper, numpy_helper

    width, outputs = weights.shape
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["input", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["answers"], axis=1)
            if labels
            else helper.make_node("Identity", ["logits"], ["answers"]),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, [None, outputs])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return bytes(model.SerializeToString())
