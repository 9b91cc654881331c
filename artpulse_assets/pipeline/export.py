"""From a fitted estimator to an ONNX graph that answers the same, proven on every export.

Belongs here: conversion, the parity check and the averaging of graphs. A graph takes float32 features
(n × f) and its last output is probabilities (n × k), or values (n × 1).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_core.errors import ExportError

OPSET = 17
ML_OPSET = 3
TOLERANCE = 1e-5


def to_onnx(model: Any, width: int) -> bytes:
    """Serialize ``model`` (a fitted estimator over ``width`` features); raises ``ExportError``.

    An estimator of our own knows how to write itself.
    """
    from skl2onnx import to_onnx as convert

    if hasattr(model, "to_onnx"):
        return bytes(model.to_onnx(width))
    classifier = hasattr(model, "predict_proba")
    try:
        with warnings.catch_warnings():
            # skl2onnx 1.20 reads SVC attributes that scikit-learn 1.9 calls deprecated
            warnings.simplefilter("ignore", FutureWarning)
            graph = convert(
                model,
                np.zeros((1, width), dtype=np.float32),
                options={"zipmap": False} if classifier else None,
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            )
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"{type(model).__name__} cannot be exported: {str(error)[:300]}") from error
    return bytes(graph.SerializeToString())


def run(graph: bytes, x: np.ndarray) -> np.ndarray:
    """Answers (n × k float64) of a serialized graph for ``x`` (n × f)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    answer = session.run([session.get_outputs()[-1].name], {name: x.astype(np.float32)})[0]
    return np.asarray(answer, dtype=np.float64)


def check_parity(graph: bytes, x: np.ndarray, wanted: np.ndarray, *, task: str = "classification") -> float:
    """Largest |Δ| between the graph and ``wanted`` (n × k); of values, as a share of their standard deviation.

    Raises ``ExportError`` when a label differs or an answer is further away than 1e-5.
    """
    found = run(graph, x)
    if found.shape != wanted.shape:
        raise ExportError(f"The exported model answers {found.shape}, the trained one {wanted.shape}.")
    distance = np.abs(found - wanted)
    if task == "regression":
        worst = float(distance.max() / max(float(wanted.std()), 1e-12, 1e-6 * float(np.abs(wanted).max())))
        labels = 0
    else:
        worst = float(distance.max())
        ordered = np.sort(wanted, axis=1)
        decided = ordered[:, -1] - ordered[:, -2] > 2 * TOLERANCE  # a tie may fall to either label
        labels = int(((found.argmax(axis=1) != wanted.argmax(axis=1)) & decided).sum())
    if labels or not worst <= TOLERANCE:
        raise ExportError(
            f"The exported model differs from the trained one: {labels} of {len(x)} labels, |Δ| up to {worst:.2g}."
        )
    return worst


def average(graphs: Sequence[bytes]) -> bytes:
    """One graph that answers the mean of the members' answers."""
    import onnx
    from onnx import TensorProto, helper

    first = onnx.load_from_string(graphs[0])
    width = first.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    parts = joined(graphs, "features")
    graph = helper.make_graph(
        [*parts.nodes, helper.make_node("Mean", parts.answers, ["answers"])],
        "mean",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, [None, None])],
        parts.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=first.ir_version)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@dataclass(frozen=True)
class Joined:
    """Parts of a graph to be: ``answers`` names what each of the joined graphs says."""

    nodes: list[Any]
    initializers: list[Any]
    answers: list[str]


def joined(graphs: Sequence[bytes], features: str, prefix: str = "member") -> Joined:
    """Graphs that all read ``features``, with names that start with ``prefix`` and do not meet."""
    import onnx
    from onnx import compose, helper

    nodes: list[Any] = []
    initializers: list[Any] = []
    answers = []
    for place, graph in enumerate(graphs):
        model = compose.add_prefix(onnx.load_from_string(graph), prefix=f"{prefix}{place}_")
        nodes.append(helper.make_node("Identity", [features], [model.graph.input[0].name]))
        nodes.extend(model.graph.node)
        initializers.extend(model.graph.initializer)
        answers.append(model.graph.output[-1].name)
    return Joined(nodes, initializers, answers)
