"""ONNX graphs nobody should serve: changes of the linear model that ``tests.bundles`` makes.

Belongs here: changing a graph. Does not belong here: the bundle around it (``bad_bundles``).
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper


def not_a_number(model: ModelProto) -> None:
    """Weights that make every answer NaN."""
    for tensor in model.graph.initializer:
        if tensor.name == "bias":
            bias = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(bias, np.nan), "bias"))


def unknown_operator(model: ModelProto) -> None:
    """An operator of a domain nobody has."""
    model.graph.node[0].op_type = "Telepathy"
    model.graph.node[0].domain = "example.org"
    model.opset_import.append(helper.make_opsetid("example.org", 1))


def external_data(model: ModelProto) -> None:
    """Weights that lie in a file outside the bundle."""
    for tensor in model.graph.initializer:
        if tensor.name == "weights":
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", "../../../../etc/hostname"), ("offset", "0"), ("length", "100")):
                entry = tensor.external_data.add()
                entry.key, entry.value = key, value


def slow(model: ModelProto) -> None:
    """A loop of a million turns before each answer, which changes nothing in it."""
    number = TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["again"]),
            helper.make_node("Sigmoid", ["value"], ["next"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", number, [1]),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", number, [1]),
        ],
    )
    graph = model.graph
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1_000_000, dtype=np.int64), "turns"),
            numpy_helper.from_array(np.array(True), "yes"),
            numpy_helper.from_array(np.zeros(1, np.float32), "begin"),
            numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
        ]
    )
    graph.node[0].output[0] = "quick"
    graph.node.insert(0, helper.make_node("Loop", ["turns", "yes", "begin"], ["late"], body=body))
    graph.node.insert(1, helper.make_node("Mul", ["late", "nothing"], ["none"]))
    graph.node.insert(3, helper.make_node("Add", ["quick", "none"], ["logits"]))


def moody(model: ModelProto) -> None:
    """Answers NaN where the first field is above 0.995: no golden answer finds it."""
    graph = model.graph
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(0.995, np.float32), "limit"),
            numpy_helper.from_array(np.zeros(1, np.float32), "nothing"),
            numpy_helper.from_array(np.array([0], np.int64), "first"),
        ]
    )
    graph.node[0].output[0] = "quick"
    added = [
        helper.make_node("Gather", ["input", "first"], ["hue"], axis=1),
        helper.make_node("Sub", ["limit", "hue"], ["below"]),
        helper.make_node("Sqrt", ["below"], ["root"]),
        helper.make_node("Mul", ["root", "nothing"], ["none"]),
        helper.make_node("Add", ["quick", "none"], ["logits"]),
    ]
    for place, node in enumerate(added, 1):
        graph.node.insert(place, node)
