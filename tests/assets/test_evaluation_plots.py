"""Figures of an evaluation: what their titles say, how large they are, and that odd names never break them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from artpulse_assets import plots
from artpulse_assets.pipeline import calibration
from artpulse_assets.plots import parts
from artpulse_assets.plots.gallery import Wrong
from tests.assets.test_plots import ODD_NAMES, size_of, titles

RNG = np.random.default_rng(9)
N = 400
TRUTH = RNG.uniform(0, 5, N)
SAID = TRUTH + RNG.normal(0, 0.3, N)
P = RNG.uniform(0, 1, N)
ILL = RNG.uniform(0, 1, N) < P
MOST_BYTES = 100_000


def photo(seed: int, side: int = 224) -> bytes:
    """A JPEG as hard to compress as any."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_predictions_against_actual_say_how_far_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    text = titles(
        monkeypatch, lambda: plots.predictions_vs_actual(TRUTH, TRUTH + 0.5, target="price", unit="$")
    )
    r2 = 1 - 0.25 / TRUTH.var()
    assert (
        text
        == f"R² {r2:.3f}: predicted price against actual | n = 400 test rows · RMSE 0.5, mean error +0.5 $"
    )


def test_residuals_name_the_size_of_prediction_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    off = np.where(TRUTH > 4, TRUTH - 1.0, TRUTH + RNG.normal(0, 0.05, N))
    assert "predictions are too low by" in titles(monkeypatch, lambda: plots.residuals(TRUTH, off))


def test_residuals_without_a_lean_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    text = titles(monkeypatch, lambda: plots.residuals(SAID, TRUTH))  # noise in the truth leans nowhere
    assert text.startswith("Errors lie about zero")


def test_coverage_counts_the_bands_that_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = np.where(SAID > 3, 0.2, 5.0)
    table = calibration.coverage_table(TRUTH, SAID, SAID - wide, SAID + wide, level=0.9)
    text = titles(monkeypatch, lambda: plots.coverage(table["bands"], 0.9, unit="$"))
    assert f"{100 * table['coverage']:.1f} % of the truth lies inside the 90 % intervals" in text
    off = sum(not band["low"] <= 0.9 <= band["high"] for band in table["bands"])
    assert off >= 4
    assert f"{off} of 5 bands clearly off the claim" in text


def test_two_labels_have_one_roc_curve_with_the_decision_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both = np.stack([1 - P, P], axis=1)

    def draw() -> bytes:
        return plots.roc(ILL.astype(int), both, ["healthy", "ill"], positive="ill", threshold=0.4)

    text = titles(monkeypatch, draw)
    assert text.startswith("“ill” is told apart with an area of 0.")
    assert "each label against the rest" not in text
    assert draw() != plots.roc(ILL.astype(int), both, ["healthy", "ill"], positive="ill")


def test_calibration_of_a_positive_label_speaks_of_that_label(monkeypatch: pytest.MonkeyPatch) -> None:
    text = titles(monkeypatch, lambda: plots.calibration(np.clip(P + 0.2, 0, 1), ILL, positive="ill"))
    assert text.startswith("“ill” less often than said")


def test_threshold_costs_say_what_the_one_in_use_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    table = calibration.threshold_table(ILL, P, label="ill", chosen=0.5, false_negative=4.0)
    paid = next(row["cost"] for row in table["rows"] if row["chosen"])
    text = titles(monkeypatch, lambda: plots.threshold_costs(table))
    assert f"At 0.5 it costs {paid:.3g} per 100 rows" in text
    assert "0.2, cheapest if calibrated" in text


@pytest.mark.parametrize(("metric", "verb"), [("macro_f1", "improved"), ("rmse", "worsened")])
def test_a_learning_curve_says_whether_the_last_rows_helped(
    monkeypatch: pytest.MonkeyPatch, metric: str, verb: str
) -> None:
    rows = [
        {"n": 100, "value": 0.5, "low": 0.4, "high": 0.6},
        {"n": 300, "value": 0.7, "low": 0.6, "high": 0.8},
    ]
    text = titles(monkeypatch, lambda: plots.learning_curve(rows, metric))
    assert text.startswith(f"The last 200 rows {verb}")


def test_the_least_error_leads_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"algorithm": "forest", "value": 0.5}, {"algorithm": "blend", "value": 0.4}]
    assert titles(monkeypatch, lambda: plots.model_comparison(rows, "rmse")).startswith(
        "blend leads: RMSE 0.400"
    )
    assert titles(monkeypatch, lambda: plots.model_comparison(rows, "auc")).startswith(
        "forest leads: ROC AUC 0.500"
    )


def slice_rows(count: int) -> list[dict[str, Any]]:
    return [
        {"by": f"field {i // 4}", "slice": f"part {i}", "n": 50, "value": 0.7, "low": 0.6, "high": 0.8}
        for i in range(count)
    ]


def test_slices_count_those_that_are_clearly_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*slice_rows(3), {"by": "x", "slice": "bad", "n": 50, "value": 0.3, "low": 0.2, "high": 0.4}]
    assert "1 of 4 slices are clearly worse" in titles(
        monkeypatch, lambda: plots.slices(rows, "accuracy", overall=0.7)
    )
    # the same figures as errors: only the three others are worse than 0.5
    assert "3 of 4 slices" in titles(monkeypatch, lambda: plots.slices(rows, "rmse", overall=0.5))


def test_many_slices_keep_whole_blocks_and_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []
    text = titles(monkeypatch, lambda: drawn.append(plots.slices(slice_rows(90), "accuracy", overall=0.7)))
    assert len(drawn[0]) <= MOST_BYTES
    assert f"{parts.MOST_SLICES} of 90 slices" in text


def test_the_error_gallery_shows_the_surest_mistakes_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [Wrong(photo(i), "minimal", "vibrant", i / 40) for i in range(40)]
    png = plots.error_gallery(wrong, n=200)
    assert png is not None
    assert len(png) <= MOST_BYTES
    drawn: list[list[str]] = []
    monkeypatch.setattr(
        "artpulse_assets.plots.gallery.sheet",
        lambda items, *args, **options: (
            drawn.append([caption for _, caption in items]) or Image.new("RGB", (400, 400))
        ),
    )
    plots.error_gallery(wrong, n=200)
    assert len(drawn[0]) == 24
    assert drawn[0][0] == "minimal\n→ 98 % vibrant"
    assert drawn[0][-1] == "minimal\n→ 40 % vibrant"


def test_a_gallery_of_some_mistakes_counts_them_all() -> None:
    few = [Wrong(None, "a", "b", 0.9)] * 3
    assert plots.error_gallery(few, n=50, total=20) != plots.error_gallery(few, n=50)
    assert plots.error_gallery(few, n=50, total=3) == plots.error_gallery(few, n=50)


def test_a_gallery_of_nothing_is_none_and_an_unreadable_picture_keeps_its_place() -> None:
    assert plots.error_gallery([], n=10) is None
    png = plots.error_gallery([Wrong(None, "a", "b", 0.9), Wrong(b"no picture", "a", "b", 0.8)], n=10)
    assert png is not None
    assert size_of(png)[0] >= 400


def test_every_figure_of_an_evaluation_is_small() -> None:
    many = RNG.uniform(0, 5, 20_000)
    said = many + RNG.normal(0, 0.5, 20_000)
    table = calibration.coverage_table(many, said, said - 1, said + 1, level=0.9)
    costs = calibration.threshold_table(ILL, P, label="ill", chosen=0.5)
    figures: tuple[bytes, ...] = (
        plots.predictions_vs_actual(many, said),
        plots.residuals(many, said),
        plots.coverage(table["bands"], 0.9),
        plots.threshold_costs(costs),
        plots.feature_importance(
            list("abc"), [0.3, 0.2, -0.1], low=[0.2, 0.1, -0.2], high=[0.4, 0.3, 0.0], metric="auc"
        ),
    )
    assert all(len(png) <= MOST_BYTES for png in figures)


def test_odd_names_are_drawn_as_they_are() -> None:
    for name in ODD_NAMES[::3]:
        size_of(plots.predictions_vs_actual(TRUTH[:30], SAID[:30], target=name, unit=name))
        size_of(plots.threshold_costs(calibration.threshold_table(ILL, P, label=name, chosen=0.5)))
    rows = [{"by": name, "slice": name, "n": 30, "value": 0.5} for name in ODD_NAMES]
    size_of(plots.slices(rows, "$m$", overall=0.4))
    wrong = plots.error_gallery([Wrong(None, name, name, 0.5) for name in ODD_NAMES], n=9)
    assert wrong is not None


def test_nothing_to_draw_is_a_sentence() -> None:
    empty: tuple[Callable[[], object], ...] = (
        lambda: plots.predictions_vs_actual([], []),
        lambda: plots.residuals([np.nan], [1.0]),
        lambda: plots.predictions_vs_actual([1.0], [1.0, 2.0]),
        lambda: plots.coverage([], 0.9),
        lambda: plots.slices([], "auc"),
        lambda: plots.learning_curve([], "auc"),
        lambda: plots.threshold_costs({"rows": []}),
    )
    for draw in empty:
        with pytest.raises(ValueError, match=r"\.$"):
            draw()


def test_constant_predictions_and_one_row_are_drawn() -> None:
    size_of(plots.predictions_vs_actual([2.0], [2.0]))
    size_of(plots.residuals(TRUTH, np.full(N, 2.5)))
    size_of(plots.residuals([2.0], [2.5]))
