"""The always-valid tests: equal to what they are defined as, fair at every look, sound at ten million answers."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, hypergeom

from artpulse_core.gates.sequential import RATIOS, SPREADS, log_e_mix, log_e_rate, lower_rate, upper_rate


@pytest.mark.smoke
def test_the_weights_of_the_bets_are_one_stake() -> None:
    assert sum(weight for _, weight in RATIOS) == pytest.approx(1.0)
    assert all(ratio > 1.0 for ratio, _ in RATIOS)


@pytest.mark.parametrize("worse", [True, False])
def test_the_e_value_of_a_rate_is_the_product_over_every_failure(worse: bool) -> None:
    windows = [(3, 2, 0.1), (1, 4, 0.25), (2, 0, 0.5)]  # failures of the secondary, of the primary, its share
    stake = 0.0
    for ratio, weight in RATIOS:
        r, bet = ratio if worse else 1 / ratio, weight
        for mine, other, q in windows:
            slot = r * q / (r * q + 1 - q)
            for _ in range(mine):
                bet *= slot / q
            for _ in range(other):
                bet *= (1 - slot) / (1 - q)
        stake += bet
    x, y, q = (np.array(column, dtype=float) for column in zip(*windows, strict=True))
    assert log_e_rate(x, x + y, q, worse=worse) == pytest.approx(math.log(stake))


def test_the_e_value_of_a_mix_is_the_ratio_of_beta_binomial_and_binomial() -> None:
    x, m = np.array([[7, 1, 2]]), np.array([[9, 8, 13]])
    q = x.sum() / m.sum()
    stake = 0.0
    for spread in SPREADS:
        strength = 1 / (q * (1 - q) * spread**2)
        bet = 1.0
        for mine, every in zip(x[0], m[0], strict=True):
            ways = math.comb(int(every), int(mine))
            bet *= betabinom.pmf(mine, every, strength * q, strength * (1 - q)) / ways
            bet /= q**mine * (1 - q) ** (every - mine)
        stake += bet / len(SPREADS)
    assert log_e_mix(x, m) == pytest.approx(math.log(stake))


@pytest.mark.smoke
@pytest.mark.parametrize(("n2", "n1", "failures"), [(5, 5, 4), (10, 90, 20), (1, 30, 3), (200, 200, 30)])
def test_equal_slots_make_nobody_rich_at_a_look(n2: int, n1: int, failures: int) -> None:
    mine = np.arange(max(0, failures - n1), min(failures, n2) + 1)
    chance = hypergeom(n1 + n2, failures, n2).pmf(mine)
    total, share = np.full((len(mine), 1), failures), np.full((len(mine), 1), n2 / (n1 + n2))
    for worse in (True, False):
        expected = (chance * np.exp(log_e_rate(mine[:, None], total, share, worse=worse))).sum()
        assert expected <= 1.0 + 1e-9


def test_equal_label_mixes_make_nobody_rich_at_a_look() -> None:
    m, n2 = (6, 9, 5), 8
    expected, whole = 0.0, math.comb(sum(m), n2)
    for x in product(*(range(size + 1) for size in m)):
        if sum(x) == n2:
            chance = math.prod(math.comb(size, mine) for size, mine in zip(m, x, strict=True)) / whole
            expected += chance * math.exp(float(log_e_mix(np.array([x]), np.array([m]))))
    assert expected <= 1.0 + 1e-9


def test_a_slot_without_answers_says_nothing() -> None:
    assert log_e_rate([5.0], [5.0], [1.0]) == pytest.approx(0.0)
    assert log_e_rate([0.0], [5.0], [0.0]) == pytest.approx(0.0)
    assert log_e_rate([0.0], [0.0], [0.5]) == pytest.approx(0.0)
    assert log_e_mix([[5.0, 3.0]], [[5.0, 3.0]]) == pytest.approx(0.0)
    assert log_e_mix([[0.0, 0.0]], [[0.0, 0.0]]) == pytest.approx(0.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99)), min_size=1, max_size=5
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_windows_and_labels_does_not_matter(
    windows: list[tuple[int, int, float]], random: object
) -> None:
    order = list(range(len(windows)))
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis types its random source as an object
    x, y, q = (np.array(column, dtype=float) for column in zip(*windows, strict=True))
    assert log_e_rate(x, x + y, q) == pytest.approx(log_e_rate(x[order], (x + y)[order], q[order]))
    assert log_e_mix([x], [x + y]) == pytest.approx(log_e_mix([x[order]], [(x + y)[order]]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.001, 0.999))
def test_one_more_failure_of_the_secondary_is_never_evidence_for_it(mine: int, other: int, q: float) -> None:
    now = log_e_rate([mine], [mine + other], [q])
    after = log_e_rate([mine + 1], [mine + other + 1], [q])
    assert after >= now
    assert log_e_rate([mine + 1], [mine + other + 1], [q], worse=False) <= log_e_rate(
        [mine], [mine + other], [q], worse=False
    )


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000_000), st.floats(0, 1), st.floats(1e-6, 0.2))
def test_bounds_enclose_what_was_seen(n: int, part: float, alpha: float) -> None:
    hits = int(n * part)
    low, high = float(lower_rate(hits, n, alpha)), float(upper_rate(hits, n, alpha))
    assert 0.0 <= low <= (hits / n if n else 0.5) <= high <= 1.0
    assert high > low


@pytest.mark.smoke
def test_bounds_without_trials_are_everything() -> None:
    assert (float(lower_rate(0, 0, 0.05)), float(upper_rate(0, 0, 0.05))) == (0.0, 1.0)


def test_bounds_are_where_the_mixture_beats_the_rate_by_one_over_alpha() -> None:
    n, hits, alpha = 240, 13, 0.025
    for p in (float(lower_rate(hits, n, alpha)), float(upper_rate(hits, n, alpha))):
        mixture = betabinom.pmf(hits, n, 0.5, 0.5) / math.comb(n, hits)
        assert mixture / (p**hits * (1 - p) ** (n - hits)) == pytest.approx(1 / alpha)


def test_a_bound_misses_a_rate_at_some_look_in_less_than_alpha_of_the_runs() -> None:
    rng = np.random.default_rng(7)
    for rate in (0.01, 0.3):
        looks = np.arange(1, 601)
        hits = (rng.random((400, 600)) < rate).cumsum(axis=1)
        assert (upper_rate(hits, looks, 0.05) < rate).any(axis=1).mean() <= 0.05
        assert (lower_rate(hits, looks, 0.05) > rate).any(axis=1).mean() <= 0.05


@pytest.mark.smoke
def test_ten_million_answers_are_counted_as_exactly_as_ten() -> None:
    n, rate = 10_000_000, 0.01
    low, high = float(lower_rate(n * rate, n, 0.025)), float(upper_rate(n * rate, n, 0.025))
    spread = math.sqrt(rate * (1 - rate) / n)
    assert 3 * spread < high - rate < 6 * spread
    assert 3 * spread < rate - low < 6 * spread
    assert float(log_e_rate([n * rate], [2 * n * rate], [0.5])) < 0.0
    worse = float(log_e_rate([n * rate * 1.2], [n * rate * 2.2], [0.5]))
    assert worse == pytest.approx(
        120_000 * math.log(1.2) - 220_000 * math.log1p(0.1) + math.log(0.05), rel=1e-9
    )
    assert math.isfinite(float(log_e_mix([[n * 0.3, n * 0.7]], [[n * 0.6, n * 1.4]])))
    assert float(log_e_mix([[n * 0.3, n * 0.7]], [[n * 0.65, n * 1.35]])) > 1000.0
