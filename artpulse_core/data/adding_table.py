"""From a user's CSV to the problem file that learns from it.

Belongs here: which columns become fields and what is said about the others. Does not belong here: what one column is
(``inference``), writing the file (``adding``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data import cells
from artpulse_core.data.adding import Draft, model_name
from artpulse_core.data.dialect import SEPARATORS
from artpulse_core.data.inference import Column, infer, infer_number, markers, quoted
from artpulse_core.data.inference_target import PLENTY, Goal, infer_target
from artpulse_core.data.leaks import leak
from artpulse_core.data.tables import Table, read_table, suggestion
from artpulse_core.errors import DataError, Issue


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
    separator: str = ""


@dataclass(frozen=True)
class _File:
    """A table with what was found out about all of it."""

    path: Path
    table: Table
    decimal: str
    missing: tuple[str, ...]
    counts: dict[str, Counter[str]] = field(repr=False)
    numbers: dict[str, np.ndarray] = field(repr=False)
    """Columns that are plainly numbers; of the others, and of target and id, ``counts`` says how often each cell is."""


def from_csv(name: str, path: Path, wishes: Wishes) -> Draft:
    """Judge a CSV and draft its problem; nothing is written.

    Raises ``DataError``: what cannot be read, a column that is not there, a target that cannot be learned, and the
    columns that can be no field, each with its sentence.
    """
    table = read_table(path, columns=wishes.columns, separator=wishes.separator)
    _judge_wishes(path, table, wishes)
    found = _looked_at(path, table, wishes)
    counts, missing, decimal = found.counts, found.missing, found.decimal
    goal = infer_target(wishes.target, counts[wishes.target], missing, decimal, wishes.task)
    warnings = [*goal.warnings, *_of_id(found, wishes)]
    left, told = _left_out(found, wishes)
    columns = [_column(found, name) for name in table.names if name not in left]
    columns, leaking = _without_leaks(found, wishes, goal, columns)
    _refuse(found, [column for column in columns if column.refusal])
    if not columns:
        raise DataError(f"{path.name} has no column left to learn from beside the target {wishes.target!r}.")
    warnings += [*told, *leaking, *(column.note for column in columns if column.note)]
    fields = [dict(column.field) for column in columns if column.field]
    return Draft(
        name,
        _document(name, found, wishes, goal, fields),
        len(table),
        goal.counts,
        tuple(warnings),
        input="table",
    )


def _judge_wishes(path: Path, table: Table, wishes: Wishes) -> None:
    if not wishes.target:
        raise DataError(f"Say what is to be predicted with --target COLUMN{suggestion('', table.names)}")
    named = [("--target", wishes.target), ("--id", wishes.id), ("--group", wishes.group)]
    for option, name in [*named, *(("--exclude", name) for name in wishes.exclude)]:
        if name and name not in table.names:
            raise DataError(f"{path.name} has no column {name!r} ({option}){suggestion(name, table.names)}")
    for option, name in [*named[1:], *(("--exclude", name) for name in wishes.exclude)]:
        if name == wishes.target:
            raise DataError(f"The target {name!r} cannot be given to {option} too.")


def _looked_at(path: Path, table: Table, wishes: Wishes) -> _File:
    numbers: dict[str, np.ndarray] = {}
    counts: dict[str, Counter[str]] = {}
    for name, column in zip(table.names, table.columns, strict=True):
        plain = cells.plain_numbers(column)
        if plain is not None:
            numbers[name] = plain
        if plain is None or name in (wishes.target, wishes.id):
            counts[name] = Counter(cells.stripped(column))
    decimal = _decimal(path, table, counts, numbers, wishes)
    missing = tuple(
        sorted({*markers(list(counts.values()), decimal), *(text.strip() for text in wishes.missing)})
    )
    if decimal == "," or any(map(cells.is_number, missing)):  # plain numbers may mean something else then
        for name in [name for name in numbers if name not in counts]:
            counts[name] = Counter(cells.stripped(table.column(name)))
        numbers = {}
    return _File(path, table, decimal, missing, counts, numbers)


def _column(found: _File, name: str) -> Column:
    if name.startswith("Unnamed: "):
        sentence = f"The column {name!r} has no name: name it in the first line, or leave it out with --exclude {quoted(name)}."
        return Column(name, refusal=("no_name", sentence))
    if name not in found.numbers:
        return infer(name, found.counts[name], found.missing, found.decimal, _example(found, name))
    column = found.numbers[name]
    known = column[~np.isnan(column)]
    return infer_number(name, *np.unique(known, return_counts=True), nullable=len(known) < len(column))


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


def _left_out(found: _File, wishes: Wishes) -> tuple[set[str], list[str]]:
    """Columns that are no fields without being refused, and what is said about them."""
    table = found.table
    left = {wishes.target, wishes.id, wishes.group, *wishes.exclude}
    told = []
    first = table.names[0]
    if first not in left and _counts_rows(first, table.columns[0]):
        left.add(first)
        told.append(f"the first column {first!r} only counts the rows; it is left out")
    for name in table.names:
        unnamed = name.startswith("Unnamed: ") and name not in left and name not in found.numbers
        if unnamed and set(found.counts[name]) <= {"", *found.missing}:
            left.add(name)
            told.append(f"the column {name!r} has no name and no content; it is left out")
    return left, told


def _counts_rows(name: str, column: np.ndarray) -> bool:
    """Whether a first column is an index: 0, 1, 2 … or 1, 2, 3 …; without a name also in any order and with gaps."""
    numbers = cells.plain_numbers(column)
    if numbers is None or len(numbers) < 3 or np.isnan(numbers).any():
        return False
    if name == "Unnamed: 0":
        return bool(np.all(numbers == np.round(numbers))) and len(np.unique(numbers)) == len(numbers)
    return numbers[0] in (0, 1) and bool(np.array_equal(numbers, np.arange(len(numbers)) + numbers[0]))


def _of_id(found: _File, wishes: Wishes) -> list[str]:
    if not wishes.id:
        return []
    twice = [cell for cell, count in found.counts[wishes.id].items() if count > 1]
    return (
        [f"the id column {wishes.id!r} names {len(twice):,} rows more than once ({twice[0]!r})"]
        if twice
        else []
    )


def _example(found: _File, name: str) -> str:
    """Where the first cell that is neither a number nor missing stands, when other cells are numbers."""
    known = [cell for cell in found.counts[name] if cell and cell not in found.missing]
    odd = set(cells.non_numbers(known, found.decimal))
    if not odd or len(odd) == len(known):
        return ""
    texts = cells.stripped(found.table.column(name))
    return f" in line {found.table.lines[next(row for row, cell in enumerate(texts) if cell in odd)]}"


def _without_leaks(
    found: _File, wishes: Wishes, goal: Goal, columns: Sequence[Column]
) -> tuple[list[Column], list[str]]:
    target = _as_numbers(found, wishes.target, tuple(goal.values))
    judged, warnings = [], []
    for column in columns:
        if not column.field:
            judged.append(column)
            continue
        levels = column.field.get("levels", ())
        said = leak(_as_numbers(found, column.name, tuple(map(str, levels))), target, goal.task)
        if said == "same":
            sentence = (
                f"The column {column.name!r} gives the target {wishes.target!r} away (each of its values goes with one "
                f"of the target): leave it out with --exclude {quoted(column.name)}."
            )
            judged.append(Column(column.name, refusal=("leak", sentence)))
            continue
        if said == "determines":
            warnings.append(
                f"each value of {column.name!r} goes with one {wishes.target!r} only; if it is known only afterwards, "
                f"leave it out with --exclude {quoted(column.name)}"
            )
        judged.append(column)
    return judged, warnings


def _as_numbers(found: _File, name: str, levels: Sequence[str]) -> np.ndarray:
    if levels:
        known = {level: place for place, level in enumerate(levels)}
        return cells.places(found.table.column(name), known, found.missing)[0]
    if name in found.numbers:
        return found.numbers[name]
    return cells.numbers(found.table.column(name), found.missing, found.decimal)[0]


def _refuse(found: _File, refused: Sequence[Column]) -> None:
    issues = [Issue(f"/{column.name}", *column.refusal) for column in refused if column.refusal]
    if len(issues) == 1:
        raise DataError(issues[0].message, tuple(issues))
    if issues:
        options = " ".join(f"--exclude {quoted(column.name)}" for column in refused)
        raise DataError(
            f"{len(issues)} columns of {found.path.name} cannot be learned from; to leave them all out: {options}",
            tuple(issues),
        )


def _document(
    name: str, found: _File, wishes: Wishes, goal: Goal, fields: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    table = found.table
    source = {
        "kind": "table",
        "file": str(found.path.resolve()),
        "columns": list(wishes.columns) or None,
        "separator": table.separator,
        "decimal": "," if found.decimal == "," else None,
        "missing": list(found.missing) or None,
        "id": wishes.id or None,
        "group": wishes.group or None,
    }
    target: dict[str, Any] = {"name": wishes.target}
    if goal.values:
        target["values"] = goal.values
    return {
        "name": name,
        "title": f"{wishes.target} from {found.path.name}"[:200],
        "description": f"{wishes.target} of a row of {found.path.name} ({SEPARATORS[table.separator]} separated).",
        "task": goal.task,
        "input": "table",
        "model": model_name(name),
        "features": "table",
        "source": source,
        "target": target,
        "fields": list(fields),
        "training": {"metric": "macro_f1" if goal.task == "classification" else "rmse"},
        "quality": {"min_rows": 20} if goal.rows < PLENTY else None,
    }
