"""The reference profile of a bundle and the window it is compared with have the same columns."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.pipeline import watch
from artpulse_core.drift import compare

LABELS = ("minimal", "surreal", "vibrant")


def rows(seed: int, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=n) for name in ("hue", "edges")}, rng.dirichlet((1, 1, 1), n)


@pytest.mark.smoke
def test_a_window_of_no_events_has_the_reference_s_columns_and_is_insufficient_data() -> None:
    numbers, chances = rows(1, 200)
    profile = watch.reference(LABELS, numbers, chances)
    none = {name: values[:0] for name, values in numbers.items()} | watch.answers(LABELS, chances[:0])
    assert set(none) == set(profile.names) == {"hue", "edges", "label", *(f"p({label})" for label in LABELS)}
    assert compare(profile, none).status == "insufficient_data"


def test_answers_that_avoid_a_label_are_blamed_and_numbers_that_stayed_are_not() -> None:
    profile = watch.reference(LABELS, *rows(2, 400))
    numbers, chances = rows(3, 120)
    chances[:, 2] *= 0.2
    chances /= chances.sum(axis=1, keepdims=True)
    report = compare(profile, {**numbers, **watch.answers(LABELS, chances)}, alpha=watch.ALPHA)
    assert report.features["p(vibrant)"]["test"] == "answers"
    assert "p(vibrant): the mean answer is lower" in report.features["p(vibrant)"]["explanation"]
    assert "p(vibrant)" in report.blamed
    assert not {"hue", "edges"} & set(report.blamed)
