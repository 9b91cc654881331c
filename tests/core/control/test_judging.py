"""The rules a secondary is judged by: limits that shrink as the share grows, stages that are not mixed up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from artpulse_core.control.advance import advance
from artpulse_core.control.judging import FIRST, SPENT, stakes
from artpulse_core.control.rollout import Counts, Plan
from tests.core.control.test_advance import OVER, rules, seen, slot, state, window


def test_a_small_share_needs_less_than_a_large_one() -> None:
    few = window(1.0, slot(10_000, 100), slot(100, 1))
    assert advance(state(1.0), seen(few), OVER).percent == 5.0
    assert advance(state(1.0, plan=Plan(steps=(1.0, 100.0))), seen(few), OVER).decision == "hold"


def test_four_points_more_errors_do_not_get_past_a_quarter() -> None:
    bad = window(25.0, slot(300_000, 3000), slot(100_000, 5000))
    assert advance(state(25.0, plan=Plan(max_error_increase=0.05)), seen(bad), OVER).decision == "advance"
    assert advance(state(25.0), seen(bad), OVER).decision == "abort"


def test_an_increase_below_the_limit_passes_though_it_is_shown() -> None:
    worse = window(50.0, slot(100_000, 1000), slot(100_000, 2000))
    assert advance(state(), seen(worse), OVER).decision == "advance"


def test_a_base_rate_that_moves_with_the_share_is_no_difference() -> None:
    quiet, busy = (
        window(1.0, slot(99_000, 100), slot(1000, 1)),
        window(50.0, slot(40_000, 4000), slot(40_000, 4000)),
    )
    step = advance(state(), seen(quiet, busy), OVER)
    assert step.decision == "advance"
    assert step.verdict["rules"][1]["value"] == pytest.approx(0.0, abs=1e-4)


def test_fewer_errors_are_told() -> None:
    step = advance(state(), seen(window(50.0, slot(3000, 300), slot(3000, 30))), OVER)
    assert rules(step)["fewer_errors"] is True


def test_what_is_missing_is_about_what_is_needed() -> None:
    step = advance(state(), seen(window(50.0, slot(900, 9), slot(900, 9))), OVER)
    assert "about 720 more answers of the secondary are needed" in step.verdict["summary"]
    more = advance(state(), seen(window(50.0, slot(1620, 16), slot(1620, 16))), OVER)
    assert more.decision == "advance"


def test_where_no_number_of_answers_would_do_it_says_so() -> None:
    near = window(50.0, slot(2000, 20), slot(2000, 60))
    step = advance(state(), seen(near), OVER)
    assert step.decision == "hold"
    assert "at these rates no number is enough" in step.verdict["summary"]


def test_the_error_of_a_rollout_is_divided_and_not_multiplied() -> None:
    assert sum(SPENT.values()) == pytest.approx(1.0)
    assert stakes(1) == [FIRST]
    assert sum(stakes(100_000)) == pytest.approx(1.0, abs=1e-4)
    assert sum(stakes(40)) < 1.0


HEALTHY = window(25.0, slot(60_000, 600, 600), slot(20_000, 200, 200))
MOVED = {"calm": 0.1, "wild": 0.3, "grey": 0.6}


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("rule", "secondary"),
    [
        ("errors", slot(1500, 90, 15)),
        ("slow", slot(1500, 15, 400)),
        ("labels", slot(1500, 15, 15, MOVED)),
    ],
)
def test_what_breaks_at_the_larger_share_is_not_hidden_by_what_was_good_before(
    rule: str, secondary: Counts
) -> None:
    step = advance(state(), seen(HEALTHY, window(50.0, slot(1500, 15, 15), secondary)), OVER)
    assert step.decision == "abort"
    assert [name for name, passed in rules(step).items() if passed is False] == [rule]


def test_a_present_step_that_looks_worse_waits_though_the_whole_is_good() -> None:
    step = advance(state(), seen(HEALTHY, window(50.0, slot(150, 1), slot(150, 6))), OVER)
    assert (step.decision, rules(step)["errors"]) == ("hold", None)
    assert "in the present step" in step.verdict["summary"]


def test_labels_of_a_regression_are_nothing_to_compare() -> None:
    bare = window(50.0, Counts(3000, 30, 60), Counts(3000, 30, 60))
    assert advance(state(), seen(bare), OVER).decision == "advance"


def test_a_label_that_only_one_slot_gives_counts_as_moved() -> None:
    new = window(50.0, slot(3000, 30, 60, {"calm": 1.0}), slot(3000, 30, 60, {"new": 1.0}))
    step = advance(state(), seen(new), OVER)
    assert step.decision == "abort"
    assert step.verdict["rules"][3]["value"] == pytest.approx(1.0)


def test_a_clock_far_ahead_does_not_make_evidence() -> None:
    few = window(50.0, slot(150, 1), slot(150, 1))
    assert advance(state(), seen(few), OVER + timedelta(days=3650)).decision == "hold"
