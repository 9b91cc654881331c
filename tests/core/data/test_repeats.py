"""Repeated rows: copies are told from rows that are alike because there is little to tell them apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from artpulse_core.data import repeats
from artpulse_core.data.doubts import MAX_REPEATED, MAX_REPEATED_UNKNOWN, repetition

Columns = Mapping[str, list[str]]


def drawn(rows: int = 500, seed: int = 0, **kinds: int) -> dict[str, list[str]]:
    """Independent columns, each with so many different values."""
    rng = np.random.default_rng(seed)
    return {name: [str(value) for value in rng.integers(0, many, rows)] for name, many in kinds.items()}


def questions(count: int, kinds: int, rows: int = 500) -> dict[str, list[str]]:
    return drawn(rows, **{f"q{place}": kinds for place in range(count)})


def alike(count: int, rows: int = 500) -> Columns:
    """Questions with yes or no that nine of ten people answer by one opinion."""
    rng = np.random.default_rng(1)
    opinion = rng.integers(0, 2, rows)
    return {
        f"q{place}": [str(value) for value in np.where(rng.random(rows) < 0.9, opinion, 1 - opinion)]
        for place in range(count)
    }


def times(columns: Columns, many: int) -> Columns:
    return {name: column * many for name, column in columns.items()}


def straight() -> Columns:
    """Twenty questions with five answers, where one in five people always gives the last."""
    found = questions(20, 5)
    return {
        name: ["4" if place % 5 == 0 else cell for place, cell in enumerate(column)]
        for name, column in found.items()
    }


def towns(rows: int = 500) -> Columns:
    """Six columns that all follow from one of twenty towns, and a flag."""
    (town,), (flag,) = drawn(rows, town=20).values(), drawn(rows, 2, flag=2).values()
    return {**{f"of_town_{place}": [f"{cell}{place}" for cell in town] for place in range(6)}, "flag": flag}


LEGITIMATE: dict[str, Columns] = {
    "three questions with yes or no": questions(3, 2),
    "ten questions that say much the same": alike(10),
    "twenty questions that say much the same": alike(20),
    "people who tick the last answer everywhere": straight(),
    "columns that follow from each other": towns(),
    "an age, a sex and a level": drawn(2000, age=40, sex=2, level=3),
    "all different": drawn(500, a=10_000, b=10_000),
}
COPIED: dict[str, Columns] = {
    "a file twice over": times(drawn(150, a=60, b=80, c=40, d=3, y=2), 2),
    "a survey twice over": times(questions(20, 5), 2),
    "patients three times over": times(drawn(300, age=40, pressure=50, rate=90, sex=2, y=2), 3),
}


@pytest.mark.parametrize("columns", LEGITIMATE.values(), ids=LEGITIMATE)
def test_rows_that_are_alike_by_chance_are_no_copies(columns: Columns) -> None:
    assert repetition(columns) == []
    assert not repeats.count(columns).copied(MAX_REPEATED)


@pytest.mark.parametrize("columns", COPIED.values(), ids=COPIED)
def test_a_file_put_together_with_itself_is_refused_with_its_numbers(columns: Columns) -> None:
    rows = len(next(iter(columns.values())))
    found = repeats.count(columns)
    (issue,) = repetition(columns)
    assert issue.code == "repeated_rows"
    assert issue.message.startswith(f"{found.again:,} of {rows:,} rows are exact duplicates")
    assert found.again == rows - len(set(zip(*columns.values(), strict=True)))


def test_a_column_that_counts_rows_hides_no_copies_unless_it_is_said_to_name_them() -> None:
    columns = COPIED["patients three times over"]
    rows = len(columns["age"])
    counter = [str(place + 1) for place in range(rows)]
    shuffled = [str(place * 7 % 10_007) for place in range(rows)]
    assert repetition({"n": counter, **columns})
    assert repetition({"Unnamed: 0": shuffled, **columns})
    assert repetition({"n": counter, **columns}, ids={"n"}) == []
    assert repetition({"when": shuffled, **columns}) == []


def test_a_table_of_which_more_is_known_may_repeat_fewer_rows() -> None:
    columns = drawn(200, a=500, b=500, c=500)
    some = {name: [*column, *column[:25]] for name, column in columns.items()}
    assert repetition(some, MAX_REPEATED)
    assert repetition(some, MAX_REPEATED_UNKNOWN) == []


def test_a_table_of_one_constant_or_nothing_but_a_counter_is_judged_without_a_crash() -> None:
    assert repeats.count({"a": ["x"] * 9}).chance == 8
    assert repeats.count({"a": ["1", "2", "3"]}).again == 0
    assert repeats.count({"a": []}).again == 0
