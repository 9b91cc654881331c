"""The table schema: numbers, gaps, levels and both kinds of target, and tables of thousands of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline import schema
from tests.assets.quality.tables import pictures, problem, rows

IMAGES = problem(source="images")
NAMES = [f"tap{i}" for i in range(300)]


def wide(n: int = 40) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(n, len(NAMES)))
    return pd.concat([pictures(n).iloc[:, :7], pd.DataFrame(values, columns=NAMES)], axis=1)


@pytest.mark.smoke
def test_good_tables_pass_whatever_their_task_or_width() -> None:
    assert schema.failures(problem(), rows()) == []
    assert schema.failures(problem("regression"), rows().drop(columns=["label"])) == []
    assert schema.failures(IMAGES, pictures()) == []
    assert schema.failures(IMAGES, wide(), names=NAMES) == []
    assert schema.schema(IMAGES, NAMES).validate(wide()) is not None


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [("age", np.nan, "not_nullable"), ("age", 121.0, "in_range"), ("age", np.inf, "in_range"),
     ("colour", 3.0, "level(red, green, blue)"), ("colour", 0.5, "level(red, green, blue)"),
     ("weight", 501.0, "in_range"), ("weight", np.nan, None), ("colour", 2.0, None)],
)  # fmt: skip
def test_a_cell_that_breaks_its_field_is_named_with_row_column_and_rule(
    column: str, value: float, rule: str | None
) -> None:
    frame = rows()
    frame.loc[4, column] = value
    found = schema.failures(problem(), frame)
    assert len(found) == (rule is not None)
    for issue in found:
        assert issue.pointer == f"/people.csv:6/{column}"
        assert str(rule) in issue.code
        assert f"{column} is {value} in people.csv:6, rule: " in issue.message


@pytest.mark.parametrize(
    ("task", "column", "value"),
    [("regression", "target", np.nan), ("regression", "target", 11.0), ("classification", "label", ""),
     ("classification", "label", "x" * 121)],
)  # fmt: skip
def test_the_target_of_each_task_is_checked(task: str, column: str, value: Any) -> None:
    stated = problem(task, target={"minimum": -10, "maximum": 10} if task == "regression" else None)
    frame = rows()
    assert schema.failures(stated, frame) == []
    frame.loc[4, column] = value
    (issue,) = schema.failures(stated, frame)
    assert issue.pointer == f"/people.csv:6/{column}"


@pytest.mark.parametrize(
    ("value", "rule"), [(np.nan, "not_nullable"), (np.inf, "in_range"), (1e39, "in_range")]
)
def test_a_wide_table_is_looked_at_whole_and_the_cell_is_named_all_the_same(value: float, rule: str) -> None:
    frame = wide()
    frame.loc[4, "tap7"] = value
    (issue,) = schema.failures(IMAGES, frame, names=NAMES)
    assert issue.pointer == f"/{frame.loc[4, 'path']}/tap7"
    assert rule in issue.code
    with pytest.raises(Exception, match=schema.WHOLE):
        schema.schema(IMAGES, NAMES).validate(frame)


def test_a_missing_column_is_named_in_narrow_and_wide_tables() -> None:
    (issue,) = schema.failures(problem(), rows().drop(columns=["weight"]))
    assert issue.message == "The column weight is not in the table."
    (issue,) = schema.failures(IMAGES, wide().drop(columns=["tap9"]), names=NAMES)
    assert "tap9" in issue.message


def test_a_field_may_be_called_like_a_column_that_a_frame_has_itself() -> None:
    stated = problem(fields=[{"name": "label", "minimum": 0, "maximum": 9}])
    frame = rows().assign(**{"label (field)": 5.0})
    assert schema.failures(stated, frame) == []
    frame.loc[3, "label (field)"] = 10.0
    (issue,) = schema.failures(stated, frame)
    assert issue.pointer == "/people.csv:5/label (field)"


def test_failures_are_grouped_with_their_number_and_few_examples() -> None:
    frame = rows()
    frame.loc[:29, "age"] = 130.0
    frame.loc[3, "colour"] = 9.0
    first, second = schema.grouped(problem(), frame, most=5)
    assert (first["column"], first["count"], len(first["examples"])) == ("age", 30, 5)
    assert (second["column"], second["examples"]) == ("colour", [{"path": "people.csv:5", "value": "9.0"}])
    assert len(schema.failures(problem(), frame)) == 20
