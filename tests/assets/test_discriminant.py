"""The shrunk discriminant: equal to scikit-learn's, equal once exported, and plain about what it cannot learn from."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from artpulse_assets.pipeline import export
from artpulse_assets.pipeline.discriminant import ShrunkDiscriminant
from artpulse_core.errors import DataError

BLOCKS = (4, 20, 96)
LABELS = np.array(["calm", "loud", "plain"])


def table(rows: int, width: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 numbers held as float64, of very different size from column to column, and uneven labels."""
    rng = np.random.default_rng(seed)
    y = LABELS[np.minimum(np.arange(rows) % 4, 2)]
    x = rng.normal(size=(rows, width)) + 0.4 * rng.normal(size=(3, width))[np.searchsorted(LABELS, y)]
    wide = np.random.default_rng(9)
    return (x * wide.uniform(0.01, 50, width) + wide.normal(size=width)).astype(np.float32).astype(float), y


@pytest.mark.parametrize("rows", [60, 400], ids=["fewer rows than features", "more rows than features"])
@pytest.mark.parametrize("shrinkage", [0.05, 0.6, 1.0])
def test_answers_are_those_of_scikit_learn_on_the_same_scaled_rows(rows: int, shrinkage: float) -> None:
    x, y = table(rows)
    unseen = table(50, seed=1)[0]
    ours = ShrunkDiscriminant(shrinkage, BLOCKS, warmth=1.0, balanced=False).fit(x, y)

    def scaled(values: np.ndarray) -> np.ndarray:
        z = np.clip((values - x.mean(axis=0)) / x.std(axis=0), -6, 6)
        return z / np.sqrt(np.repeat(BLOCKS, BLOCKS))

    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(scaled(x), y)
    np.testing.assert_allclose(ours.predict_proba(unseen), theirs.predict_proba(scaled(unseen)), atol=1e-9)
    assert list(ours.predict(unseen)) == list(theirs.predict(scaled(unseen)))


@pytest.mark.parametrize("rows", [60, 400])
def test_the_exported_graph_answers_the_same_also_far_outside_what_was_learned(rows: int) -> None:
    x, y = table(rows)
    model = ShrunkDiscriminant(blocks=BLOCKS).fit(x, y)
    graph = model.to_onnx(120)
    unseen = table(200, seed=2)[0]
    for values in (x, unseen, unseen * 1000):
        assert export.check_parity(graph, values, model.predict_proba(values)) <= 1e-5


def test_two_labels_are_answered_as_two_probabilities() -> None:
    x, y = table(80)
    model = ShrunkDiscriminant().fit(x[y != "plain"], y[y != "plain"])
    assert model.predict_proba(x).shape == (80, 2)
    assert export.check_parity(model.to_onnx(120), x, model.predict_proba(x)) <= 1e-5


def test_a_column_that_never_changed_says_nothing_when_it_changes_later() -> None:
    x, y = table(60)
    x[:, 7] = 3.25
    model = ShrunkDiscriminant(blocks=BLOCKS).fit(x, y)
    other = x.copy()
    other[:, 7] = 1e9
    np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(x))


def test_a_wide_block_weighs_no_more_than_a_narrow_one() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    told = rng.normal(size=(200, 2)) + 1.5 * y[:, None]
    x = np.hstack([told, rng.normal(size=(200, 1000))])
    inside, outside = np.arange(200) < 100, np.arange(200) >= 100

    def right(blocks: tuple[int, ...]) -> float:
        model = ShrunkDiscriminant(blocks=blocks).fit(x[inside], y[inside])
        return float(np.mean(model.predict(x[outside]) == y[outside]))

    assert right((2, 1000)) > right(()) + 0.1


def test_balanced_priors_do_not_follow_the_share_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 3)), np.repeat([0, 1], [360, 40])
    assert ShrunkDiscriminant(warmth=1.0).fit(x, y).predict_proba(x).mean(axis=0)[1] > 0.45
    assert ShrunkDiscriminant(warmth=1.0, balanced=False).fit(x, y).predict_proba(x).mean(axis=0)[1] < 0.15


def test_warmth_makes_answers_less_sure_and_changes_none() -> None:
    x, y = table(60)
    sharp, soft = (ShrunkDiscriminant(blocks=BLOCKS, warmth=warmth).fit(x, y) for warmth in (1.0, 8.0))
    unseen = table(100, seed=3)[0]
    assert list(sharp.predict(unseen)) == list(soft.predict(unseen))
    assert (
        soft.predict_proba(unseen).max(axis=1).mean() < sharp.predict_proba(unseen).max(axis=1).mean() - 0.1
    )


@pytest.mark.parametrize(
    ("model", "x", "y", "said"),
    [
        (ShrunkDiscriminant(blocks=(3, 3)), np.eye(5), [0, 0, 1, 1, 1], "do not sum to 5"),
        (ShrunkDiscriminant(blocks=(5, 0)), np.eye(5), [0, 0, 1, 1, 1], "do not sum to 5"),
        (ShrunkDiscriminant(), np.eye(5), [1] * 5, "two labels"),
        (ShrunkDiscriminant(), np.ones((5, 3)), [0, 0, 1, 1, 1], "nothing can be learned"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_by_name(
    model: ShrunkDiscriminant, x: np.ndarray, y: list[int], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        model.fit(x, np.array(y))


def test_a_graph_of_another_width_is_refused() -> None:
    x, y = table(60)
    with pytest.raises(DataError, match="fitted on 120 features, not 5"):
        ShrunkDiscriminant().fit(x, y).to_onnx(5)


def test_it_can_be_cloned_as_any_estimator() -> None:
    assert clone(ShrunkDiscriminant(0.3, BLOCKS)).get_params()["blocks"] == BLOCKS
