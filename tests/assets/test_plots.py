"""Figures: what they show, how large they are, and that odd data or names never break them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from artpulse_assets import plots
from artpulse_assets.columns import correlations, missing_share, separation
from artpulse_assets.plots import canvas
from artpulse_assets.plots.quality import merge_smallest, rates
from tests.assets.drawing import ODD_NAMES, size_of, titles

LABELS = ["minimal", "monochrome", "neo-pop", "surreal", "vibrant"]
RNG = np.random.default_rng(5)
Y = RNG.integers(0, 5, 120)
COLUMNS = {name: RNG.normal(size=120) + Y * step for step, name in enumerate(["a", "b", "c"])}


@pytest.mark.smoke
def test_the_same_input_gives_the_same_bytes() -> None:
    first = plots.class_balance({"a": {"train": 3, "test": 1}, "b": {"train": 2}})
    assert first == plots.class_balance({"a": {"train": 3, "test": 1}, "b": {"train": 2}})
    assert first != plots.class_balance({"a": {"train": 4, "test": 1}, "b": {"train": 2}})


def test_a_figure_leaves_no_pyplot_figure_and_no_changed_style_behind() -> None:
    import matplotlib as mpl
    from matplotlib import _pylab_helpers

    before = [mpl.rcParams[name] for name in canvas.STYLE]
    plots.roc(Y, np.eye(5)[Y], LABELS)
    assert not _pylab_helpers.Gcf.figs
    assert [mpl.rcParams[name] for name in canvas.STYLE] == before


def test_names_from_users_are_drawn_as_they_are_and_never_as_markup() -> None:
    assert canvas.plain("$x_{") == r"\$x_{"
    assert canvas.shorten("a\nb\tc") == "a b c"
    assert canvas.shorten("\udcff.jpg") == "\\udcff.jpg"
    n = len(ODD_NAMES)
    size_of(plots.class_balance({name: {name: 2} for name in ODD_NAMES}))
    size_of(plots.histograms({name: np.arange(16.0) for name in ODD_NAMES}, ODD_NAMES * 2))
    size_of(plots.confusion(np.eye(n), ODD_NAMES))
    size_of(plots.roc(np.arange(n), np.eye(n), ODD_NAMES))
    size_of(plots.feature_importance(ODD_NAMES, np.arange(n)))
    size_of(plots.model_comparison([{"algorithm": name, "value": 0.5} for name in ODD_NAMES], "$m$"))
    size_of(plots.reference_vs_current("$x_{", dict.fromkeys(ODD_NAMES, 3), ODD_NAMES))
    odd = {name: {"drift": True, "score": 2.0, "effect": 0.1, "test": name} for name in ODD_NAMES}
    size_of(plots.drift_overview(odd, "$x_{"))
    size_of(plots.thumbnails([(None, name) for name in ODD_NAMES]))


def test_names_that_differ_only_at_the_end_stay_apart_when_shortened() -> None:
    short = {canvas.shorten(f"a very long name of a texture number {i}", 20) for i in range(20)}
    assert len(short) == 20
    assert max(map(len, short)) <= 20


def test_missing_letters_are_written_as_code_points_so_two_labels_never_look_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canvas, "_drawable", lambda character: character.isascii())
    assert canvas.shorten("日") == "\\u65e5"
    assert canvas.shorten("日") != canvas.shorten("本")


def test_class_balance_names_the_most_and_the_least_frequent_label(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"few": {"train": 9, "test": 1}, "many": {"train": 30, "test": 10}}
    assert "“many” has 4.0 times the rows of “few” | n = 50 rows" in titles(
        monkeypatch, lambda: plots.class_balance(counts)
    )


def test_nothing_to_draw_is_a_sentence_and_not_an_empty_figure() -> None:
    empty: tuple[Callable[[], object], ...] = (
        lambda: plots.class_balance({}),
        lambda: plots.histograms({}),
        lambda: plots.correlation_heatmap({"a": np.ones(9), "b": np.arange(9)}),
        lambda: plots.model_comparison([], "f1"),
        lambda: plots.confusion(np.zeros((2, 3)), ["a", "b"]),
        lambda: plots.calibration([], []),
        lambda: plots.roc([0, 0], np.ones((2, 2)), ["a", "b"]),
        lambda: plots.feature_importance(["a"], [1, 2]),
        lambda: plots.drift_overview({}, "x"),
        lambda: plots.reference_vs_current("a", [np.nan], [1.0]),
        lambda: plots.reference_vs_current("a", (np.arange(3.0), np.zeros(2)), [1.0]),
        lambda: plots.thumbnails([]),
    )
    for draw in empty:
        with pytest.raises(ValueError, match=r"\.$"):
            draw()


def test_histograms_put_the_columns_that_separate_the_labels_first() -> None:
    assert separation(COLUMNS["a"], Y) < separation(COLUMNS["b"], Y) < separation(COLUMNS["c"], Y)
    assert separation(np.full(120, np.nan), Y) == 0
    assert separation(Y.astype(float), Y) == pytest.approx(1)


def test_columns_without_spread_or_values_are_drawn_all_the_same() -> None:
    odd = {
        "constant": np.ones(40),
        "nan": np.full(40, np.nan),
        "inf": np.r_[np.inf, -np.inf, np.arange(38.0)],
        "text": np.array(["x", "1.5", None, "nan"] * 10, dtype=object),
        "huge": np.r_[1e300, np.arange(39.0)],
    }
    size_of(plots.histograms(odd))
    size_of(plots.histograms(odd, np.arange(40)))
    size_of(plots.correlation_heatmap({**odd, "c": np.arange(40.0), "d": -np.arange(40.0)}))


def test_correlations_leave_out_constants_and_match_numpy() -> None:
    names, matrix = correlations({**COLUMNS, "constant": np.full(120, 7.1)})
    assert names == ["a", "b", "c"]
    np.testing.assert_allclose(matrix, np.corrcoef(np.stack(list(COLUMNS.values()))), atol=1e-12)


def test_missing_values_are_drawn_only_when_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plots.missing_values(COLUMNS) is None
    gaps = {**COLUMNS, "b": np.where(np.arange(120) < 12, np.nan, COLUMNS["b"])}
    assert "b is missing in 10.0 % of the rows | n = 120 rows · 1 of 3 columns" in titles(
        monkeypatch, partial(plots.missing_values, gaps)
    )
    assert missing_share(np.array([None, 1, "a", float("nan")], dtype=object)) == 0.5


def test_model_comparison_names_the_chosen_candidate_even_when_another_scores_higher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        {"algorithm": "forest", "value": 0.70, "low": 0.6, "high": 0.8},
        {"algorithm": "linear", "value": 0.69, "low": 0.6, "high": 0.8, "chosen": True},
        {"algorithm": "broken", "value": float("nan"), "low": None, "high": None},
    ]
    text = titles(monkeypatch, lambda: plots.model_comparison(rows, "macro_f1", baseline=0.1, n=40))
    assert text == "linear is chosen: macro F1 0.690 | 3 candidates · n = 40 rows"


def test_confusion_says_how_many_are_right_and_what_is_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    text = titles(monkeypatch, lambda: plots.confusion([[40, 3], [8, 20]], ["healthy", "disease"]))
    assert "60 of 71 are right (85 %)" in text
    assert "“disease” taken for “healthy” (8 of 28)" in text


def test_a_confusion_of_many_labels_keeps_the_largest_and_loses_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = RNG.integers(0, 5, (47, 47)).astype(float)
    merged, names = merge_smallest(counts, [f"t{i}" for i in range(47)])
    assert merged.shape == (30, 30)
    assert names[-1] == "18 others"
    assert merged.sum() == counts.sum()


def test_calibration_gives_the_published_ece_and_judges_only_beyond_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trust, hit = np.full(200, 0.9), np.arange(200) < 120
    assert "Surer than it is right (ECE 0.300)" in titles(monkeypatch, lambda: plots.calibration(trust, hit))
    few = titles(monkeypatch, lambda: plots.calibration(np.full(4, 0.9), np.array([True, True, True, False])))
    assert "About as sure as it is right (ECE 0.150)" in few


def test_the_area_under_a_roc_curve_is_the_chance_that_a_hit_scores_above_a_miss() -> None:
    score = np.round(RNG.normal(size=120) + (Y == 2), 1)  # rounded: ties must count one half
    above = np.subtract.outer(score[Y == 2], score[Y != 2])
    chance = float(np.mean((above > 0) + 0.5 * (above == 0)))
    false, true = rates(Y == 2, score)
    assert float(np.trapezoid(true, false)) == pytest.approx(chance)


def test_roc_reads_label_names_as_well_as_indices() -> None:
    probabilities = RNG.dirichlet(np.ones(5), 120)
    assert plots.roc(np.array(LABELS)[Y], probabilities, LABELS) == plots.roc(Y, probabilities, LABELS)


def test_drift_overview_counts_the_blamed_and_draws_odd_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    features: dict[str, dict[str, object]] = {
        "a": {"drift": True, "score": 99.0, "effect": -0.7, "test": "location"},
        "b": {"drift": False, "score": None, "effect": float("nan")},
        **{f"c{i}": {"drift": False, "score": 0.1, "effect": 0.0} for i in range(40)},
    }
    text = titles(monkeypatch, lambda: plots.drift_overview(features, "a has changed", n=300))
    assert text == "a has changed | n = 300 rows · 1 of 42 features have changed · 24 shown"
    bare: dict[str, dict[str, object]] = {"a": {"drift": False, "effect": 0.3}}
    size_of(plots.drift_overview(bare, "without scores"))


def test_reference_vs_current_reads_quantiles_histograms_and_categories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = RNG.normal(10, 1, 2000)
    now = RNG.normal(8, 1, 200)
    counts, edges = np.histogram(values, 40)
    for reference in (np.quantile(values, np.linspace(0, 1, 101)), (edges, counts)):
        text = titles(monkeypatch, partial(plots.reference_vs_current, "x", reference, now))
        assert text.splitlines()[-1].startswith("x is lower now | n = 200 rows now · median 10 in training")
        monkeypatch.undo()
    text = titles(monkeypatch, lambda: plots.reference_vs_current("y", {"a": 50, "b": 50}, ["a"] * 9 + ["c"]))
    assert text.startswith("y: “b” went from 50 % to 0 %")


def test_a_large_figure_is_written_with_fewer_colours() -> None:
    noise = {f"n{i}": RNG.normal(size=900) for i in range(12)}
    png = plots.histograms(noise, np.arange(900) % 6)
    assert len(png) < canvas.LARGE
    assert size_of(png)[0] > 700
