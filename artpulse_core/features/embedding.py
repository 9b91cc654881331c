"""``embedding``: numbers of a network that was trained elsewhere; EfficientNet-Lite2 or a file of your own.

Belongs here: which graph, what its numbers are called, what must travel in a bundle. Does not belong here: building
the graph (``efficientnet``), opening and running it (``network``).

``embedding`` takes the weights of the installed package, converts them once and keeps the graph under the cache
folder it was given. ``embedding:/models/mine.onnx?input=224&mean=0.485,0.456,0.406&std=0.229,0.224,0.225`` takes that
file. A bundle carries the graph as ``embedding.onnx``, so serving needs neither the package nor the file.

Pictures are decoded at 512 pixels and then resized to the square, in training and in serving alike: at the side of
the square itself a long picture would lose detail to one resize and be enlarged by the next, and 512 costs nothing
where a JPEG is drafted.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import numpy as np

from artpulse_core.data.picture import DECODE_VERSION
from artpulse_core.errors import ArtPulseError, BundleError, ProblemError
from artpulse_core.exchange.files import write_whole
from artpulse_core.features import efficientnet
from artpulse_core.features.base import FeatureSet
from artpulse_core.features.core5 import Core5
from artpulse_core.features.network import Input, Network, judged, shared

NAME = "embedding"
GRAPH, LICENCE = "embedding.onnx", "LICENSE.embedding.txt"
PACKAGED = Input(size=260, mean=(127.0,) * 3, std=(128.0,) * 3, scale=1.0)
_KEYS = ("input", "mean", "std", "scale", "layout", "output")


class Embedding(FeatureSet):
    """What both kinds share: one network, opened at the first picture, after any fork."""

    version = 1
    side = 512
    tolerance = 2e-3

    def __init__(self, name: str, form: Input, bundle: Path | None) -> None:
        self.name = name
        self.form = form
        self.bundle = bundle
        self._lock = threading.Lock()
        self._network: Network | None = None
        if bundle is not None and not (bundle / GRAPH).is_file():
            raise BundleError(f"The bundle has no {GRAPH}, which its feature set {NAME!r} needs.")

    @property
    def watch(self) -> FeatureSet:
        """``core5``: thousands of numbers a picture are too many to log and to watch, and none has a meaning."""
        return Core5()

    def extract(self, pixels: np.ndarray) -> np.ndarray:
        """The numbers of (h, w, 3) uint8 pixels, which are resized to the square of the network."""
        network = self._network
        if network is None:
            network = self.open()
        return network(pixels)

    def open(self) -> Network:
        """The network, opened now if it was not; a server calls it to be ready before the first picture."""
        with self._lock:
            if self._network is None:
                self._network = self._opened()
            return self._network

    def files(self) -> dict[str, bytes]:
        """Name → bytes of the files that must lie in a bundle."""
        raise NotImplementedError

    def _opened(self) -> Network:
        raise NotImplementedError

    def parameters(self) -> dict[str, Any]:
        """Digest of the weights and how pixels enter. Names are left out: they follow from the graph."""
        form = {**vars(self.form), "mean": list(self.form.mean), "std": list(self.form.std)}
        return {"weights": self.weights(), "form": form, "side": self.side, "decode": DECODE_VERSION}

    def weights(self) -> str:
        """What pins the graph."""
        raise NotImplementedError


class Packaged(Embedding):
    """EfficientNet-Lite2 of the installed package, or of a bundle; 3,056 numbers in nine blocks."""

    def __init__(self, *, cache: Path | None = None, bundle: Path | None = None) -> None:
        super().__init__(NAME, PACKAGED, bundle)
        self.cache = cache
        self.names = _names()

    @property
    def blocks(self) -> tuple[int, ...]:
        """Means and deviations of each of eight layers, and the pooled vector."""
        return efficientnet.BLOCKS

    def weights(self) -> str:
        """Known without reading: the digest of the package's file, which is checked when it is converted."""
        return f"{efficientnet.SHA256}:{efficientnet.CONVERTER}"

    def files(self) -> dict[str, bytes]:
        """The graph and the licence of its weights."""
        if self.bundle is not None:
            return {name: (self.bundle / name).read_bytes() for name in (GRAPH, LICENCE)}
        place = self._converted()
        graph = place.read_bytes() if isinstance(place, Path) else place
        return {GRAPH: graph, LICENCE: efficientnet.licence_text().encode()}

    def _opened(self) -> Network:
        if self.bundle is not None:
            return _open(self.bundle / GRAPH, self.form, "", BundleError, f"{GRAPH} cannot be used")
        place = self._converted()
        if isinstance(place, Path):
            return _open(
                place, self.form, "", ProblemError, f"{place} cannot be used; delete it and try again"
            )
        return shared(place, hashlib.sha256(place).hexdigest(), self.form)

    def _converted(self) -> Path | bytes:
        """The graph in the cache folder, made there if need be (0.7 s); without a folder, the graph itself."""
        if self.cache is None:
            return efficientnet.graph()
        place = self.cache / f"{NAME}-{efficientnet.SHA256[:16]}-{efficientnet.CONVERTER}.onnx"
        if not place.is_file():
            write_whole(place, efficientnet.graph())  # whole: whoever comes at the same time writes the same
        return place


class Own(Embedding):
    """The numbers of a user's own ONNX file, or of the copy a bundle carries; the name holds all parameters."""

    def __init__(self, name: str, *, bundle: Path | None = None) -> None:
        path, form, self.output = parse(name)
        super().__init__(name, form, bundle)
        self.path = path if bundle is None else bundle / GRAPH

    @cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]  # a plain attribute elsewhere; here it opens the file
        """As many as the file answers; it is opened for it."""
        return tuple(f"embedding_{place:04d}" for place in range(self.open().width))

    @property
    def blocks(self) -> tuple[int, ...]:
        """One block: nothing is known of its parts."""
        return (len(self.names),)

    @cached_property
    def _digest(self) -> str:
        try:
            return judged(self.path)
        except ProblemError as error:
            raise self._failure(f"{self.path} cannot be used: {error.message}") from error

    @property
    def _failure(self) -> type[ArtPulseError]:
        return ProblemError if self.bundle is None else BundleError

    def weights(self) -> str:
        """SHA-256 of the file, and the output that is taken from it."""
        return f"{self._digest}:{self.output}"

    def files(self) -> dict[str, bytes]:
        """The file as it is. Its licence is the user's to name."""
        data = self.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self._digest:
            raise self._failure(f"{self.path} was changed since it was opened; train again.")
        return {GRAPH: data}

    def _opened(self) -> Network:
        return _open(self.path, self.form, self.output, self._failure, f"{self.path} cannot be used")


def parse(name: str) -> tuple[Path, Input, str]:
    """File, form of the input and output of ``embedding:<file.onnx>?…``. Raises ``ProblemError`` naming the part.

    ``input`` (224) is the side of the square, ``scale`` (255) divides the pixels, ``mean`` (0) and ``std`` (1) follow,
    each one number or three; ``layout`` is nchw or nhwc; ``output`` names the output, else the first is taken.
    Characters ``+``, ``?`` and ``%`` of a path are written %2B, %3F and %25.
    """
    place, _, query = name.removeprefix(f"{NAME}:").partition("?")
    path = Path(unquote(place))
    if not path.is_absolute() or path.suffix != ".onnx":
        raise ProblemError(
            f"{NAME}:{place} must name an ONNX file by its full path, as in {NAME}:/models/mine.onnx."
        )
    said = dict(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    unknown = [key for key in said if key not in _KEYS]
    if unknown:
        raise ProblemError(f"{NAME} has no parameter {unknown[0]!r}; it has {', '.join(_KEYS)}.")
    size = _numbers(said, "input", "224")[0]
    scale = _numbers(said, "scale", "255")[0]
    std = _numbers(said, "std", "1")
    layout = said.get("layout", "nchw")
    if size != int(size) or not 16 <= size <= 1024:
        raise ProblemError(f"{NAME}: input={said['input']} is not a whole number of pixels from 16 to 1024.")
    if layout not in ("nchw", "nhwc") or scale <= 0 or min(std) <= 0:
        raise ProblemError(f"{NAME}: layout is nchw or nhwc; scale and std are above 0.")
    return path, Input(int(size), _numbers(said, "mean", "0"), std, scale, layout), said.get("output", "")


def stamp(name: str) -> tuple[int, ...]:
    """What tells whether the file of ``embedding:<file.onnx>`` was replaced; empty when there is none."""
    try:
        found = parse(name)[0].stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ino)


def _numbers(said: dict[str, str], key: str, default: str) -> tuple[float, float, float]:
    try:
        numbers = [float(part) for part in said.get(key, default).split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or not all(abs(number) < 1e6 for number in numbers):
        raise ProblemError(f"{NAME}: {key}={said.get(key, default)} is not one number, or three with commas.")
    first, *rest = numbers
    return (first, rest[0], rest[1]) if rest else (first, first, first)


def _open(path: Path, form: Input, output: str, failure: type[ArtPulseError], what: str) -> Network:
    try:
        return shared(path, judged(path), form, output)
    except ProblemError as error:
        raise failure(f"{what}: {error.message}") from error


def _names() -> tuple[str, ...]:
    places = ["stem", *(f"group{number}" for number in range(1, len(efficientnet.TAPS)))]
    names = [
        f"{place}_{kind}_{channel:03d}"
        for place, width in zip(places, efficientnet.TAPS, strict=True)
        for kind in ("mean", "std")
        for channel in range(width)
    ]
    return (*names, *(f"pooled_{channel:04d}" for channel in range(efficientnet.POOLED)))
