"""Reliability, coverage of intervals by band, and what a threshold costs."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.binning import wilson
from artpulse_assets.pipeline import calibration

RNG = np.random.default_rng(6)


def test_wilson_bounds_are_those_of_the_published_example() -> None:
    low, high = wilson(0.2, 10)  # 2 of 10: Brown, Cai and DasGupta 2001 use the same formula
    assert (float(low), float(high)) == pytest.approx((0.0567, 0.5098), abs=5e-4)
    assert float(wilson(0.0, 20)[0]) == pytest.approx(0.0, abs=1e-12)


def test_a_reliability_table_counts_every_row_once_and_shows_who_is_too_sure() -> None:
    p = np.array([0.05, 0.15, 0.95, 0.95, 0.95, 0.95])
    right = np.array([False, False, True, True, False, False])
    table = calibration.reliability_table(p, right)
    assert [row["n"] for row in table["bins"]] == [1, 1, 4]
    last = table["bins"][-1]
    assert (last["from"], last["to"], last["share"]) == (0.9, 1.0, 0.5)
    assert table["ece"] == pytest.approx((0.05 + 0.15 + 4 * 0.45) / 6)
    assert (table["confidence"], table["share"]) == (pytest.approx(p.mean()), pytest.approx(1 / 3))


def test_coverage_is_told_band_by_band_of_the_prediction() -> None:
    values = np.linspace(0, 10, 500)
    error = RNG.uniform(-1, 1, 500) * np.where(values > 8, 2, 1)  # twice as wrong at the top
    table = calibration.coverage_table(values + error, values, values - 1, values + 1, level=0.9)
    shares = [band["share"] for band in table["bands"]]
    assert shares[:4] == [1.0] * 4
    assert shares[4] == pytest.approx(0.5, abs=0.1)
    assert sum(band["n"] for band in table["bands"]) == 500
    assert table["coverage"] == pytest.approx(np.mean(shares), abs=1e-9)
    assert table["width"] == pytest.approx(2.0)


def test_the_cheapest_threshold_follows_from_the_costs_and_beats_its_neighbours_when_calibrated() -> None:
    assert calibration.best_threshold(4.0, 1.0) == pytest.approx(0.2)
    assert calibration.best_threshold(1.0, 1.0) == 0.5
    p = RNG.uniform(0, 1, 40_000)
    positive = RNG.uniform(0, 1, 40_000) < p
    table = calibration.threshold_table(
        positive, p, label="ill", chosen=0.5, false_negative=4.0, false_positive=1.0
    )
    cheapest = min(table["rows"], key=lambda row: row["cost"])
    assert cheapest["threshold"] == pytest.approx(table["best"])
    assert cheapest["best"]
    assert not cheapest["chosen"]


def test_a_threshold_table_adds_up() -> None:
    positive = np.array([True, True, True, False, False])
    p = np.array([0.9, 0.6, 0.2, 0.6, 0.1])
    table = calibration.threshold_table(positive, p, label="ill", chosen=0.6, false_negative=5.0)
    assert [row["threshold"] for row in table["rows"] if row["chosen"]] == [0.6]  # 0.6 itself is called
    row = next(row for row in table["rows"] if row["chosen"])
    assert row["sensitivity"] == pytest.approx(2 / 3)
    assert row["specificity"] == pytest.approx(1 / 2)
    assert row["precision"] == pytest.approx(2 / 3)
    assert (row["called"], row["missed"], row["false_alarms"]) == pytest.approx((60.0, 20.0, 20.0))
    assert row["cost"] == pytest.approx(20 * 5 + 20 * 1)
    nobody = calibration.threshold_table(positive, p / 10, label="ill", chosen=0.5)["rows"][-1]
    assert nobody["precision"] is None
    assert nobody["sensitivity"] == 0.0


@pytest.mark.parametrize("costs", [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_costs_that_are_no_positive_numbers_are_refused(costs: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="positive numbers"):
        calibration.best_threshold(*costs)
