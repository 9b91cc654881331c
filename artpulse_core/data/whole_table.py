"""The doubts about the table of a problem, before anything of it is learned.

Belongs here: what a problem knows (codes, directions, ids) against the table as it was read. Does not belong here:
what speaks against a table (``doubts``), single rows (``table_rows``), files without a problem (``adding_known``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artpulse_core.data import cells, doubts
from artpulse_core.data.doubts import IN_FILE, TargetWords
from artpulse_core.data.problem import Problem, TableFile
from artpulse_core.data.tables import Raw, Table
from artpulse_core.errors import DataError, Issue


def of_problem(problem: Problem, raw: Raw, *, stating: str = IN_FILE) -> list[Issue]:
    """Why the table of ``problem`` cannot be learned from as a whole; empty when nothing speaks against it.

    A problem without codes and directions has its repeated rows judged only, by the wider limit.
    """
    return judged(problem, raw.table, raw.source, problem.target.name, stating=stating)


def knows(problem: Problem) -> bool:
    """Whether a problem says more of its columns than what they are."""
    return bool(problem.quality.directions) or any(item.codes for item in problem.fields)


def judged(
    problem: Problem, table: Table, source: TableFile, target: str, *, stating: str = IN_FILE
) -> list[Issue]:
    """``of_problem`` of any table that ``source`` describes and whose target is called ``target``."""
    columns: dict[str, Any] = dict(zip(table.names, table.columns, strict=True))
    ids = {source.id} if source.id else set()
    if not knows(problem):
        return doubts.repetition(columns, ids=ids)
    for name in {*(item.name for item in problem.fields), target} & set(columns):
        texts = cells.stripped(columns[name])
        columns[name] = [text.replace(",", ".") for text in texts] if source.decimal == "," else texts
    words = _words(problem, target, columns, source.missing)
    return doubts.doubts(
        columns,
        problem.fields,
        words,
        own=problem.coding,
        stated=source.coding,
        directions=problem.quality.directions if words.positive or problem.task == "regression" else {},
        missing=source.missing,
        ids=ids,
        stating=stating,
    )


def _words(
    problem: Problem, name: str, columns: Mapping[str, Sequence[str]], missing: Sequence[str]
) -> TargetWords:
    target = problem.target
    if problem.task == "regression":
        return TargetWords(name, {}, "", {})
    texts = {cells.canonical(text) for text in columns.get(name, ()) if text}
    values = target.values or {text: text for text in texts.difference(missing)}
    return TargetWords(name, values, target.positive_label, target.codes)


def refuse(issues: Sequence[Issue]) -> None:
    """Raise ``DataError`` with all ``issues``, of which the first is the message; nothing when there are none."""
    if issues:
        raise DataError(issues[0].message, tuple(issues))
