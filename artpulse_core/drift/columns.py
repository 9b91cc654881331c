"""Reading a table whatever it is made of: names to plain columns, and which rows are the same event.

Belongs here: DataFrames (told by their methods, pandas is not imported) and mappings become float or text
columns; odd values become missing ones, nothing raises. Does not belong here: any statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Table = Mapping[str, NDArray[Any]]
NUMBER, CATEGORY, ANSWER = "number", "category", "answer"
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


def read_table(data: Any) -> dict[str, NDArray[Any]]:
    """Columns by name, sorted by name, one-dimensional and of one length.

    ``data`` is a mapping name → values, or anything with ``.columns`` and ``[name].to_numpy()``. A short
    column is filled with missing values.
    """
    if isinstance(data, Mapping):
        raw = {str(name): np.asarray(values) for name, values in data.items()}
    else:
        raw = {str(name): np.asarray(data[name].to_numpy()) for name in data.columns}
    flat = {name: _flat(values) for name, values in raw.items()}
    longest = max((len(values) for values in flat.values()), default=0)
    return {name: _fill(flat[name], longest) for name in sorted(flat)}


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """One value a row: of wider arrays the first column."""
    if values.ndim == 1:
        return values
    rows = len(values) if values.ndim else 1
    return values.reshape(rows, -1)[:, 0] if values.size else values.reshape(-1)


def _fill(values: NDArray[Any], length: int) -> NDArray[Any]:
    if len(values) == length:
        return values
    return np.concatenate([values.astype(object), np.full(length - len(values), None, dtype=object)])


def kind_of(values: NDArray[Any]) -> str:
    """``number`` for numbers and times, ``category`` for text, booleans and mixtures."""
    if values.dtype.kind in "iufmM":
        return NUMBER
    if values.dtype.kind != "O":
        return CATEGORY
    present = [value for value in values.tolist() if not is_missing(value)]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)
    return NUMBER if numeric else CATEGORY


def is_missing(value: Any) -> bool:
    """None, NaN, pandas' NA and NaT."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def to_numbers(values: NDArray[Any]) -> Floats:
    """(n,) float64; what is no number is NaN."""
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    if values.dtype.kind in "mM":
        return np.where(np.isnat(values), np.nan, values.astype(np.int64).astype(np.float64))
    return np.asarray([_number(value) for value in values.tolist()], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def to_levels(values: NDArray[Any]) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Text of each value and which ones are missing; 1, 1.0 and True of one column compare as text."""
    if values.dtype.kind == "U":
        return values, np.zeros(len(values), dtype=bool)
    items = values.tolist()
    gone = np.fromiter((is_missing(item) for item in items), dtype=bool, count=len(items))
    text = ["" if out else _text(item) for item, out in zip(items, gone, strict=True)]
    return np.asarray(text, dtype=np.str_).reshape(len(items)), gone


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def row_hashes(numbers: Floats, levels: list[NDArray[np.str_]], n: int) -> NDArray[np.uint64]:
    """(n,) hashes, equal for equal rows of ``numbers`` (features × n) and ``levels``.

    Levels are numbered within the table, so hashes compare rows of one table only.
    """
    mixed = np.full(n, _MIX[0], dtype=np.uint64)
    clean = np.where(np.isnan(numbers), np.nan, numbers + 0.0).view(np.uint64)
    codes = [np.unique(column, return_inverse=True)[1].astype(np.uint64) for column in levels]
    for column in (*clean, *codes):
        mixed ^= column
        mixed *= _MIX[1]
        mixed ^= mixed >> np.uint64(29)
    return mixed


def first_of_each(keys: NDArray[Any]) -> NDArray[np.int64]:
    """Places of the first row of each key, in row order."""
    return np.sort(np.unique(keys, return_index=True)[1])
