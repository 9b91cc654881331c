"""A table as its file states it: names, and columns of text.

Belongs here: cutting a CSV into rows safely and the limits of a table. Does not belong here: bytes and encodings
(``dialect``), what a cell means (``cells``), which rows can be learned from (``table_rows``).

Columns are numpy's variable-width strings: 16 bytes a cell, short ones inline. A million rows of nine columns (72 MiB)
take 0.35 GiB at the peak, where Python text would take a gigabyte.
"""

from __future__ import annotations

import csv
import difflib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.dtypes import StringDType

from artpulse_core.data import dialect
from artpulse_core.data.cells import is_number
from artpulse_core.data.dialect import SEPARATORS, shorten
from artpulse_core.data.problem import TableFile, repeated
from artpulse_core.errors import DataError

MAX_ROWS = 5_000_000
MAX_COLUMNS = 1_000
MAX_CELLS = 50_000_000
MAX_NAME = 100
_CHUNK = 300_000  # cells held as Python text at a time
_TEXT = StringDType()


@dataclass(frozen=True)
class Table:
    """``columns`` are (n,) arrays of text in the order of ``names``; ``lines`` (n,) the line each row begins at."""

    names: tuple[str, ...]
    columns: tuple[np.ndarray, ...]
    lines: np.ndarray
    separator: str
    header: bool = True

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> np.ndarray:
        """One column; raises ``DataError`` with the name that was probably meant."""
        if name not in self.names:
            raise DataError(f"There is no column {name!r}{suggestion(name, self.names)}")
        return self.columns[self.names.index(name)]


@dataclass(frozen=True)
class Raw:
    """The table of a problem's ``source``, from ``path``, before any cell was judged."""

    path: Path
    table: Table
    source: TableFile = field(repr=False)


def read(source: TableFile, path: Path) -> Raw:
    """The table at ``path`` as ``source`` describes it; raises ``DataError`` with one sentence."""
    table = read_table(path, columns=source.columns, separator=source.separator)
    for ratio in source.ratios:
        if ratio.name in table.names:
            raise DataError(
                f"The ratio {ratio.name!r} is called like a column of {path.name}; give it another name in [source]."
            )
    return Raw(path, table, source)


def read_table(path: Path, *, columns: Sequence[str] = (), separator: str = "") -> Table:
    """Read a CSV, plain or gzip; the separator is found out unless it is stated.

    ``columns`` names the columns of a file without a header; a first line that repeats them is passed over.
    Raises ``DataError`` naming file and line for anything that cannot be read as one table of text.
    """
    dialect.judge(path)
    with dialect.text(path) as reader:
        sample = reader.read(dialect.SAMPLE)
        separator, skipped = dialect.find_separator(path, sample, separator)
        reader.seek(0)
        for _ in range(skipped):
            reader.readline()
        records = _records(path, csv.reader(reader, delimiter=separator, strict=True), skipped)
        names, rest = _header(path, records, columns)
        width = len(names)
        chunks, lines = _chunks(path, rest, width, separator)
    if not lines:
        raise DataError(f"{path.name} has names but no row below them.")
    whole = []
    for place in range(width):
        whole.append(np.concatenate([chunk[place] for chunk in chunks]))
        for chunk in chunks:
            chunk[place] = whole[-1][:0]  # a column at a time, or all would be in memory twice
    return _trimmed(Table(names, tuple(whole), np.array(lines, dtype=np.int64), separator, not columns))


def read_names(path: Path, *, separator: str = "") -> tuple[str, ...]:
    """The cells of the first line, names or not; raises ``DataError`` for what is no table."""
    dialect.judge(path)
    with dialect.text(path) as reader:
        separator, skipped = dialect.find_separator(path, reader.read(dialect.SAMPLE), separator)
        reader.seek(0)
        for _ in range(skipped):
            reader.readline()
        first = next(_records(path, csv.reader(reader, delimiter=separator, strict=True), skipped), (0, []))
        return tuple(cell.strip() for cell in first[1])


def suggestion(name: str, names: Sequence[str]) -> str:
    """The end of a sentence about a name that is not there: what was probably meant, or what there is."""
    lower = {known.lower(): known for known in names}
    near = [lower[name.lower()]] if name.lower() in lower else difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = ", ".join(repr(known) for known in names[:12])
    return f"; there are {shown}{' …' if len(names) > 12 else ''}."


def _records(path: Path, reader: Iterator[list[str]], skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank with the line it begins at."""
    begins = skipped + 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            said = str(error)
            if "unexpected end" in said or "field larger" in said:
                said = "a quote opens and never closes"
            elif "expected after" in said:
                said = 'a quote ends before its cell does; write a quote inside quotes twice ("")'
            raise DataError(f"{path.name} line {begins}: {said}.") from None
        if row and any(row):
            yield begins, row
        begins = skipped + 1 + reader.line_num  # type: ignore[attr-defined]  # of csv.reader, which has no public type


def _header(
    path: Path, records: Iterator[tuple[int, list[str]]], columns: Sequence[str]
) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{path.name} holds nothing but empty lines.")
    cells = [cell.strip() for cell in first[1]]
    if len(cells) > MAX_COLUMNS + 1:
        raise DataError(
            f"{path.name} has {len(cells):,} columns; a table may have {MAX_COLUMNS:,}: keep those you need."
        )
    if columns:
        is_head = cells[: len(columns)] == [name.strip() for name in columns]
        return tuple(columns), records if is_head else itertools.chain([first], records)
    known = [cell for cell in cells if cell]
    if known and all(is_number(cell) for cell in known):
        raise DataError(
            f"The first line of {path.name} holds numbers ({shorten(', '.join(known))}), not the names of its "
            "columns: add a line of names, or state them (columns in [source], or --columns)."
        )
    return _names(path, cells), records


def _names(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    names = [cell or f"Unnamed: {place}" for place, cell in enumerate(cells)]  # as pandas calls them
    if (twice := repeated(names)) is not None:
        places = " and ".join(str(place + 1) for place, name in enumerate(names) if name == twice)
        raise DataError(f"{path.name} has two columns called {twice!r} ({places}); rename or remove one.")
    for name in names:
        if len(name) > MAX_NAME or not name.isprintable():
            raise DataError(
                f"{path.name}: the column name {shorten(name)!r} is longer than {MAX_NAME} characters or holds a line "
                "break or control character; rename it."
            )
    return tuple(names)


def _chunks(
    path: Path, records: Iterator[tuple[int, list[str]]], width: int, separator: str
) -> tuple[list[list[np.ndarray]], list[int]]:
    chunks: list[list[np.ndarray]] = []
    lines: list[int] = []
    most = min(MAX_ROWS, MAX_CELLS // width)
    while taken := list(itertools.islice(records, max(1, _CHUNK // width))):
        rows = [_even(path, line, row, width, separator) for line, row in taken]
        lines += [line for line, _ in taken]
        if len(lines) > most:
            raise DataError(
                f"{path.name} has more than {most:,} rows of {width} columns; keep a sample of them."
            )
        chunks.append([np.array(cells, dtype=_TEXT) for cells in zip(*rows, strict=True)])
    return chunks, lines


def _even(path: Path, line: int, row: list[str], width: int, separator: str) -> list[str]:
    if len(row) == width:
        return row
    if len(row) == width + 1 and not row[-1]:  # a separator at the end of the row
        return row[:-1]
    raise DataError(
        f"{path.name} line {line} has {len(row)} cells instead of {width} (separator: {SEPARATORS[separator]}); put "
        "text that holds a separator or a line break into quotes."
    )


def _trimmed(table: Table) -> Table:
    """Without a last column that is all empty and has no name: a separator at the end of every line."""
    last = len(table.names) - 1
    if last and table.names[-1] == f"Unnamed: {last}" and not np.strings.str_len(table.columns[-1]).any():
        return Table(table.names[:-1], table.columns[:-1], table.lines, table.separator, table.header)
    return table
