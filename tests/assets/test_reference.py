"""The reference profile of a bundle and the window it is compared with have the same columns."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.pipeline import watch
from artpulse_core.data.contract import Contract, Field, Target
from artpulse_core.drift import DriftReport, Profile, compare
from artpulse_core.model.finish import Prediction

LABELS = ("minimal", "surreal", "vibrant")


CONTRACT = Contract("three", "image", Target("style", LABELS))
NAMES = ("hue", "edges")


def rows(seed: int, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=n) for name in NAMES}, rng.dirichlet((1, 1, 1), n)


def reference(numbers: dict[str, np.ndarray], chances: np.ndarray) -> Profile:
    matrix = np.stack([numbers[name] for name in NAMES], axis=1)
    return watch.reference(CONTRACT, NAMES, matrix, Prediction(probabilities=chances))


def said(chances: np.ndarray) -> dict[str, np.ndarray]:
    return watch.answers(LABELS, Prediction(probabilities=chances))


@pytest.mark.smoke
def test_a_window_of_no_events_has_the_reference_s_columns_and_is_insufficient_data() -> None:
    numbers, chances = rows(1, 200)
    profile = reference(numbers, chances)
    none = {name: values[:0] for name, values in numbers.items()} | said(chances[:0])
    assert set(none) == set(profile.names) == {"hue", "edges", "label", *(f"p({label})" for label in LABELS)}
    assert compare(profile, none).status == "insufficient_data"


def test_answers_that_avoid_a_label_are_blamed_and_numbers_that_stayed_are_not() -> None:
    profile = reference(*rows(2, 400))
    numbers, chances = rows(3, 120)
    chances[:, 2] *= 0.2
    chances /= chances.sum(axis=1, keepdims=True)
    report = compare(profile, {**numbers, **said(chances)}, alpha=watch.ALPHA)
    assert report.features["p(vibrant)"]["test"] == "answers"
    assert "p(vibrant): the mean answer is lower" in report.features["p(vibrant)"]["explanation"]
    assert "p(vibrant)" in report.blamed
    assert not {"hue", "edges"} & set(report.blamed)


def test_a_table_s_levels_gaps_and_values_are_watched_as_what_they_are() -> None:
    fields = (Field("size"), Field("colour", kind="category", levels=("red", "blue"), nullable=True))
    contract = Contract("doors", "table", Target("price"), fields, "regression")

    def window(seed: int, n: int, blue: float, lift: float) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        colour = np.where(rng.random(n) < 0.1, np.nan, rng.random(n) < blue)
        return np.stack([rng.normal(size=n), colour], axis=1), rng.normal(size=n) + lift

    matrix, values = window(1, 400, 0.5, 0.0)
    profile = watch.reference(contract, contract.names, matrix, Prediction(values=values))
    assert set(profile.names) == {"size", "colour", "answer"}

    def judged(matrix: np.ndarray, values: np.ndarray) -> DriftReport:
        now = watch.inputs(contract, contract.names, matrix) | watch.answers((), Prediction(values=values))
        return compare(profile, now, alpha=watch.ALPHA)

    assert judged(*window(2, 150, 0.5, 0.0)).blamed == ()
    assert judged(*window(3, 150, 0.95, 0.0)).blamed == ("colour",)
    assert judged(*window(4, 150, 0.5, 1.5)).blamed == ("answer",)
