"""Repetition: the same content twice, nearly twice, or under two targets, for pictures and for tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.assets.quality.tables import check, pictures, problem, refused, rows

IMAGES = problem(source="images")
SEEN = 0b1011 << 40


@pytest.mark.smoke
def test_the_same_content_twice_is_told_whether_it_was_left_out_or_not() -> None:
    frame = pictures()
    assert check("duplicates", frame, IMAGES).passed
    frame.loc[7, "id"] = frame.loc[3, "id"]
    found = check("duplicates", frame, IMAGES, refused("duplicate", "truncated"))
    assert not found.passed
    assert {row.path for row in found.rows} == {"calm/refused0.jpg", frame.loc[7, "path"]}


@pytest.mark.parametrize(("bits", "passed"), [(0, False), (4, False), (5, True)])
def test_pictures_up_to_four_bits_apart_are_near_duplicates(bits: int, passed: bool) -> None:
    frame = pictures()
    frame["dhash"] = frame["dhash"].astype(np.uint64)
    frame.loc[3, "dhash"] = np.uint64(SEEN)
    frame.loc[9, "dhash"] = np.uint64(SEEN ^ ((1 << bits) - 1))
    found = check("near_duplicates", frame, IMAGES)
    assert found.passed is passed
    if not passed:
        (row,) = found.rows
        assert (row.path, row.value) == (frame.loc[9, "path"], frame.loc[3, "path"])


def test_rows_equal_in_every_field_and_the_target_are_near_duplicates() -> None:
    frame = rows()
    fields = ["age", "weight", "colour", "label"]
    frame.loc[5, fields] = frame.loc[1, fields]
    frame.loc[7, ["age", "colour"]] = frame.loc[1, ["age", "colour"]]
    frame.loc[[20, 22], "weight"] = np.nan
    frame.loc[22, fields] = frame.loc[20, fields]
    found = check("near_duplicates", frame, problem())
    assert [row.path for row in found.rows] == [frame.loc[5, "path"], frame.loc[22, "path"]]


def test_equal_rows_under_two_labels_contradict_each_other() -> None:
    frame = rows()
    frame.loc[2, ["age", "weight", "colour"]] = frame.loc[1, ["age", "weight", "colour"]]
    found = check("label_conflicts", frame, problem())
    assert {(row.path, row.value) for row in found.rows} == {
        (frame.loc[1, "path"], "yes"),
        (frame.loc[2, "path"], "no"),
    }
    assert check("near_duplicates", frame, problem()).passed
    assert check("label_conflicts", rows(), problem()).passed


def test_pictures_left_out_under_two_labels_and_near_duplicates_under_two_are_told() -> None:
    frame = pictures()
    frame.loc[3, "dhash"] = frame.loc[2, "dhash"]
    found = check("label_conflicts", frame, IMAGES, refused("label_conflict", "label_conflict"))
    assert found.count == 3
    assert "2 were left out until then" in found.summary


@pytest.mark.parametrize(("gap", "passed"), [(5.0, False), (0.2, True)])
def test_equal_rows_contradict_each_other_in_a_number_only_when_it_is_far_away(
    gap: float, passed: bool
) -> None:
    frame = rows()
    frame.loc[2, ["age", "weight", "colour"]] = frame.loc[1, ["age", "weight", "colour"]]
    frame.loc[2, "target"] = frame.loc[1, "target"] + gap
    assert check("label_conflicts", frame, problem("regression")).passed is passed


def test_the_order_of_rows_and_the_sign_of_zero_change_nothing() -> None:
    frame = rows(60)
    frame.loc[4, ["age", "weight", "colour", "label"]] = [20.0, 0.0, 0.0, "no"]
    frame.loc[5, ["age", "weight", "colour", "label"]] = [20.0, -0.0, 0.0, "no"]
    for table in (frame, frame.sample(frac=1, random_state=3)):
        assert check("near_duplicates", table, problem()).count == 1
    assert check("near_duplicates", pd.concat([frame] * 3), problem()).count == 121
