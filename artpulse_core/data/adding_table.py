"""From a user's CSV to the problem file that learns from it.

Belongs here: which columns become fields and what is said about the others. Does not belong here: what one column is
(``inference``), writing the file (``adding``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data import adding_known
from artpulse_core.data.adding import Draft, model_name
from artpulse_core.data.dialect import SEPARATORS
from artpulse_core.data.inference import Column, infer, infer_category, infer_number, quoted
from artpulse_core.data.inference_target import MIN_ROWS, PLENTY, Goal, infer_target
from artpulse_core.data.leaks import leak
from artpulse_core.data.looking import Looked, Wishes, as_numbers, counts_rows, example, look
from artpulse_core.data.problem import Problem, TableFile
from artpulse_core.data.tables import Table, read_table, suggestion
from artpulse_core.errors import DataError, Issue


def from_csv(name: str, path: Path, wishes: Wishes) -> Draft:
    """Judge a CSV and draft its problem; nothing is written.

    Raises ``DataError``: what cannot be read, a column that is not there, a target that cannot be learned, and the
    columns that can be no field, each with its sentence.
    """
    table = read_table(path, columns=wishes.columns, separator=wishes.separator)
    _judge_wishes(path, table, wishes)
    found = look(path, table, wishes)
    counts, missing, decimal = found.counts, found.missing, found.decimal
    like = adding_known.resembled(table.names)
    as_like = adding_known.stated(like, wishes.coding, wishes.target)
    if as_like:
        return _as_known(name, found, wishes, as_like)
    other = wishes.coding == adding_known.NONE or (
        like and wishes.target in {item.name for item in like.fields}
    )
    known = None if other else like
    if known:
        adding_known.judge(known, table, TableFile(**_source(found, wishes)), wishes.target)
    goal = infer_target(wishes.target, counts[wishes.target], missing, decimal, wishes.task)
    warnings = [*goal.warnings, *_of_id(found, wishes), *([adding_known.note(known)] if known else [])]
    left, told = _left_out(found, wishes)
    columns = [_column(found, name, wishes) for name in table.names if name not in left]
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
    more = [(f"--{way}", name) for way in ("exclude", "category") for name in getattr(wishes, way)]
    for option, name in [*named, *more]:
        if name and name not in table.names:
            raise DataError(f"{path.name} has no column {name!r} ({option}){suggestion(name, table.names)}")
    for option, name in [*named[1:], *more]:
        if name == wishes.target:
            raise DataError(f"The target {name!r} cannot be given to {option} too.")


def _column(found: Looked, name: str, wishes: Wishes) -> Column:
    if name.startswith("Unnamed: "):
        sentence = f"The column {name!r} has no name: name it in the first line, or leave it out with --exclude {quoted(name)}."
        return Column(name, refusal=("no_name", sentence))
    if name in wishes.category:
        return infer_category(name, found.counts[name], found.missing, found.decimal)
    if name not in found.numbers:
        return infer(name, found.counts[name], found.missing, found.decimal, example(found, name))
    column = found.numbers[name]
    known = column[~np.isnan(column)]
    return infer_number(name, *np.unique(known, return_counts=True), nullable=len(known) < len(column))


def _left_out(found: Looked, wishes: Wishes) -> tuple[set[str], list[str]]:
    """Columns that are no fields without being refused, and what is said about them."""
    table = found.table
    left = {wishes.target, wishes.id, wishes.group, *wishes.exclude}
    told = []
    first = table.names[0]
    if first not in left and counts_rows(first, table.columns[0]):
        left.add(first)
        told.append(f"the first column {first!r} only counts the rows; it is left out")
    for name in table.names:
        unnamed = name.startswith("Unnamed: ") and name not in left and name not in found.numbers
        if unnamed and set(found.counts[name]) <= {"", *found.missing}:
            left.add(name)
            told.append(f"the column {name!r} has no name and no content; it is left out")
    return left, told


def _of_id(found: Looked, wishes: Wishes) -> list[str]:
    if not wishes.id:
        return []
    twice = [cell for cell, count in found.counts[wishes.id].items() if count > 1]
    return (
        [f"the id column {wishes.id!r} names {len(twice):,} rows more than once ({twice[0]!r})"]
        if twice
        else []
    )


def _without_leaks(
    found: Looked, wishes: Wishes, goal: Goal, columns: Sequence[Column]
) -> tuple[list[Column], list[str]]:
    target = as_numbers(found, wishes.target, tuple(goal.values))
    judged, warnings = [], []
    for column in columns:
        if not column.field:
            judged.append(column)
            continue
        levels = column.field.get("levels", ())
        said = leak(as_numbers(found, column.name, tuple(map(str, levels))), target, goal.task)
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


def _refuse(found: Looked, refused: Sequence[Column]) -> None:
    issues = [Issue(f"/{column.name}", *column.refusal) for column in refused if column.refusal]
    if len(issues) == 1:
        raise DataError(issues[0].message, tuple(issues))
    if issues:
        options = " ".join(f"--exclude {quoted(column.name)}" for column in refused)
        raise DataError(
            f"{len(issues)} columns of {found.path.name} cannot be learned from; to leave them all out: {options}",
            tuple(issues),
        )


def _source(found: Looked, wishes: Wishes) -> dict[str, Any]:
    stated = {
        "kind": "table",
        "file": str(found.path.resolve()),
        "columns": list(wishes.columns),
        "separator": found.table.separator,
        "decimal": "," if found.decimal == "," else None,
        "missing": list(found.missing),
        "id": wishes.id,
        "group": wishes.group,
    }
    return {name: value for name, value in stated.items() if value}


def _as_known(name: str, found: Looked, wishes: Wishes, like: Problem) -> Draft:
    """The draft of a file that is about a shipped problem, in the coding a person stated."""
    unknown = {*found.missing, *like.source.missing} if isinstance(like.source, TableFile) else set()
    source = _source(found, wishes) | {"missing": sorted(unknown)}
    if wishes.coding != like.coding:
        source["coding"] = wishes.coding
    table = found.table
    adding_known.judge(like, table, TableFile(**source), wishes.target)
    cells_of_target = Counter({cell: n for cell, n in found.counts[wishes.target].items() if cell})
    labels = adding_known.labels(like, wishes.coding, wishes.target, cells_of_target)
    used = {*(item.name for item in like.fields), wishes.target, wishes.id, wishes.group}
    left = [column for column in table.names if column not in used]
    document = {
        **_head(name, found, wishes, like.task),
        "source": source,
        **adding_known.description(like, wishes.target),
    }
    if len(table) < PLENTY:
        document["quality"]["min_rows"] = MIN_ROWS
    return Draft(name, document, len(table), labels, tuple(adding_known.taken(like, left)), input="table")


def _head(name: str, found: Looked, wishes: Wishes, task: str) -> dict[str, Any]:
    separated = SEPARATORS[found.table.separator]
    return {
        "name": name,
        "title": f"{wishes.target} from {found.path.name}"[:200],
        "description": f"{wishes.target} of a row of {found.path.name} ({separated} separated).",
        "task": task,
        "input": "table",
        "model": model_name(name),
        "features": "table",
    }


def _document(
    name: str, found: Looked, wishes: Wishes, goal: Goal, fields: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    target: dict[str, Any] = {"name": wishes.target}
    if goal.values:
        target["values"] = goal.values
    return {
        **_head(name, found, wishes, goal.task),
        "source": _source(found, wishes),
        "target": target,
        "fields": list(fields),
        "training": {"metric": "macro_f1" if goal.task == "classification" else "rmse"},
        "quality": {"min_rows": MIN_ROWS} if goal.rows < PLENTY else None,
    }
