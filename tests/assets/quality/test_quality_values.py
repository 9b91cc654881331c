"""Values of columns: each rule fires on the bad cell, names row and column, and is silent just below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from artpulse_assets.pipeline.quality.outlying import robust_z
from tests.assets.quality.tables import FIELDS, check, pictures, problem, rows


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("column", "value", "passed"),
    [("age", np.nan, False), ("age", np.inf, False), ("age", 1e39, False), ("weight", -np.inf, False),
     ("weight", np.nan, True), ("age", 44.0, True)],
)  # fmt: skip
def test_only_nullable_fields_have_gaps_and_none_is_infinite(column: str, value: float, passed: bool) -> None:
    frame = rows()
    frame.loc[3, column] = value
    found = check("finiteness", frame, problem())
    assert found.passed is passed
    if not passed:
        (row,) = found.rows
        assert row.path == frame.loc[3, "path"]
        assert str(row.value).startswith(f"{column} = ")


def test_a_column_that_is_not_there_is_named() -> None:
    found = check("finiteness", rows().drop(columns=["weight"]), problem())
    assert (found.passed, found.rows[0].path) == (False, "weight")


@pytest.mark.parametrize(
    ("column", "value", "passed"),
    [("age", 120.1, False), ("age", 120.0, True), ("age", -1.0, False), ("colour", 3.0, False),
     ("colour", 0.5, False), ("colour", 2.0, True), ("weight", np.nan, True)],
)  # fmt: skip
def test_the_hard_range_and_the_levels_of_a_field_bind(column: str, value: float, passed: bool) -> None:
    frame = rows()
    frame.loc[3, column] = value
    assert check("range", frame, problem()).passed is passed


def test_a_broken_range_says_where_what_and_the_rule() -> None:
    frame = rows()
    frame.loc[3, "colour"] = 3.0
    (row,) = check("range", frame, problem()).rows
    assert (row.path, row.value, row.rule) == ("people.csv:5", "colour = 3", "one of red, green, blue")


def test_what_is_infinite_is_told_once_and_an_open_range_is_said_in_words() -> None:
    frame = rows()
    frame.loc[3, "weight"] = np.inf
    assert check("range", frame, problem()).passed
    stated = problem(fields=[{"name": "weight", "minimum": 90}])
    assert {row.rule for row in check("range", rows(), stated).rows} == {"at least 90"}


def test_a_rule_between_fields_that_only_warns_names_the_rows() -> None:
    stated = problem(rules=[{"left": "age", "op": "<=", "right": "weight"}])
    frame = rows().assign(age=50.0, weight=60.0)
    assert check("rules", frame, stated).passed
    frame.loc[3, ["age", "weight"]] = [61.0, 60.0]
    frame.loc[4, ["age", "weight"]] = [61.0, np.nan]
    (row,) = check("rules", frame, stated).rows
    assert (row.path, row.value, row.rule) == ("people.csv:5", "61 and 60", "age <= weight")
    assert check("rules", frame, problem()) is None


@pytest.mark.parametrize(("odd", "passed"), [(2, False), (1, True)])
def test_a_person_looks_when_more_than_one_in_a_hundred_is_untypical(odd: int, passed: bool) -> None:
    frame = rows(120)
    frame.loc[: odd - 1, "age"] = 95.0
    found = check("typical_range", frame, problem())
    assert found.passed is passed
    if not passed:
        assert {row.rule for row in found.rows} == {"typically 18 to 90"}
    assert check("typical_range", frame, problem(fields=FIELDS[1:])) is None


def test_a_constant_column_is_named_and_gaps_are_no_value() -> None:
    frame = rows()
    assert check("constant_columns", frame, problem()).passed
    frame["weight"] = np.where(np.arange(len(frame)) % 2, 70.0, np.nan)
    found = check("constant_columns", frame, problem())
    assert [row.path for row in found.rows] == ["weight"]
    assert "[[fields]]" in found.summary


@pytest.mark.parametrize(("gaps", "passed"), [(37, False), (36, True)])
def test_a_column_missing_in_more_than_three_of_ten_rows_is_named(gaps: int, passed: bool) -> None:
    frame = rows(120)
    frame.loc[: gaps - 1, "weight"] = np.nan
    found = check("missing_values", frame, problem())
    assert found.passed is passed
    assert found.value == round(gaps / 120, 4)


@pytest.mark.parametrize(("value", "passed"), [(499.0, False), (120.0, True)])
def test_a_value_absurdly_far_from_its_column_is_named(value: float, passed: bool) -> None:
    frame = rows()
    frame.loc[3, "weight"] = value
    found = check("outliers", frame, problem())
    assert found.passed is passed
    if not passed:
        assert found.rows[0].value == "weight = 499"


def test_a_long_right_tail_is_no_outlier_and_gaps_have_no_distance() -> None:
    values = np.exp(np.random.default_rng(0).normal(0, 1.2, (500, 1)))
    values[3] = np.nan
    z = robust_z(values)
    assert z[3] == 0
    assert z.max() < 5
    assert robust_z(-values).max() > 10


def test_a_column_without_spread_or_value_has_no_outlier() -> None:
    assert not robust_z(np.array([[0.0, np.nan]] * 9 + [[7.0, np.nan]])).any()


def test_a_picture_unlike_all_others_is_named_as_a_whole() -> None:
    frame = pictures(60)
    assert check("outliers", frame, problem(source="images")).passed
    frame.loc[5, ["hue_mean", "edges"]] = 40.0
    found = check("outliers", frame, problem(source="images"))
    assert [row.path for row in found.rows] == [frame.loc[5, "path"]]


@pytest.mark.parametrize(("count", "passed"), [(4, False), (5, True)])
def test_a_rare_level_is_named(count: int, passed: bool) -> None:
    frame = rows()
    frame["colour"] = np.where(np.arange(len(frame)) < count, 2.0, np.arange(len(frame)) % 2)
    found = check("category_levels", frame, problem())
    assert found.passed is passed
    assert [row.path for row in found.rows] == ([] if passed else ["colour = blue"])


def test_a_level_that_occurs_only_among_test_rows_is_named() -> None:
    frame = rows()
    frame["colour"] = np.where(frame["side"] == "test", 2.0, 1.0)
    (row,) = check("category_levels", frame, problem()).rows
    assert row.rule == "occurs among the rows learned from"
    assert check("category_levels", frame, problem(fields=FIELDS[:2])) is None


@pytest.mark.parametrize(
    ("values", "passed"),
    [(np.arange(120.0), False), (np.arange(120.0)[::-1] + 5, False), (np.arange(120.0) * 2, True)],
)
def test_a_column_that_counts_the_rows_is_named(values: Any, passed: bool) -> None:
    frame = rows(120).assign(weight=values)
    found = check("row_numbers", frame, problem())
    assert found.passed is passed
    assert passed or "source.id" in found.summary
