"""The verdict on models that answer numbers: what promotes, what rejects, and what leaves the champion in place."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpulse_core.gates import Evidence, Policy, Verdict, evaluate, evaluate_first, load_policy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = load_policy()
LESS = POLICY.model_copy(  # fewer resamples where many verdicts are counted
    update={
        "regression": POLICY.regression.model_copy(
            update={"superiority": POLICY.regression.superiority.model_copy(update={"resamples": 400})}
        )
    }
)


def answers(seed: Any, n: int, factor: float = 1.0, tail: float | None = None) -> tuple[np.ndarray, ...]:
    """True values and two models whose errors correlate by 0.9; the challenger's are ``factor`` times as large."""
    rng = np.random.default_rng(seed)
    y = rng.normal(2.0, 1.15, n)
    shared, first, second = rng.normal(0, 0.4, (3, n))
    scale = 1.0 if tail is None else np.sqrt(tail / rng.chisquare(tail, n))
    old = (np.sqrt(0.9) * shared + np.sqrt(0.1) * first) * scale
    new = (np.sqrt(0.9) * shared + np.sqrt(0.1) * second) * scale
    return y, y + old, y + factor * new


def gather(y: Any, champion: Any, challenger: Any, **other: Any) -> Evidence:
    known = {"test_hash": "t", "champion_test_hash": "t", "generated_at": NOW - timedelta(hours=1)}
    if "intervals" not in other:
        try:
            half = np.quantile(np.abs(np.asarray(y) - np.asarray(challenger)), 0.9)
            other["intervals"] = (np.asarray(challenger) - half, np.asarray(challenger) + half)
        except (TypeError, ValueError, IndexError):
            other["intervals"] = None
    return Evidence.from_values(y, champion, challenger, **{**known, **other})


def judge(evidence: Evidence, policy: Policy = POLICY, **other: Any) -> Verdict:
    return evaluate(policy, evidence, **{"now": NOW, "seed": 0, **other})


def decisions(n: int, factor: float, count: int, tail: float | None = None) -> Counter[str]:
    return Counter(
        judge(gather(*answers([7, i], n, factor, tail)), LESS, seed=i).decision for i in range(count)
    )


@pytest.mark.parametrize("tail", [None, 3.0])
def test_an_equal_challenger_is_hardly_ever_promoted_however_heavy_the_tails(tail: float | None) -> None:
    assert decisions(1000, 1.0, 100, tail)["promote"] <= 5


def test_a_three_percent_lower_error_is_promoted_and_a_higher_one_never() -> None:
    assert decisions(4000, 0.97, 40)["promote"] >= 36
    worse = decisions(4000, 1.03, 40)
    assert worse["promote"] == 0
    assert worse["reject"] >= 36


def better(n: int = 1500) -> tuple[np.ndarray, ...]:
    return answers(1, n, 0.9)


@pytest.mark.smoke
def test_a_better_challenger_is_promoted_with_every_rule_told() -> None:
    y, old, new = better()
    verdict = judge(gather(y, old, new, slices={"price": np.where(y > 2, "high", "low")}))
    assert verdict.decision == "promote"
    assert verdict.summary.startswith("Promote: The challenger is better: rmse lower by +")
    names = {rule.name for rule in verdict.rules}
    assert names >= {"superiority", "coverage", "slice:price=high", "test_rows", "same_test_rows"}
    assert json.loads(json.dumps(verdict.to_dict(), allow_nan=False))["decision"] == "promote"
    assert verdict == judge(gather(y, old, new, slices={"price": np.where(y > 2, "high", "low")}))


def _with(values: np.ndarray, value: float) -> np.ndarray:
    out = values.copy()
    out[3] = value
    return out


Y, OLD, NEW = better()
BAD: dict[str, tuple[Evidence, str]] = {
    "no champion": (gather(Y, None, NEW), "inconclusive"),
    "champion NaN": (gather(Y, _with(OLD, np.nan), NEW), "inconclusive"),
    "champion short": (gather(Y, OLD[:-1], NEW), "inconclusive"),
    "challenger NaN": (gather(Y, OLD, _with(NEW, np.nan), intervals=(NEW, NEW)), "reject"),
    "challenger infinite": (gather(Y, OLD, _with(NEW, np.inf), intervals=None), "reject"),
    "challenger beyond squares": (gather(Y, OLD, _with(NEW, 1e200), intervals=None), "reject"),
    "challenger short": (gather(Y, OLD, NEW[:-1]), "reject"),
    "challenger a table": (gather(Y, OLD, np.stack([NEW, NEW], axis=1)), "reject"),
    "challenger text": (gather(Y, OLD, ["a"] * len(Y)), "reject"),
    "intervals upside down": (gather(Y, OLD, NEW, intervals=(NEW + 1, NEW - 1)), "reject"),
    "intervals NaN": (gather(Y, OLD, NEW, intervals=(_with(NEW, np.nan), NEW)), "reject"),
    "intervals short": (gather(Y, OLD, NEW, intervals=(NEW[:5], NEW[:5])), "reject"),
    "intervals no pair": (gather(Y, OLD, NEW, intervals=(NEW,)), "reject"),
    "intervals of an impossible level": (gather(Y, OLD, NEW, level=90), "reject"),
    "no intervals": (gather(Y, OLD, NEW, intervals=None), "inconclusive"),
    "truth NaN": (gather(_with(Y, np.nan), OLD, NEW, intervals=(NEW, NEW)), "inconclusive"),
    "truth text": (gather(["a"] * len(Y), OLD, NEW), "inconclusive"),
    "no rows": (gather([], [], [], intervals=None), "inconclusive"),
    "few rows": (gather(Y[:40], OLD[:40], NEW[:40]), "inconclusive"),
    "foreign": (gather(Y, OLD, NEW, champion_test_hash="other"), "inconclusive"),
    "hash missing": (gather(Y, OLD, NEW, test_hash=None, champion_test_hash=None), "inconclusive"),
    "stale": (gather(Y, OLD, NEW, generated_at=NOW - timedelta(days=15)), "inconclusive"),
    "undated": (gather(Y, OLD, NEW, generated_at=None), "inconclusive"),
    "slice of another length": (gather(Y, OLD, NEW, slices={"s": [True]}), "inconclusive"),
    "the same model": (gather(Y, OLD, OLD), "inconclusive"),
    "the same model but for a few rows": (
        gather(Y, OLD, np.where(np.arange(len(Y)) < 20, Y, OLD)),
        "inconclusive",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_missing_broken_stale_or_foreign_evidence_never_promotes_and_says_why(name: str) -> None:
    evidence, decision = BAD[name]
    verdict = judge(evidence)
    assert verdict.decision == decision
    assert verdict.reasons
    if name != "no champion":
        assert evaluate_first(POLICY, evidence, now=NOW, seed=0).decision != "promote"


def test_a_slice_that_gets_worse_rejects_and_a_small_or_absent_one_is_told() -> None:
    y, old, new = answers(1, 1500, 0.7)
    coast = np.arange(len(y)) < 200
    worse = np.where(coast, y + 1.5 * (old - y), new)
    verdict = judge(gather(y, old, worse, slices={"coast": coast, "tiny": np.arange(len(y)) < 9}))
    rules = {rule.name: rule for rule in verdict.rules}
    assert rules["superiority"].passed is True
    assert rules["slice:coast"].passed is False
    assert "rises by" in rules["slice:coast"].reason
    assert (rules["slice:tiny"].passed, rules["slice:tiny"].blocks) == (None, False)
    assert verdict.decision == "reject"
    needed = POLICY.regression.slices.model_copy(update={"required": ("coast",)})
    policy = POLICY.model_copy(update={"regression": POLICY.regression.model_copy(update={"slices": needed})})
    assert judge(gather(y, old, new), policy).decision == "inconclusive"


def test_intervals_that_hold_less_or_more_than_they_say_reject() -> None:
    y, old, new = better()
    for half in (0.3, 5.0):
        verdict = judge(gather(y, old, new, intervals=(new - half, new + half)))
        assert [rule.name for rule in verdict.rules if rule.blocks] == ["coverage"]
        assert verdict.decision == "reject"
    few = slice(0, 60)
    half = np.quantile(np.abs(y - new)[few], 0.85)
    rules = judge(gather(y[few], old[few], new[few], intervals=(new[few] - half, new[few] + half))).rules
    assert {rule.name: rule.passed for rule in rules}["coverage"] is None


def test_a_gain_on_a_handful_of_rows_is_no_proof() -> None:
    y, old, _ = better()
    outliers = np.arange(len(y)) < 5
    champion = np.where(outliers, y + np.asarray([90.0, 1, 1, 1, 1] + [1] * (len(y) - 5)), old)
    challenger = np.where(outliers, y, y + np.roll(old - y, 1))
    verdict = judge(gather(y, champion, challenger))
    assert verdict.decision == "inconclusive"


def test_a_champion_without_error_is_never_replaced() -> None:
    y, _, new = better()
    assert judge(gather(y, y, new)).decision == "reject"
    assert judge(gather(y, y, y, intervals=(y, y))).decision != "promote"


def test_mean_absolute_error_can_be_what_counts() -> None:
    y, old, new = better()
    policy = POLICY.model_copy(update={"regression": POLICY.regression.model_copy(update={"metric": "mae"})})
    assert judge(gather(y, old, new), policy).summary.startswith(
        "Promote: The challenger is better: mae lower"
    )


def test_a_first_champion_must_beat_answering_the_mean() -> None:
    y, _, new = better(200)
    lone = gather(y, None, new, champion_test_hash=None)
    verdict = evaluate_first(POLICY, lone, now=NOW, seed=0)
    assert verdict.decision == "promote"
    assert verdict.summary.startswith("Promote: R² is 0.")
    guess = gather(y, None, np.full(200, y.mean()))
    assert evaluate_first(POLICY, guess, now=NOW, seed=0).decision == "reject"
    flat = gather(np.ones(200), None, new, intervals=(np.zeros(200), np.ones(200)))
    assert evaluate_first(POLICY, flat, now=NOW, seed=0).decision != "promote"


JUNK = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.floats(),
    st.lists(st.floats() | st.none() | st.text(max_size=2), max_size=4),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(
    JUNK,
    JUNK,
    JUNK,
    st.none() | st.tuples(JUNK, JUNK),
    st.floats(),
    st.dictionaries(st.text(max_size=2), JUNK),
)
def test_junk_never_raises_and_never_promotes(
    y: Any, old: Any, new: Any, ends: Any, level: float, slices: Any
) -> None:
    evidence = gather(y, old, new, intervals=ends, level=level, slices=slices)
    assert judge(evidence, LESS).decision != "promote"
    assert evaluate_first(LESS, evidence, now=NOW, seed=0).decision != "promote"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1e-300, 1e-160, 1e-9, 1.0, 1e9, 1e59]),
    st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 1e9, 1e59]),
    st.sampled_from([0.0, 1.0, 1e59]),
)
def test_numbers_of_any_size_are_judged_without_a_warning(spread: float, error: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=80) * spread + shift
    old, new = y + rng.normal(size=80) * error, y + rng.normal(size=80) * error
    for verdict in (
        judge(gather(y, old, new), LESS),
        evaluate_first(LESS, gather(y, None, new), now=NOW, seed=0),
    ):
        assert json.dumps(verdict.to_dict(), allow_nan=False)
