"""Leakage: whatever of the test side is known from the train side blocks, and a column that is the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.assets.quality.tables import check, pictures, problem, rows

IMAGES = problem(source="images")
HELD, LEARNED = 0, 2  # rows of the two sides


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("column", "value"), [("id", "same"), ("group", "an artist"), ("unit", "u"), ("dhash", np.uint64(255))]
)
def test_what_ties_the_sides_together_is_named(column: str, value: Any) -> None:
    frame = pictures()
    assert (frame.loc[HELD, "side"], frame.loc[LEARNED, "side"]) == ("test", "train")
    assert check("leakage_over_split", frame, IMAGES).passed
    frame.loc[[HELD, LEARNED], column] = value
    found = check("leakage_over_split", frame, IMAGES)
    assert [row.path for row in found.rows] == [frame.loc[HELD, "path"]]


def test_a_repetition_of_the_same_content_on_the_other_side_leaks() -> None:
    frame = rows()
    frame.loc[LEARNED, "id"] = frame.loc[HELD, "id"] + ":1"
    (row,) = check("leakage_over_split", frame, problem()).rows
    assert row.rule == "same id among the rows learned from"


def test_an_excluded_row_and_an_empty_group_tie_nothing() -> None:
    frame = pictures()
    frame.loc[[HELD, LEARNED], "id"] = "same"
    frame.loc[LEARNED, "side"] = "excluded"
    assert check("leakage_over_split", frame, IMAGES).passed


def test_equal_rows_of_a_table_on_both_sides_leak_only_with_the_same_target() -> None:
    frame = rows()
    frame.loc[LEARNED, ["age", "weight", "colour"]] = frame.loc[HELD, ["age", "weight", "colour"]]
    assert not check("leakage_over_split", frame, problem()).passed
    frame.loc[LEARNED, "label"] = "yes"
    assert check("leakage_over_split", frame, problem()).passed


def test_a_unit_in_two_folds_leaks_into_the_choice_of_candidates() -> None:
    frame = pictures()
    train = frame.index[frame["side"] == "train"][:2]
    frame.loc[train, "unit"] = "together"
    frame.loc[train, "fold"] = [0, 1]
    found = check("leakage_over_split", frame, IMAGES)
    assert {row.rule for row in found.rows} == {"same unit in another fold"}


def test_before_the_split_there_is_nothing_to_ask() -> None:
    assert check("leakage_over_split", pictures().drop(columns=["side", "fold", "unit"]), IMAGES) is None


@pytest.mark.parametrize(("noise", "passed"), [(0.0, False), (0.02, False), (0.2, True)])
def test_a_column_that_follows_the_target_almost_exactly_is_its_copy(noise: float, passed: bool) -> None:
    frame = rows()
    rng = np.random.default_rng(1)
    frame["weight"] = 100 + 2 * frame["target"] + noise * rng.normal(size=len(frame))
    found = check("target_leakage", frame, problem("regression"))
    assert found.passed is passed
    assert [row.path for row in found.rows] == ([] if passed else ["weight"])


@pytest.mark.parametrize("column", ["colour", "weight"])
def test_a_column_with_one_value_a_label_is_its_copy(column: str) -> None:
    frame = rows(labels=("no", "perhaps", "yes"))
    assert check("target_leakage", frame, problem()).passed
    frame[column] = frame["label"].map({"no": 2.0, "perhaps": 0.0, "yes": 1.0})
    assert [row.path for row in check("target_leakage", frame, problem()).rows] == [column]
    frame.loc[4, column] = 0.0 if frame.loc[4, column] else 1.0
    assert check("target_leakage", frame, problem()).passed


def test_a_category_that_explains_a_number_is_its_copy_unless_it_names_each_row() -> None:
    frame = rows()
    frame["colour"] = np.arange(len(frame)) % 3
    frame["target"] = frame["colour"] * 10.0
    assert not check("target_leakage", frame, problem("regression")).passed


def test_pictures_have_no_columns_to_doubt() -> None:
    from artpulse_assets.pipeline.quality.registry import CHECKS

    (entry,) = [entry for entry in CHECKS if entry.name == "target_leakage"]
    assert not entry.applies(IMAGES)
