"""The pandera schema of a dataset, made from the contract, and what breaks it.

Belongs here: types, ranges, levels and gaps of columns. Does not belong here: how much data is enough, or anything
that compares rows (``pipeline.quality``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.pipeline import expected
from artpulse_assets.pipeline.expected import FLOAT32, Column
from artpulse_core.data.problem import Problem
from artpulse_core.errors import Issue

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

WIDE = 60  # of more columns than this without stated ranges, one check looks at all: 3,056 took seconds one by one
WHOLE = "all_columns_finite"
FINITE = f"in_range({-FLOAT32}, {FLOAT32})"


def schema(problem: Problem, names: Sequence[str] | None = None) -> pa.DataFrameSchema:
    """The schema of a dataset of ``problem``.

    Numbers lie within the hard range of their field (or single precision) and are missing only where nullable;
    categories hold the index of a level; ``label`` is a text of 1–120 characters, or ``target`` a number within
    its stated range. ``names``: the feature columns where they are not those of the problem.
    """
    return _schema(problem, expected.columns(problem, names))


def _schema(problem: Problem, found: Sequence[Column]) -> pa.DataFrameSchema:
    import pandera.pandas as pa

    columns: dict[str, Any] = {"id": pa.Column(str, unique=True), **_target(problem)}
    if _wide(found):
        return pa.DataFrameSchema(
            columns,
            checks=pa.Check(lambda frame: _sound(frame, found), name=WHOLE, error=WHOLE),
            name=problem.name,
        )
    columns |= {column.name: _column(column) for column in found}
    return pa.DataFrameSchema(columns, strict=False, name=problem.name)


def _wide(columns: Sequence[Column]) -> bool:
    return len(columns) > WIDE and not any(column.stated for column in columns)


def _target(problem: Problem) -> dict[str, Any]:
    import pandera.pandas as pa

    if problem.task == "classification":
        return {"label": pa.Column(str, pa.Check.str_length(1, 120))}
    low, high = problem.target.minimum, problem.target.maximum
    inside = pa.Check.in_range(-FLOAT32 if low is None else low, FLOAT32 if high is None else high)
    return {"target": pa.Column(float, inside, nullable=False)}


def _column(column: Column) -> Any:
    import pandera.pandas as pa

    if column.kind == "category":
        rule = f"level({', '.join(column.levels[:8])}{', …' if len(column.levels) > 8 else ''})"
        known = pa.Check.isin([float(place) for place in range(len(column.levels))], name=rule, error=rule)
        return pa.Column(float, known, nullable=column.nullable)
    return pa.Column(float, pa.Check.in_range(column.low, column.high), nullable=column.nullable)


def _sound(frame: pd.DataFrame, columns: Sequence[Column]) -> bool:
    names = [column.name for column in columns]
    if not set(names) <= set(frame.columns):
        return False
    return not bool(_unsound(frame[names].to_numpy(np.float64)).any())


def _unsound(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(values) <= FLOAT32))


def cases(
    problem: Problem, frame: pd.DataFrame, names: Sequence[str] | None = None
) -> Iterator[tuple[str, str, Any, Any]]:
    """Every failure: column, rule, the value, and the index of its row (None: the column as a whole)."""
    from pandera.errors import SchemaErrors

    columns = expected.columns(problem, names)
    rules, part = _schema(problem, columns), frame
    if _wide(
        columns
    ):  # pandera copies a frame for each column it checks: with 3,056 that is most of the time
        rules = _schema(problem, ())
        part = frame[[name for name in rules.columns if name in frame]]
        yield from _wide_cases(frame, columns)
    try:
        rules.validate(part, lazy=True)
    except SchemaErrors as error:
        for case in error.failure_cases.to_dict("records"):
            whole = case["check"] == "column_in_dataframe"
            column = case["failure_case"] if whole else case["column"]
            yield str(column), str(case["check"]), case["failure_case"], None if whole else case.get("index")


def _wide_cases(frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[tuple[str, str, Any, Any]]:
    known = set(frame.columns)
    present = [column.name for column in columns if column.name in known]
    for column in columns if len(present) < len(columns) else ():
        if column.name not in known:
            yield column.name, "column_in_dataframe", column.name, None
    values = frame[present].to_numpy(np.float64)
    for row, place in zip(*np.nonzero(_unsound(values)), strict=True):
        value = float(values[row, place])
        yield present[place], "not_nullable" if np.isnan(value) else FINITE, value, frame.index[row]


def failures(
    problem: Problem, frame: pd.DataFrame, most: int = 20, names: Sequence[str] | None = None
) -> list[Issue]:
    """What breaks the schema, at most ``most`` examples: pointer ``/<path>/<column>``."""
    issues = []
    for column, rule, value, row in cases(problem, frame, names):
        place = _place(frame, row)
        said = f"{column} is {value} in {place or 'the table'}, rule: {rule}."
        if rule == "column_in_dataframe":
            said = f"The column {column} is not in the table."
        issues.append(Issue(f"/{place}/{column}", rule, said))
        if len(issues) == most:
            break
    return issues


def grouped(
    problem: Problem, frame: pd.DataFrame, most: int = 20, names: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """The failures by column and rule: ``column``, ``rule``, ``count`` and at most ``most`` ``examples``."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for column, rule, value, row in cases(problem, frame, names):
        group = groups.setdefault(
            (column, rule), {"column": column, "rule": rule, "count": 0, "examples": []}
        )
        group["count"] += 1
        if len(group["examples"]) < most:
            group["examples"].append({"path": _place(frame, row), "value": str(value)})
    return sorted(groups.values(), key=lambda group: -int(group["count"]))


def _place(frame: pd.DataFrame, row: Any) -> str:
    return str(frame["path"].get(row, "")) if row is not None and "path" in frame else ""
