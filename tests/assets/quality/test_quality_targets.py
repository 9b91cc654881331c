"""The target: turned round, cut off at a cap, missing, or always the same."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.association import rank_correlation
from tests.assets.quality.tables import check, problem, rows

KNOWN = {"age": 1, "weight": -1}


def directed(way: int) -> tuple[object, object]:
    """Rows whose age rises and whose weight falls with ``yes`` (or the reverse)."""
    frame = rows(120)
    yes = (frame["label"] == "yes").to_numpy()
    frame["age"] = 40 + way * 10 * yes + np.arange(120) % 7
    frame["weight"] = 70 - way * 10 * yes + np.arange(120) % 5
    return frame, problem(target={"positive_label": "yes"}, directions=KNOWN)


@pytest.mark.smoke
@pytest.mark.parametrize(("way", "passed"), [(1, True), (-1, False)])
def test_a_target_that_known_directions_contradict_is_inverted(way: int, passed: bool) -> None:
    found = check("inverted_target", *directed(way))
    assert found.passed is passed
    assert [row.path for row in found.rows] == ([] if passed else ["age", "weight"])
    assert passed or "looks inverted" in found.summary


def test_one_field_against_its_direction_of_two_is_no_inversion() -> None:
    frame, stated = directed(1)
    frame["weight"] = 140 - frame["weight"]
    assert check("inverted_target", frame, stated).passed


def test_a_target_without_any_relation_is_not_called_inverted() -> None:
    names = [f"f{i}" for i in range(6)]
    stated = problem(fields=[{"name": name} for name in names], directions=dict.fromkeys(names, 1))
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        frame = rows(120).assign(**{name: rng.normal(size=120) for name in names})
        found.append(check("inverted_target", frame, stated).passed)
    assert sum(found) >= 58


def test_without_directions_or_with_three_labels_nothing_is_asked() -> None:
    assert check("inverted_target", rows(), problem()) is None
    many = rows(labels=("a", "b", "c"))
    assert check("inverted_target", many, problem(directions=KNOWN)) is None


def test_directions_hold_for_a_number_too() -> None:
    frame = rows()
    frame["age"] = 50 - frame["target"]
    assert not check("inverted_target", frame, problem("regression", directions={"age": 1})).passed
    assert check("inverted_target", frame, problem("regression", directions={"age": -1})).passed


def test_rank_correlation_is_that_of_scipy_and_skips_gaps() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    a = rng.integers(0, 6, 80).astype(float)
    b = a + rng.normal(size=80)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(np.r_[a, np.nan], np.r_[b, 1e9]) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(np.ones(5), np.arange(5.0)) == 0


@pytest.mark.parametrize(("capped", "passed"), [(13, False), (12, True)])
def test_a_stated_cap_is_reported_with_its_share(capped: int, passed: bool) -> None:
    frame = rows(120)
    frame.loc[: capped - 1, "target"] = 9.0
    found = check("capped_target", frame, problem("regression", target={"capped_at": 9}))
    assert found.passed is passed
    assert found.value == round(capped / 120, 4)
    assert f"{capped / 120:.1%} of the rows" in found.summary


def test_a_pile_at_the_largest_value_that_nobody_stated_is_told() -> None:
    frame = rows(120)
    assert check("capped_target", frame, problem("regression")).passed
    frame.loc[:11, "target"] = 9.0
    found = check("capped_target", frame, problem("regression"))
    assert "state target.capped_at = 9" in found.summary
    ratings = frame.assign(target=np.arange(120) % 5)
    assert check("capped_target", ratings, problem("regression")).passed


@pytest.mark.parametrize(("value", "passed"), [(np.nan, False), (np.inf, False), (10.1, False), (10.0, True)])
def test_every_row_has_a_target_in_its_stated_range(value: float, passed: bool) -> None:
    frame = rows()
    frame.loc[3, "target"] = value
    stated = problem("regression", target={"minimum": -10, "maximum": 10})
    assert check("finite_target", frame, stated).passed is passed


def test_a_target_that_never_varies_is_refused() -> None:
    assert check("constant_target", rows(), problem("regression")).passed
    found = check("constant_target", rows().assign(target=3.0), problem("regression"))
    assert "nothing to learn" in found.summary
    assert not found.passed
