"""Reading the weights in a PyTorch file of the legacy format (before 1.6) without PyTorch and without running code.

Belongs here: the restricted unpickler and the storages behind it. Does not belong here: what the tensors mean
(``artpulse_core.features.efficientnet``). Format: ``torch/serialization.py``, ``_legacy_load``: five pickles
(magic number, protocol, machine, the state dict, the keys of its storages), then every storage as a count and raw
little-endian numbers.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from artpulse_core.errors import DataError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
MAX_NUMBERS = 100_000_000  # in one file: 400 MB of float32, ten times the largest that is read here
_STORAGES: dict[str, np.dtype[Any]] = {
    "DoubleStorage": np.dtype("<f8"), "FloatStorage": np.dtype("<f4"), "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"), "IntStorage": np.dtype("<i4"), "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("<i1"), "ByteStorage": np.dtype("<u1"), "BoolStorage": np.dtype("?"),
}  # fmt: skip


class _Storage:
    """One storage: what the pickle says of it, and its numbers once they were read."""

    def __init__(self, kind: np.dtype[Any], count: int) -> None:
        self.kind = kind
        self.count = count
        self.numbers: np.ndarray | None = None


class _Tensor:
    """A view into a storage, taken when every storage was read."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def array(self) -> np.ndarray:
        numbers = self.storage.numbers
        whole = (self.offset, *self.shape, *self.stride)
        if numbers is None or len(self.shape) != len(self.stride) or any(step < 0 for step in whole):
            raise ValueError("a tensor without numbers")
        if 0 in self.shape:
            return np.empty(self.shape, dtype=self.storage.kind)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if last >= len(numbers):
            raise ValueError("a tensor that reaches past its storage")
        steps = tuple(step * numbers.itemsize for step in self.stride)
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)
        return np.ascontiguousarray(view).reshape(self.shape)


class _Unpickler(pickle.Unpickler):
    """Knows ordered dicts, storages and rebuilt tensors; every other name is refused, so nothing can run."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state dict")

    def persistent_load(self, pid: Any) -> Any:
        word, kind, key, _device, count, view = pid
        if word != "storage" or kind not in _STORAGES or not isinstance(count, int) or view is not None:
            raise pickle.UnpicklingError("an entry that is no storage")
        return self.storages.setdefault(str(key), _Storage(_STORAGES[kind], count))


def _rebuild(storage: Any, offset: Any, shape: Any, stride: Any, *_rest: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def read(data: bytes) -> Mapping[str, np.ndarray]:
    """Name → array of every tensor in the file. Raises ``DataError`` for anything that is not such a file."""
    try:
        return _read(data)
    except (
        pickle.UnpicklingError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        AttributeError,
    ) as error:
        raise DataError(f"The file of weights cannot be read: {error}.") from error


def _read(data: bytes) -> dict[str, np.ndarray]:
    file = io.BytesIO(data)
    if _Unpickler(file).load() != MAGIC or _Unpickler(file).load() != PROTOCOL:
        raise ValueError("it is not of the legacy PyTorch format")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("it was written on a big-endian machine")
    unpickler = _Unpickler(file)
    state = unpickler.load()
    keys = _Unpickler(file).load()
    if sum(max(0, storage.count) for storage in unpickler.storages.values()) > MAX_NUMBERS:
        raise ValueError(f"it holds more than {MAX_NUMBERS} numbers")
    for key in keys:
        storage = unpickler.storages[str(key)]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.count:
            raise ValueError(f"storage {key} has another length than its tensors say")
        raw = file.read(count * storage.kind.itemsize)
        storage.numbers = np.frombuffer(raw, dtype=storage.kind, count=count)
    if not isinstance(state, OrderedDict):
        raise TypeError("it holds no state dict")
    return {str(name): item.array() for name, item in state.items() if isinstance(item, _Tensor)}
