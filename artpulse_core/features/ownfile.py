"""``embedding:<file.onnx>?…``: numbers of a network that the user brings as a file.

Belongs here: reading that name, and the set. Does not belong here: what is asked of the file (``network``). Nothing
is downloaded; ``embedding:/models/mine.onnx?input=224&mean=0.485,0.456,0.406&std=0.229,0.224,0.225`` takes the file
that lies there, and in serving the copy in the bundle.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from artpulse_core.errors import ArtPulseError, BundleError, ProblemError
from artpulse_core.features.embedding import GRAPH, NAME, Embedding
from artpulse_core.features.network import Input, Network, judged, shared

_KEYS = ("input", "mean", "std", "scale", "layout", "output")


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

    @property
    def origin(self) -> str:
        """Name and digest of the file."""
        return (
            f"The numbers are those of the network in {self.name.partition('?')[0].rpartition('/')[2]} (sha256 "
            f"{self._digest}); what it was trained on and under which licence it may be used is its owner's to say."
        )

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
        digest = self._digest
        try:
            return shared(self.path, digest, self.form, self.output)
        except ProblemError as error:
            raise self._failure(f"{self.path} cannot be used: {error.message}") from error


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
