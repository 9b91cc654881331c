"""What a rollout does next: every rule alone tips the decision, and nothing passes without being seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpulse_core.control.advance import Step, advance
from artpulse_core.control.rollout import Counts, Evidence, Plan, Rollout, Stage, Window
from artpulse_core.store.clock import stamp

BEGAN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
OVER = BEGAN + timedelta(seconds=600)
MIX = {"calm": 0.5, "wild": 0.3, "grey": 0.2}


def state(percent: float = 50.0, **changes: Any) -> Rollout:
    """A canary that has stood at ``percent`` since ``BEGAN``."""
    stages = (Stage(percent, stamp(BEGAN)),)
    return replace(Rollout("canary", 1, 2, percent, "s", stages=stages), **changes)


def slot(n: int, errors: int = 0, slow: int = 0, mix: dict[str, float] | None = None) -> Counts:
    """Counts whose labels are in the proportions of ``mix``."""
    return Counts(n, errors, slow, {name: int(n * part * 0.9) for name, part in (mix or MIX).items()})


def window(percent: float = 50.0, primary: Counts | None = None, secondary: Counts | None = None) -> Window:
    """Both slots at ``percent``; healthy ones by default."""
    return Window(percent, primary or slot(3000, 30, 60), secondary or slot(3000, 30, 60))


def seen(*windows: Window) -> Evidence:
    return Evidence(windows)


def rules(step: Step) -> dict[str, Any]:
    return {rule["name"]: rule["passed"] for rule in step.verdict["rules"]}


GOOD = seen(window())


@pytest.mark.smoke
def test_a_step_that_passed_soaked_and_was_seen_goes_to_the_next() -> None:
    step = advance(state(), GOOD, OVER)
    assert (step.decision, step.percent, step.verdict["decision"]) == ("advance", 100.0, "pass")
    assert rules(step) == {
        "hard_stop": True,
        "errors": True,
        "slow": True,
        "labels": True,
        "samples": True,
        "fewer_errors": None,
    }
    assert step.verdict["summary"] == "Passed: from 50 % to 100 %."


FAILING = slot(3000, 240, 60)
SLOW = slot(3000, 30, 900)
MOVED = slot(3000, 30, 60, {"calm": 0.1, "wild": 0.3, "grey": 0.6})


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("rule", "secondary", "limit"),
    [
        ("errors", FAILING, 0.02),
        ("slow", SLOW, 0.02),
        ("labels", MOVED, 0.02),
        ("hard_stop", slot(8, 5), 0.9),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("mode", ["canary", "blue_green", "shadow"])
def test_each_broken_rule_alone_aborts_at_once(
    rule: str, secondary: Counts, limit: float, paused: bool, mode: Any
) -> None:
    running = state(mode=mode, paused=paused, plan=Plan(max_error_increase=limit))
    step = advance(running, seen(window(secondary=secondary)), BEGAN)
    assert (step.decision, step.percent, step.verdict["decision"]) == ("abort", 0.0, "fail")
    assert [name for name, passed in rules(step).items() if passed is False] == [rule]
    assert step.verdict["summary"].startswith("Failed: ")


UNSURE = slot(150, 3, 3)


@pytest.mark.parametrize(
    ("rule", "secondary"),
    [
        ("errors", UNSURE),
        ("slow", slot(3000, 30, 330)),
        ("labels", slot(200, 0, 0, {"calm": 0.2, "wild": 0.3, "grey": 0.5})),
        ("samples", slot(99)),
    ],
)
def test_each_undecided_rule_alone_holds(rule: str, secondary: Counts) -> None:
    primary = slot(3000, 30, 60)
    plan = Plan(max_slow_increase=0.1, max_label_shift=0.25)
    if rule == "labels":
        primary, plan = slot(20, 0, 0), replace(plan, max_error_increase=1.0, max_slow_increase=1.0)
    if rule == "samples":
        plan = replace(plan, max_error_increase=1.0, max_slow_increase=1.0)
    step = advance(state(plan=plan), seen(window(primary=primary, secondary=secondary)), OVER)
    assert (step.decision, step.percent, step.verdict["decision"]) == ("hold", 50.0, "inconclusive")
    assert [name for name, passed in rules(step).items() if passed is None and name != "fewer_errors"] == [
        rule
    ]


NONE = seen()


@pytest.mark.smoke
@pytest.mark.parametrize(
    "evidence",
    [
        NONE,
        seen(Window(50.0)),
        seen(window(), Window(50.0)),
        seen(window(secondary=Counts())),
        seen(window(primary=Counts())),
        seen(window(percent=25.0)),
    ],
    ids=["nothing", "empty", "old ones alone", "no secondary", "no primary", "of another share"],
)
@pytest.mark.parametrize("mode", ["canary", "blue_green", "shadow"])
def test_zero_samples_never_pass(evidence: Evidence, mode: Any) -> None:
    step = advance(state(mode=mode, plan=Plan(min_samples=1, soak_seconds=0)), evidence, OVER)
    assert (step.decision, step.verdict["decision"]) == ("hold", "inconclusive")


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        (OVER, "advance"),
        (OVER - timedelta(microseconds=1), "hold"),
        (BEGAN, "hold"),
        (BEGAN - timedelta(days=400), "hold"),
    ],
)
def test_a_soak_ends_at_its_second_and_never_by_a_clock_that_went_back(now: datetime, decision: str) -> None:
    step = advance(state(), GOOD, now)
    assert (step.decision, step.verdict["decision"]) == (decision, "pass")


def test_even_without_a_soak_a_step_that_begins_in_the_future_waits() -> None:
    step = advance(state(plan=Plan(soak_seconds=0)), GOOD, BEGAN - timedelta(seconds=1))
    assert step.decision == "hold"
    assert "clock" in step.verdict["summary"]


@pytest.mark.parametrize(("n", "decision"), [(100, "advance"), (99, "hold")])
def test_samples_of_the_present_step_count_and_not_those_before(n: int, decision: str) -> None:
    evidence = seen(window(25.0), window(50.0, slot(n), slot(n)))
    assert advance(state(), evidence, OVER).decision == decision


@pytest.mark.parametrize(
    ("percent", "after", "decision"),
    [(1.0, 5.0, "advance"), (3.0, 5.0, "advance"), (50.0, 100.0, "advance"), (100.0, 100.0, "finish")],
)
def test_the_next_step_is_the_first_above_the_present_share(
    percent: float, after: float, decision: str
) -> None:
    present = window(percent) if percent < 100 else window(percent, Counts(), slot(400))
    step = advance(state(percent), seen(window(), present), OVER)
    assert (step.decision, step.percent) == (decision, after)


def test_a_plan_that_ends_below_everything_finishes_at_its_last_step() -> None:
    step = advance(state(plan=Plan(steps=(10.0, 50.0))), GOOD, OVER)
    assert (step.decision, step.percent) == ("finish", 100.0)


def test_at_every_request_a_hard_stop_still_acts() -> None:
    evidence = seen(window(), window(100.0, Counts(), slot(9, 5)))
    assert advance(state(100.0), evidence, BEGAN).decision == "abort"


@pytest.mark.parametrize(
    ("n", "errors", "decision"), [(10, 5, "abort"), (11, 5, "hold"), (4, 4, "hold"), (5, 5, "abort")]
)
def test_a_hard_stop_needs_its_number_and_its_share(n: int, errors: int, decision: str) -> None:
    evidence = seen(Window(50.0, Counts(), Counts(n, errors)))
    assert advance(state(), evidence, BEGAN).decision == decision


def test_a_paused_rollout_stays() -> None:
    step = advance(state(paused=True), GOOD, OVER)
    assert (step.decision, step.percent, step.verdict["decision"]) == ("hold", 50.0, "pass")
    assert "paused" in step.verdict["summary"]


def test_a_shadow_that_passed_is_ready_and_stays_one() -> None:
    step = advance(state(0.0, mode="shadow"), seen(window(0.0)), OVER)
    assert (step.decision, step.percent, step.verdict["decision"]) == ("hold", 0.0, "pass")
    assert "ready" in step.verdict["summary"]


def test_without_a_rollout_nothing_happens() -> None:
    for still in (Rollout(primary=1), replace(state(), mode="single"), replace(state(), secondary=None)):
        assert advance(still, GOOD, OVER).decision == "hold"


def test_a_step_without_a_beginning_waits() -> None:
    assert advance(state(stages=()), GOOD, OVER).decision == "hold"


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
    assert "more than answers as these can show" in step.verdict["summary"]


@pytest.mark.parametrize(
    "odd",
    [
        Counts(5, 6),
        Counts(5, -1),
        Counts(-1),
        Counts(5, 0, 6),
        Counts(5, 0, 0, {"a": 6}),
        Counts(5, 0, 0, {"a": -1}),
    ],
)
def test_counts_that_cannot_be_pass_nothing(odd: Counts) -> None:
    for evidence in (seen(window(primary=odd)), seen(window(secondary=odd), window())):
        step = advance(state(), evidence, OVER)
        assert (step.decision, step.verdict["decision"]) == ("hold", "inconclusive")


counts = st.integers(0, 20_000).flatmap(
    lambda n: st.builds(
        lambda e, s, a, b: Counts(n, e, s, {"a": a * n // 200, "b": b * n // 200}),
        st.integers(0, n),
        st.integers(0, n),
        st.integers(0, 100),
        st.integers(0, 100),
    )
)
windows = st.lists(st.builds(Window, st.sampled_from([1.0, 5.0, 50.0]), counts, counts), max_size=4)
RANK = {"pass": 0, "inconclusive": 1, "fail": 2}


@settings(max_examples=150, deadline=None)
@given(windows, st.sampled_from([1.0, 5.0, 50.0]), st.booleans(), st.integers(-1000, 5000))
def test_any_evidence_gives_a_step_of_plain_json(
    many: list[Window], percent: float, paused: bool, seconds: int
) -> None:
    step = advance(state(percent, paused=paused), Evidence(tuple(many)), BEGAN + timedelta(seconds=seconds))
    assert orjson.loads(orjson.dumps(step.verdict)) == step.verdict
    assert step.verdict["decision"] in RANK
    assert (step.decision == "abort") == (step.verdict["decision"] == "fail")
    if step.decision in {"advance", "finish"}:
        assert step.verdict["decision"] == "pass"
        assert not paused
        assert seconds >= 600
        assert step.percent > percent
        assert many[-1].secondary.n >= 100


@settings(max_examples=100, deadline=None)
@given(counts, counts, st.integers(1, 50))
def test_more_errors_of_the_secondary_never_help_it(primary: Counts, secondary: Counts, more: int) -> None:
    worse = replace(secondary, errors=min(secondary.errors + more, secondary.n))
    before, after = (
        advance(state(), seen(Window(50.0, primary, one)), OVER).verdict["decision"]
        for one in (secondary, worse)
    )
    assert RANK[after] >= RANK[before]


@settings(max_examples=50, deadline=None)
@given(st.permutations([("a", 40), ("b", 900), ("c", 300)]), counts)
def test_the_order_of_labels_does_not_matter(order: list[tuple[str, int]], primary: Counts) -> None:
    one = advance(state(), seen(Window(50.0, primary, Counts(2000, 9, 9, dict(order)))), OVER)
    two = advance(state(), seen(Window(50.0, primary, Counts(2000, 9, 9, dict(sorted(order))))), OVER)
    assert one == two
