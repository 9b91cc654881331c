"""Figures of tables: target, categories, outliers, and how columns of any kind move together."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets import plots
from tests.assets.drawing import ODD_NAMES, size_of, titles

RNG = np.random.default_rng(5)


def test_a_target_is_drawn_with_its_cap_and_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.r_[np.linspace(0, 4, 95), np.full(5, 5.0), np.nan]
    text = titles(monkeypatch, lambda: plots.target(values, "price", unit="USD", capped_at=5.0))
    assert (
        text
        == "Half of the rows have price from 1.053 to 3.16 | n = 100 rows · from 0 to 5 · 5.0% at the cap"
    )
    size_of(plots.target(np.full(9, 2.0), "$x_{"))
    with pytest.raises(ValueError, match="no value"):
        plots.target([np.nan], "price")


def test_the_rarest_level_is_named_and_missing_is_no_level(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"colour": {"red": 50, "blue": 4, "missing": 1}, "size": {"small": 30, "large": 25}}
    text = titles(monkeypatch, lambda: plots.categories(counts))
    assert text == "“blue” of colour is the rarest: 4 of 55 rows | n = 55 rows"
    size_of(plots.categories({name: {name: 2, "b": 1} for name in ODD_NAMES}))
    size_of(plots.categories({f"c{i}": {"missing": 3} for i in range(12)}))
    with pytest.raises(ValueError, match="no category"):
        plots.categories({})


def test_outliers_are_drawn_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    far = np.r_[np.linspace(-1, 1, 100), 1e12, -50.0]
    text = titles(monkeypatch, lambda: plots.outliers({"far": far, "calm": np.linspace(0, 1, 102)}))
    assert text == "far has most values far from the rest: 2 | n = 102 rows · 1 of 2 columns have outliers"
    assert (
        plots.outliers({"calm": np.linspace(0, 1, 50), "same": np.ones(50), "none": np.full(50, np.nan)})
        is None
    )


def test_a_heat_map_of_a_table_says_how_each_pair_was_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    level = np.arange(90.0) % 3
    columns = {"level": level, "number": level * 10 + RNG.normal(size=90), "noise": RNG.normal(size=90)}
    text = titles(monkeypatch, lambda: plots.correlation_heatmap(columns, categories={"level"}))
    assert text.startswith("level and number move together most | η = ")
    ranks = titles(monkeypatch, lambda: plots.correlation_heatmap(columns, categories=()))
    assert " | ρ = " in ranks
