"""``embedding``: numbers of a network that was trained elsewhere; EfficientNet-Lite2 or a file of your own.

Belongs here: what all such sets share, and the one of the installed package. Does not belong here: a file of one's
own (``ownfile``), building the graph (``efficientnet``), opening and running it (``network``).

The weights of the package are converted once and the graph kept under the cache folder that was given. A bundle
carries the graph as ``embedding.onnx``, so serving needs neither the package nor anybody's file.

Pictures are decoded at 512 pixels and then resized to the square, in training and in serving alike: at the side of
the square itself a long picture would lose detail to one resize and be enlarged by the next, and 512 costs nothing
where a JPEG is drafted.
"""

from __future__ import annotations

import hashlib
import threading
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data.picture import DECODE_VERSION
from artpulse_core.errors import BundleError, ProblemError
from artpulse_core.exchange.files import write_whole
from artpulse_core.features import efficientnet
from artpulse_core.features.base import MAX_WATCHED, FeatureSet
from artpulse_core.features.core5 import Core5
from artpulse_core.features.network import Input, Network, judged, shared

NAME = "embedding"
GRAPH, LICENCE = "embedding.onnx", "LICENSE.embedding.txt"
PACKAGED = Input(size=260, mean=(127.0,) * 3, std=(128.0,) * 3, scale=1.0)


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
        """This set where it has few numbers, else ``core5``: thousands a picture are too many to log and to watch."""
        return self if len(self.names) <= MAX_WATCHED else Core5()

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

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Name → bytes of the files that must lie in a bundle."""

    @abstractmethod
    def _opened(self) -> Network: ...

    def parameters(self) -> dict[str, Any]:
        """Digest of the weights and how pixels enter. Names are left out: they follow from the graph."""
        form = {**vars(self.form), "mean": list(self.form.mean), "std": list(self.form.std)}
        return {"weights": self.weights(), "form": form, "side": self.side, "decode": DECODE_VERSION}

    @abstractmethod
    def weights(self) -> str:
        """What pins the graph."""


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

    @property
    def origin(self) -> str:
        """Network, training data, package and licence."""
        return (
            f"The numbers are those of EfficientNet-Lite2, trained on {efficientnet.TRAINED_ON} (photographs of things), "
            f"from the package {efficientnet.PACKAGE} under the Apache License 2.0; see {LICENCE}."
        )

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
        place = self._converted() if self.bundle is None else self.bundle / GRAPH
        if isinstance(place, bytes):
            return shared(place, hashlib.sha256(place).hexdigest(), self.form)
        try:
            network = shared(place, judged(place), self.form)
            if network.width != len(self.names):
                raise ProblemError(f"it gives {network.width} numbers, not {len(self.names)}.")
            return network
        except ProblemError as error:
            if self.bundle is not None:
                raise BundleError(f"{GRAPH} cannot be used: {error.message}") from error
            raise ProblemError(f"{place} cannot be used, delete it and try again: {error.message}") from error

    def _converted(self) -> Path | bytes:
        """The graph in the cache folder, made there if need be (0.7 s); without a folder, the graph itself."""
        if self.cache is None:
            return efficientnet.graph()
        place = self.cache / f"{NAME}-{efficientnet.SHA256[:16]}-{efficientnet.CONVERTER}.onnx"
        if not place.is_file():
            write_whole(place, efficientnet.graph())  # whole: whoever comes at the same time writes the same
        return place


def _names() -> tuple[str, ...]:
    places = ["stem", *(f"group{number}" for number in range(1, len(efficientnet.TAPS)))]
    names = [
        f"{place}_{kind}_{channel:03d}"
        for place, width in zip(places, efficientnet.TAPS, strict=True)
        for kind in ("mean", "std")
        for channel in range(width)
    ]
    return (*names, *(f"pooled_{channel:04d}" for channel in range(efficientnet.POOLED)))
