"""The evaluation document from rows and answers, and the figures that show it."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.pipeline import assess, calibration
from artpulse_assets.pipeline.assess import Decision
from artpulse_assets.pipeline.cards import model_card
from artpulse_assets.pipeline.eda import FIGURE_NAMES
from artpulse_assets.pipeline.measures import Answers
from artpulse_assets.pipeline.slices import Rows
from artpulse_assets.plots.gallery import Wrong

N = 240
RNG = np.random.default_rng(2)
P = RNG.dirichlet([0.7, 0.7, 0.7], N)
Y = np.array([RNG.choice(3, p=row) for row in P])
LABELS = ("calm", "loud", "plain")
MANIFEST = {
    "model": "m",
    "problem": "p",
    "algorithm": "a",
    "features": "table",
    "feature_names": ["x"],
    "fingerprint": "f",
    "key": "k",
    "created_at": "now",
}


def test_many_labels_are_described_with_what_is_unsure_and_without_thresholds() -> None:
    found = assess.on_rows(
        Rows(Y), Answers(probabilities=P), labels=LABELS, decision=Decision(unsure_below=0.5), seed=0
    )
    assert {"metrics", "per_label", "confusion", "calibration", "unsure"} <= set(found)
    assert not {"thresholds", "interval"} & set(found)
    assert list(found["per_label"]) == list(LABELS)
    assert np.sum(found["confusion"]) == N
    assert found["unsure"]["share"] == pytest.approx(np.mean(P.max(axis=1) < 0.5))
    assert found["unsure"]["accuracy_sure"] > found["unsure"]["accuracy_unsure"]
    drawn = assess.figures(
        found, Y, Answers(probabilities=P), labels=LABELS, wrong=[Wrong(None, "calm", "loud", 0.9)]
    )
    assert set(drawn) == {"confusion", "roc", "calibration", "error_gallery"}


def test_a_positive_label_gives_thresholds_in_use_and_one_curve() -> None:
    p = np.stack([1 - P[:, 0], P[:, 0]], axis=1)
    ill = (RNG.uniform(size=N) < p[:, 1]).astype(int)
    answers = Answers(probabilities=p, predictions=(p[:, 1] >= 0.3).astype(int))
    decision = Decision(positive="ill", threshold=0.3, false_negative=3.0)
    found = assess.on_rows(Rows(ill), answers, labels=("well", "ill"), decision=decision, seed=0)
    row = next(row for row in found["thresholds"]["rows"] if row["chosen"])
    assert row["sensitivity"] == pytest.approx(found["per_label"]["ill"]["recall"])
    assert found["calibration"]["confidence"] == pytest.approx(p[:, 1].mean())
    assert set(assess.figures(found, ill, answers, labels=("well", "ill"))) == {
        "confusion",
        "roc",
        "calibration",
        "threshold_costs",
    }


def test_numbers_are_described_by_interval_and_slices() -> None:
    truth = RNG.uniform(0, 5, N)
    said = truth + RNG.normal(0, 0.3, N)
    answers = Answers(values=said, lower=said - 0.5, upper=said + 0.5)
    rows = Rows(truth, target="price")
    found = assess.on_rows(rows, answers, decision=Decision(level=0.9), seed=0)
    assert found["interval"]["coverage"] == pytest.approx(found["metrics"]["interval_coverage"]["value"])
    curve = [{"share": 1.0, "n": 9, "metric": "rmse", "value": 0.3, "low": 0.2, "high": 0.4}]
    weights = {"metric": "rmse", "fields": [{"name": "x", "value": 0.1, "low": 0.0, "high": 0.2}]}
    full = {
        **found,
        "learning_curve": curve,
        "importance": {**weights, "rows": 9, "repeats": 5, "whole": 0.3},
    }
    assert set(assess.figures(full, truth, answers, target="price", unit="$")) == {
        "predictions_vs_actual",
        "residuals",
        "interval_coverage",
        "slices",
        "learning_curve",
        "feature_importance",
    }
    card = model_card(MANIFEST, full, {"input": "table", "target": {"name": "price", "labels": []}})
    assert "90 % is claimed" in card
    assert "| Of | Slice |" in card


def test_rows_of_one_label_alone_are_described_without_a_curve() -> None:
    answers = Answers(probabilities=np.tile([0.8, 0.2], (30, 1)))
    y = np.zeros(30, dtype=int)
    found = assess.on_rows(Rows(y), answers, labels=("a", "b"), decision=Decision(positive="b"), seed=0)
    assert "auc" not in found["metrics"]
    assert "roc" not in assess.figures(found, y, answers, labels=("a", "b"))


def test_every_figure_has_a_place_among_the_files() -> None:
    assert set(assess.FIGURES) <= FIGURE_NAMES


def test_nobody_unsure_has_no_accuracy() -> None:
    table = calibration.unsure_table(np.zeros(4, dtype=int), np.tile([0.9, 0.1], (4, 1)), 0.5)
    assert table == {"below": 0.5, "share": 0.0, "accuracy_sure": 1.0, "accuracy_unsure": None}
