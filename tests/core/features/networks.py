"""Tiny networks as ONNX bytes, made by hand: what a test opens instead of twenty megabytes of weights."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto, helper

NCHW = ("n", 3, "h", "w")


def means(
    shape: tuple[Any, ...] = NCHW, *, axes: tuple[int, int] = (2, 3), kind: int = TensorProto.FLOAT
) -> bytes:
    """``means``: the mean of each channel, n × 3, and ``maps``: the pixels themselves."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=list(axes), keepdims=0),
        helper.make_node("Identity", ["pixels"], ["maps"]),
    ]
    return model(nodes, shape, {"means": ("n", 3), "maps": shape}, kind=kind)


def logarithm() -> bytes:
    """The logarithm of the means: infinite for a black picture."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Log", ["means"], ["numbers"]),
    ]
    return model(nodes, NCHW, {"numbers": ("n", 3)})


def model(
    nodes: list[Any],
    shape: tuple[Any, ...],
    outputs: dict[str, tuple[Any, ...]],
    *,
    kind: int = TensorProto.FLOAT,
    constants: tuple[Any, ...] = (),
) -> bytes:
    """A graph of those nodes over ``pixels``."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", kind, shape)],
        [helper.make_tensor_value_info(name, kind, what) for name, what in outputs.items()],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())
