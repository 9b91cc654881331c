"""Evaluation documents with their manifest and contracts, for tests of what shows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from artpulse_assets.pipeline import calibration, measures, slices
from artpulse_assets.pipeline.measures import Answers

LABELS = ["minimal", "neo-pop", "x|<b>y"]


def value(number: float) -> dict[str, float]:
    """A figure with an interval about it."""
    return {"value": number, "low": number - 0.05, "high": number + 0.05}


def manifest(*, synthetic: bool = False) -> dict[str, Any]:
    """The manifest of a bundle."""
    return {
        "model": "artpulse-classifier",
        "problem": "art_core5",
        "features": "core5",
        "fingerprint": "core5-1-9f2a",
        "feature_names": ["hue_mean", "sat_mean"],
        "algorithm": "soft_vote",
        "key": "ab12cd",
        "created_at": "2026-01-02T03:04:05Z",
        "provenance": {"data_digest": "sha256:aa", "git_commit": "618fbdf", "synthetic": synthetic},
    }


def evaluation() -> dict[str, Any]:
    """An evaluation of many labels."""
    return {
        "metrics": {"macro_f1": value(0.61), "accuracy": value(0.63)},
        "per_label": {
            label: {"f1": 0.45 + 0.1 * i, "precision": 0.6, "recall": 0.6, "n": 1234}
            for i, label in enumerate(LABELS)
        },
        "cv": {"grouped": {"macro_f1": value(0.55)}, "random": {"macro_f1": value(0.62)}},
        "baseline": {"macro_f1": 0.17, "accuracy": 0.33},
        "n_train": 450,
        "n_test": 150,
        "n_groups": 60,
        "seconds": 8.123,
        "leaderboard": [
            {"algorithm": "soft_vote", "macro_f1": value(0.55), "chosen": True},
            {"algorithm": "random_forest", "macro_f1": value(0.53), "chosen": False},
        ],
        "temperature": 1.21,
    }


CONTRACT: dict[str, Any] = {
    "problem": "art_core5",
    "input": "table",
    "target": {"name": "style", "labels": LABELS, "description": "Folder of the picture."},
    "fields": [{"name": "hue_mean", "minimum": 0.0, "maximum": 1.0, "unit": "turns"}],
}


REGRESSION: dict[str, Any] = {
    "problem": "housing",
    "input": "table",
    "target": {"name": "price", "labels": [], "unit": "100k USD", "capped_at": 5.00001},
    "fields": [
        {"name": "income", "minimum": 0.0, "maximum": 20.0, "unit": "10k USD"},
        {"name": "sea", "kind": "category", "levels": ["near", "far"], "nullable": True},
        {"name": "free", "minimum": None, "maximum": None},
    ],
}


def numbers() -> dict[str, Any]:
    """An evaluation document of a regression with every key that one has."""
    truth = np.linspace(0, 5, 400)
    said = truth + np.where(truth > 4, 1.0, 0.05)
    answers = Answers(values=said, lower=said - 0.5, upper=said + 0.5)
    rows = slices.Rows(truth, target="price", capped_at=4.5)
    return {
        "task": "regression",
        "algorithm": "blend",
        "metric": "rmse",
        "effort": "quick",
        "metrics": measures.measure(truth, answers, seed=0, resamples=50),
        "baseline": {"rmse": 1.44},
        "cv": {"spatial": {"rmse": value(0.55)}, "random": {"rmse": value(0.4)}},
        "cv_folds": {"spatial": {"folds": 5}},
        "slices": slices.table(rows, answers, metric="rmse", seed=0, resamples=50),
        "leaderboard": [
            {"algorithm": "blend", "rmse": value(0.4), "chosen": True, "difference": None},
            {
                "algorithm": "forest",
                "rmse": value(0.41),
                "difference": {"value": 0.01, "low": -0.02, "high": 0.04},
            },
        ],
        "interval": calibration.coverage_table(truth, said, said - 0.5, said + 0.5, level=0.9),
        "importance": {
            "metric": "rmse",
            "rows": 400,
            "repeats": 5,
            "whole": 0.4,
            "fields": [{"name": "income", "value": 0.3, "low": 0.2, "high": 0.4}],
        },
        "learning_curve": [{"share": 1.0, "n": 1600, "metric": "rmse", **value(0.45)}],
        "n_train": 1600,
        "n_test": 400,
        "data": {
            "source": "a census",
            "rows": 2010,
            "quarantined": 10,
            "reasons": {"range": 10},
            "capped": 9,
        },
    }


def decision() -> dict[str, Any]:
    """What a binary problem with a positive label adds."""
    p = np.linspace(0.01, 0.99, 200)
    ill = np.arange(200) % 4 > 0  # three in four, whatever is said
    return {
        "metric": "auc",
        "metrics": {"auc": value(0.9), "top2_accuracy": value(1.0)},
        "per_label": {
            "disease": {"f1": 0.8, "precision": 0.8, "recall": 0.8, "n": 150},
            "healthy": {"f1": 0.7, "n": 50},
        },
        "confusion": [[20, 30], [5, 145]],
        "n_test": 200,
        "calibration": calibration.reliability_table(p, ill),
        "thresholds": calibration.threshold_table(ill, p, label="disease", chosen=0.5, false_negative=4.0),
        "cv": {"repeated": {"auc": value(0.92)}},
        "cv_folds": {"repeated": {"folds": 10, "repeats": 10}},
        "leaderboard": [
            {"algorithm": "a", "auc": value(0.9), "chosen": True, "difference": None},
            {
                "algorithm": "b",
                "auc": value(0.8),
                "difference": {"value": -0.1, "low": -0.2, "high": -0.05, "p_value": 0.03},
            },
        ],
    }


BINARY: dict[str, Any] = {
    "input": "table",
    "target": {"name": "state", "labels": ["healthy", "disease"], "positive_label": "disease"},
    "fields": [{"name": "age", "minimum": 18, "maximum": 100, "unit": "years", "nullable": True}],
}
