"""How much there is: each limit fires above it, is silent at it, and says what to add."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.assets.quality.tables import check, pictures, problem, refused, rows


def labelled(**counts: int) -> pd.DataFrame:
    frame = rows(sum(counts.values()))
    frame["label"] = [label for label, count in counts.items() for _ in range(count)]
    return frame


@pytest.mark.smoke
@pytest.mark.parametrize(("n", "passed"), [(99, False), (100, True)])
def test_a_regression_needs_its_fewest_rows(n: int, passed: bool) -> None:
    found = check("minimum_samples", rows(n), problem("regression"))
    assert found.passed is passed
    assert (found.value, found.limit) == (n, 100)


def test_too_few_rows_are_told_with_what_was_left_out() -> None:
    found = check("minimum_samples", pictures(6), problem(source="images"), refused("truncated", "truncated"))
    assert not found.passed
    assert found.summary == (
        "There are 6 usable pictures; at least 20 are needed: add some. Left out were 2 × truncated; "
        "quarantine.csv names each and what to do."
    )


@pytest.mark.parametrize(("labels", "passed"), [(("no",), False), (("no", "yes"), True)])
def test_one_label_tells_nothing_apart(labels: tuple[str, ...], passed: bool) -> None:
    found = check("minimum_labels", rows(40, labels=labels), problem())
    assert found.passed is passed
    if not passed:
        assert "only the label 'no'" in found.summary
        assert "at least 2 values of outcome" in found.summary


@pytest.mark.parametrize(("few", "passed"), [(9, False), (10, True)])
def test_a_label_with_too_few_rows_is_named(few: int, passed: bool) -> None:
    found = check("minimum_per_label", labelled(no=40, yes=few), problem())
    assert found.passed is passed
    assert found.value == few
    assert [row.path for row in found.rows] == ([] if passed else ["yes"])


@pytest.mark.parametrize(("least", "passed"), [(9, False), (10, True)])
def test_a_label_outnumbered_more_than_ten_to_one_is_named(least: int, passed: bool) -> None:
    found = check("imbalance", labelled(no=100, yes=least), problem())
    assert found.passed is passed
    assert [row.path for row in found.rows] == ([] if passed else ["yes"])


@pytest.mark.parametrize(("lost", "passed"), [(41, False), (40, True)])
def test_a_source_of_which_over_half_is_of_no_use_is_refused(lost: int, passed: bool) -> None:
    found = check("left_out", pictures(40), problem(source="images"), refused(*["truncated"] * lost))
    assert found.passed is passed
    if not passed:
        assert "41 of 81 pictures are of no use (41 × truncated)" in found.summary


def test_rows_that_only_repeat_others_count_as_left_out() -> None:
    frame = rows(30)
    found = check("left_out", pd.concat([frame, frame, frame]), problem())
    assert not found.passed
    assert "60 of 90 rows are of no use (60 × duplicate)" in found.summary


def test_limits_of_the_problem_file_count() -> None:
    assert not check("imbalance", labelled(no=40, yes=15), problem(max_imbalance=2)).passed
    assert check("minimum_per_label", labelled(no=40, yes=3), problem(min_per_label=3)).passed
