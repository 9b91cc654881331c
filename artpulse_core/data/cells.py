"""What a cell of text means: not known, a number, a level.

Belongs here: one column of text → numbers, with what is wrong where. Does not belong here: files (``tables``),
fields and their ranges (``table_rows``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.dtypes import StringDType

GOOD, MISSING, WRONG, ENDLESS = 0, 1, 2, 3
"""The state of a cell: a finite number or a known level, not known, something else, infinite or NaN."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ENDLESS = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)


def is_number(text: str, decimal: str = ".") -> bool:
    """Whether ``text`` is a finite decimal number; ``1_000``, ``0x10`` and ``nan`` are none."""
    return _float(text, decimal) is not None


def non_numbers(texts: Collection[str], decimal: str = ".") -> list[str]:
    """Those of ``texts`` that are no finite decimal number, in their order."""
    if decimal == "." and texts and _all_floats(np.array(list(texts), dtype=StringDType())) is not None:
        return []
    return [text for text in texts if not is_number(text, decimal)]


def stripped(column: np.ndarray) -> list[str]:
    """The cells without the space around them."""
    found: list[str] = np.strings.strip(column).tolist()
    return found


def numbers(
    column: np.ndarray, missing: Collection[str] = (), decimal: str = "."
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float64, NaN where there is no finite number, and (n,) uint8 states."""
    unknown = {"", *(text.strip() for text in missing)}
    if decimal == "." and not any(map(is_number, unknown)):
        quick = _all_floats(column)
        if quick is not None:
            return quick, np.zeros(len(column), dtype=np.uint8)
    cells = stripped(column)
    states = np.fromiter(
        (cell in unknown for cell in cells), dtype=np.uint8, count=len(cells)
    )  # 1 is MISSING
    stated = cells if not states.any() else [cell for cell in cells if cell not in unknown]
    values = np.full(len(cells), np.nan)
    quick = _all_floats(np.array(stated, dtype=column.dtype)) if decimal == "." else None
    if quick is not None:
        values[states == GOOD] = quick
        return values, states
    seen: dict[str, tuple[float, int]] = {}
    for place, cell in zip(np.flatnonzero(states == GOOD).tolist(), stated, strict=True):
        known = seen.get(cell)
        if known is None:
            known = seen[cell] = _judged(cell, decimal)
        values[place], states[place] = known
    return values, states


def _all_floats(column: np.ndarray) -> np.ndarray | None:
    """The cells as numbers when each is one: ten times faster than looking at each."""
    try:
        found = column.astype(np.float64)
    except ValueError:
        return None
    # the conversion also takes 1_000, nan and 1e999
    return found if np.isfinite(found).all() and not np.strings.count(column, "_").any() else None


def _judged(cell: str, decimal: str) -> tuple[float, int]:
    number = _float(cell, decimal)
    if number is not None:
        return number, GOOD
    return np.nan, ENDLESS if _ENDLESS.fullmatch(cell) or _plain(cell, decimal) else WRONG


def _plain(text: str, decimal: str) -> str:
    """``text`` with a decimal point if it is a decimal number of any size, else nothing."""
    if decimal == ",":
        if "." in text:
            return ""
        text = text.replace(",", ".")
    return text if _NUMBER.fullmatch(text) else ""


def _float(text: str, decimal: str) -> float | None:
    plain = _plain(text, decimal)
    number = float(plain) if plain else np.inf
    return number if np.isfinite(number) else None


def plain_numbers(column: np.ndarray) -> np.ndarray | None:
    """(n,) float64 with NaN for empty cells when every other cell is a number with a decimal point, else None."""
    empty = np.strings.str_len(np.strings.strip(column)) == 0
    found = _all_floats(column[~empty]) if not empty.all() else None
    if found is None:
        return None
    values = np.full(len(column), np.nan)
    values[~empty] = found
    return values


def places(
    column: np.ndarray, known: Mapping[str, int], missing: Collection[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float64 index of each cell by ``known`` (canonical text → index), NaN where there is none; and states."""
    unknown = {"", *(text.strip() for text in missing)}
    seen: dict[str, tuple[float, int]] = {}
    values = np.full(len(column), np.nan)
    states = np.zeros(len(column), dtype=np.uint8)
    for place, cell in enumerate(stripped(column)):
        found = seen.get(cell)
        if found is None:
            index = known.get(cell, known.get(canonical(cell)))
            if index is not None:
                found = (float(index), GOOD)
            else:
                found = (np.nan, MISSING if cell in unknown else WRONG)
            seen[cell] = found
        values[place], states[place] = found
    return values, states


def canonical(value: Any) -> str:
    """The text by which a level is known in files: ``4``, ``4.0`` and ``"4"`` are all ``4``."""
    text = str(value).strip()
    number = _float(text, ".")
    return str(int(number)) if number is not None and number.is_integer() and abs(number) < 2**53 else text
