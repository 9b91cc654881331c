"""A user's CSV as it was looked at: what is missing in it, which columns are plainly numbers.

Belongs here: what a person said about it, and what is found out about all of its columns together. Does not belong
here: what one column is (``inference``), which columns become fields (``adding_table``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from artpulse_core.data import cells
from artpulse_core.data.inference import markers
from artpulse_core.data.tables import Table
from artpulse_core.errors import DataError


@dataclass(frozen=True)
class Wishes:
    """What a person said about a CSV; all but the target may be left out."""

    target: str = ""
    id: str = ""
    group: str = ""
    task: str = ""
    exclude: Sequence[str] = ()
    missing: Sequence[str] = ()
    columns: Sequence[str] = ()
    category: Sequence[str] = ()
    coding: str = ""
    separator: str = ""


@dataclass(frozen=True)
class Looked:
    """A table with what was found out about all of it."""

    path: Path
    table: Table
    decimal: str
    missing: tuple[str, ...]
    counts: dict[str, Counter[str]] = field(repr=False)
    numbers: dict[str, np.ndarray] = field(repr=False)
    """Columns that are plainly numbers; of the others, and of target and id, ``counts`` says how often each cell is."""


def look(path: Path, table: Table, wishes: Wishes) -> Looked:
    """Look at every column; raises ``DataError`` where fractions are written in two ways."""
    numbers: dict[str, np.ndarray] = {}
    counts: dict[str, Counter[str]] = {}
    for name, column in zip(table.names, table.columns, strict=True):
        plain = cells.plain_numbers(column)
        if plain is not None:
            numbers[name] = plain
        if plain is None or name in (wishes.target, wishes.id, *wishes.category):
            counts[name] = Counter(cells.stripped(column))
    decimal = _decimal(path, table, counts, numbers, wishes)
    missing = tuple(
        sorted({*markers(list(counts.values()), decimal), *(text.strip() for text in wishes.missing)})
    )
    if decimal == "," or any(map(cells.is_number, missing)):  # plain numbers may mean something else then
        for name in [name for name in numbers if name not in counts]:
            counts[name] = Counter(cells.stripped(table.column(name)))
        numbers = {}
    return Looked(path, table, decimal, missing, counts, numbers)


def _decimal(
    path: Path, table: Table, counts: dict[str, Counter[str]], numbers: dict[str, np.ndarray], wishes: Wishes
) -> str:
    """A comma where the file writes its fractions so. Raises ``DataError`` where both ways occur in numbers."""
    if table.separator == ",":
        return "."
    left = (wishes.id, wishes.group, *wishes.exclude)
    point = [name for name in numbers if name not in left and np.strings.count(table.column(name), ".").any()]
    comma: list[str] = []
    for name, column in counts.items():
        known = [cell for cell in column if cell]
        if name in left or name in numbers:
            continue
        if any("." in cell for cell in known) and _all_numbers(known, "."):
            point.append(name)
        if any("," in cell for cell in known) and _all_numbers(known, ","):
            comma.append(name)
    if point and comma:
        raise DataError(
            f"{path.name} writes fractions with a point in {point[0]!r} and with a comma in {comma[0]!r}; write all "
            "of them one way."
        )
    return "," if comma else "."


def _all_numbers(known: Sequence[str], decimal: str) -> bool:
    good = sum(1 for cell in known if cells.is_number(cell, decimal))
    return good >= 0.9 * len(known)


def counts_rows(name: str, column: np.ndarray) -> bool:
    """Whether a first column is an index: 0, 1, 2 … or 1, 2, 3 …; without a name also in any order and with gaps."""
    numbers = cells.plain_numbers(column)
    if numbers is None or len(numbers) < 3 or np.isnan(numbers).any():
        return False
    if name == "Unnamed: 0":
        return bool(np.all(numbers == np.round(numbers))) and len(np.unique(numbers)) == len(numbers)
    return numbers[0] in (0, 1) and bool(np.array_equal(numbers, np.arange(len(numbers)) + numbers[0]))


def example(found: Looked, name: str) -> str:
    """Where the first cell that is neither a number nor missing stands, when other cells are numbers."""
    known = [cell for cell in found.counts[name] if cell and cell not in found.missing]
    odd = set(cells.non_numbers(known, found.decimal))
    if not odd or len(odd) == len(known):
        return ""
    texts = cells.stripped(found.table.column(name))
    return f" in line {found.table.lines[next(row for row, cell in enumerate(texts) if cell in odd)]}"


def as_numbers(found: Looked, name: str, levels: Sequence[str]) -> np.ndarray:
    """(n,) a column as numbers, NaN where it is none: the index of a level where it has ``levels``."""
    if levels:
        known = {level: place for place, level in enumerate(levels)}
        return cells.places(found.table.column(name), known, found.missing)[0]
    if name in found.numbers:
        return found.numbers[name]
    return cells.numbers(found.table.column(name), found.missing, found.decimal)[0]
