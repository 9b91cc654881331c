"""Weights are read from a PyTorch file without PyTorch, and nothing in the file can run."""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from artpulse_core.errors import DataError
from artpulse_core.features import torchfile

GRID = np.arange(12, dtype=np.float32)


class Storage:
    """Stands for a storage when a test file is written."""

    def __init__(self, key: str, numbers: np.ndarray) -> None:
        self.key, self.numbers = key, numbers


class View:
    """Stands for a tensor: pickled as PyTorch does, by a call of ``_rebuild_tensor_v2``."""

    def __init__(
        self, storage: Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        self.arguments = (storage, offset, shape, stride, False, OrderedDict())

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules with PyTorch's names, so that a test file names what a real one does."""
    root, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    monkeypatch.setattr(
        root, "FloatStorage", type("FloatStorage", (), {"__module__": "torch"}), raising=False
    )

    def _rebuild_tensor_v2() -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    monkeypatch.setattr(utils, "_rebuild_tensor_v2", _rebuild_tensor_v2, raising=False)
    monkeypatch.setitem(sys.modules, "torch", root)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def written(
    state: Any, *, count: int | None = None, magic: int = torchfile.MAGIC, little: bool = True
) -> bytes:
    """A file of the legacy format."""
    storages: dict[str, Storage] = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            if not isinstance(item, Storage):
                return None
            storages[item.key] = item
            kind = sys.modules["torch"].FloatStorage
            return ("storage", kind, item.key, "cpu", len(item.numbers) if count is None else count, None)

    out = io.BytesIO()
    for head in (magic, torchfile.PROTOCOL, {"little_endian": little}):
        pickle.dump(head, out, protocol=2)
    Pickler(out, protocol=2).dump(state)
    pickle.dump(sorted(storages), out, protocol=2)
    for key in sorted(storages):
        numbers = storages[key].numbers
        out.write(len(numbers).to_bytes(8, "little") + numbers.tobytes())
    return out.getvalue()


def test_tensors_are_read_with_their_offset_shape_and_stride() -> None:
    grid = Storage("1", GRID)
    state = OrderedDict(
        plain=View(grid, 0, (3, 4), (4, 1)),
        turned=View(grid, 0, (4, 3), (1, 4)),
        tail=View(grid, 10, (2,), (1,)),
        single=View(grid, 7, (), ()),
        empty=View(grid, 0, (0, 4), (4, 1)),
    )
    found = torchfile.read(written(state))
    np.testing.assert_array_equal(found["plain"], GRID.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], GRID.reshape(3, 4).T)
    np.testing.assert_array_equal(found["tail"], [10, 11])
    assert found["single"] == 7
    assert found["empty"].shape == (0, 4)


class Runs:
    """Would run a command when it is read."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/should-never-be-there",)


@pytest.mark.parametrize("state", [OrderedDict(evil=Runs()), Runs(), OrderedDict(evil=pickle.Pickler)])
def test_a_name_that_is_no_part_of_a_state_dict_is_refused_and_not_called(state: Any) -> None:
    with pytest.raises(DataError, match="is no part of a state dict"):
        torchfile.read(written(state))


@pytest.mark.parametrize(
    "view", [(11, (2,), (1,)), (0, (3, 5), (4, 1)), (-1, (2,), (1,)), (0, (2, 2), (1,)), (0, (2,), (-1,))]
)
def test_a_tensor_that_reaches_outside_its_numbers_is_refused(view: tuple[Any, ...]) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        torchfile.read(written(OrderedDict(x=View(Storage("1", GRID), *view))))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"magic": 7}, "legacy"),
        ({"little": False}, "big-endian"),
        ({"count": 11}, "another length"),
        ({"count": 10**12}, "more than"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_it_is(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        torchfile.read(written(OrderedDict(x=View(Storage("1", GRID), 0, (3, 4), (4, 1))), **options))


@pytest.mark.parametrize("kept", [0, 5, 40, -60, -1])
def test_a_file_that_ends_early_is_refused(kept: int) -> None:
    whole = written(OrderedDict(x=View(Storage("1", GRID), 0, (3, 4), (4, 1))))
    with pytest.raises(DataError, match="cannot be read"):
        torchfile.read(whole[:kept])


def test_something_else_than_a_state_dict_is_refused() -> None:
    with pytest.raises(DataError, match="no state dict"):
        torchfile.read(written([1, 2, 3]))
