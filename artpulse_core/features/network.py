"""A network that turns pixels into numbers: one ONNX file, judged when it is opened, one session a process.

Belongs here: what the pixels look like at its input, opening and probing a graph, running it. Does not belong here:
where the file comes from or what its numbers are called (``artpulse_core.features.embedding``).
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from artpulse_core.errors import ProblemError

# The entry "location" of a tensor's external data, as protobuf writes it (onnx.proto: StringStringEntryProto).
EXTERNAL_DATA = b"\n\x08location\x12"
MAX_BYTES = 256 * 1024 * 1024  # what a bundle may carry in one file
MAX_WIDTH = 16_384
_LARGEST = 1e6
_open: weakref.WeakValueDictionary[tuple[str, Input, str], Network] = weakref.WeakValueDictionary()
_opening = threading.Lock()


@dataclass(frozen=True)
class Input:
    """How pixels enter: a square of ``size``, ``(x / scale - mean) / std`` for each of R, G, B, ``nchw`` or ``nhwc``."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float = 255.0
    layout: str = "nchw"

    def tensor(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 pixels as the float32 batch of one: the whole picture, resized (bicubic) to the square."""
        picture = Image.fromarray(pixels).resize((self.size, self.size), Resampling.BICUBIC)
        gain = 1 / (self.scale * np.array(self.std))
        shift = np.array(self.mean) / np.array(self.std)
        # the affine step is float32 throughout, so that every caller gets the same bits
        values = np.asarray(picture, dtype=np.float32) * gain.astype(np.float32) - shift.astype(np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1) if self.layout == "nchw" else values)[None]


class Network:
    """An opened graph: ``width`` numbers for each picture. Safe to use from many threads, one picture at a time."""

    def __init__(self, graph: bytes | Path, form: Input, output: str = "") -> None:
        """Open and probe ``graph``; ``output`` names the output to take, else the first. Raises ``ProblemError``."""
        self.form = form
        self._running = threading.Lock()
        self._session = _session(graph)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
            found = ", ".join(f"{item.name} {item.type} {item.shape}" for item in inputs)
            raise ProblemError(
                f"it must have one input of float32 pixels in four dimensions, and has {found}."
            )
        names = [item.name for item in outputs]
        if output and output not in names:
            raise ProblemError(f"it has no output {output!r}; it has {', '.join(names)}.")
        self._input, self._output = inputs[0].name, output or names[0]
        self._judge_size(inputs[0].shape)
        self.width = self._probe()

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Numbers of (h, w, 3) uint8 pixels, float64 (width,); one that is no number becomes 0."""
        answer = np.asarray(self._run(self.form.tensor(pixels)), dtype=np.float64).reshape(-1)
        return np.nan_to_num(answer, posinf=_LARGEST, neginf=-_LARGEST)

    def _judge_size(self, shape: list[Any]) -> None:
        size, form = self.form.size, self.form
        wanted = (3, size, size) if form.layout == "nchw" else (size, size, 3)
        if any(
            isinstance(have, int) and have not in (want, 0)
            for have, want in zip(shape[1:], wanted, strict=True)
        ):
            raise ProblemError(
                f"its input is {shape}, and input={size}&layout={form.layout} would give it {[1, *wanted]}."
            )

    def _probe(self) -> int:
        """Width of the answer to three pictures; each must be one row of finite numbers."""
        size = self.form.size
        noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
        answers = [self._run(self.form.tensor(pixels)) for pixels in (noise * 0, noise * 0 + 255, noise)]
        shapes = {answer.shape for answer in answers}
        shape = answers[0].shape
        if len(shapes) > 1 or len(shape) < 2 or shape[0] != 1 or any(side != 1 for side in shape[2:]):
            raise ProblemError(
                f"its output {self._output!r} has shape {list(shape)} for one picture, not one row of numbers."
            )
        if not 1 <= shape[1] <= MAX_WIDTH:
            raise ProblemError(f"it gives {shape[1]} numbers for a picture; 1 to {MAX_WIDTH} can be used.")
        if not all(np.isfinite(answer).all() for answer in answers):
            raise ProblemError("it gives numbers that are not finite.")
        return int(shape[1])

    def _run(self, batch: np.ndarray) -> np.ndarray:
        try:
            with self._running:  # a second picture at the same time would keep 20 MB more for ever
                return np.asarray(self._session.run([self._output], {self._input: batch})[0])
        except Exception as error:  # ONNX Runtime raises its own family without a common public base
            raise ProblemError(f"it fails on a picture: {str(error)[:200]}") from error


def shared(graph: bytes | Path, digest: str, form: Input, output: str = "") -> Network:
    """The network of that SHA-256; models of one process that carry the same file share one session.

    Open it after a fork: it takes 0.2 s and 40 MB for EfficientNet-Lite2. Raises ``ProblemError``.
    """
    key = (digest, form, output)
    with _opening:
        found = _open.get(key)
        if found is None:
            found = Network(graph, form, output)
            _open[key] = found
        return found


def judged(path: Path) -> str:
    """SHA-256 (hex) of a file that carries all its weights itself. Raises ``ProblemError`` for any other."""
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProblemError(f"it cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise ProblemError(f"it is larger than {MAX_BYTES >> 20} MiB.")
    if EXTERNAL_DATA in data:
        raise ProblemError("it keeps weights in another file; save it with the weights inside.")
    return hashlib.sha256(data).hexdigest()


def _session(graph: bytes | Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Kept memory after pictures of 260 px, measured with version 1.31: 40 to 49 MB so, 61 with patterns, 135 with
    # patterns and without the arena. A path instead of bytes saves 10 MB.
    options.enable_mem_pattern = False
    where = str(graph) if isinstance(graph, Path) else graph
    try:
        session = onnxruntime.InferenceSession(
            where, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime raises its own family without a common public base
        raise ProblemError(f"it is no model that ONNX Runtime can open: {str(error)[:200]}") from error
    _give_back()
    return session


def _give_back() -> None:
    """Return what opening a graph left free to the system: 32 MB of 71. Nothing on other C libraries than glibc."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
