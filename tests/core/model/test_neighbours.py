"""Training examples in a bundle: small, readable without objects, and the nearest are the nearest."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_core.data.fields import Field
from artpulse_core.errors import BundleError
from artpulse_core.model import bundle
from artpulse_core.model.neighbours import MAX_BYTES, nearest, reference

X = np.random.default_rng(0).normal(size=(500, 6)) * [1, 10, 100, 1, 1, 1] + 3
Y = X[:, 0] + np.random.default_rng(1).normal(size=500)
IDS = [f"row {i}" for i in range(500)]


def test_a_training_row_is_its_own_nearest_and_distances_rise() -> None:
    state = reference(X, (), Y, IDS, seed=0)
    for place in (0, 7, 499):
        examples = nearest(state, X[place], k=5)
        assert (examples[0].id, examples[0].target) == (IDS[place], Y[place])
        assert examples[0].distance < 0.01
        assert [item.distance for item in examples] == sorted(item.distance for item in examples)
        assert len({item.id for item in examples}) == 5
        assert examples[0].to_dict() == {
            "id": IDS[place],
            "value": Y[place],
            "distance": examples[0].distance,
        }


def test_units_do_not_matter_and_far_values_do_not_decide_alone() -> None:
    plain = nearest(reference(X, (), Y, IDS, seed=0), X[3])
    scaled = nearest(reference(X * 1000, (), Y, IDS, seed=0), X[3] * 1000)
    assert [item.id for item in plain] == [item.id for item in scaled]
    far = X[3].copy()
    far[1] = 1e9
    assert nearest(reference(X, (), Y, IDS, seed=0), far)[0].distance < 10


def test_categories_and_missing_values_have_distances() -> None:
    fields = (Field("kind", kind="category", levels=("a", "b", "c")), Field("size", nullable=True))
    x = np.array([[0, 1.0], [1, 1.0], [2, np.nan], [0, np.nan]])
    state = reference(x, fields, np.arange(4), ["p", "q", "r", "s"], seed=0)
    assert nearest(state, np.array([2.0, np.nan]), k=1)[0].id == "r"
    examples = nearest(state, np.array([0.0, np.nan]), k=2)
    assert (examples[0].id, examples[0].distance) == ("s", 0.0)


def test_wide_rows_are_kept_small_and_still_find_their_like() -> None:
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(5, 3000))
    label = rng.integers(0, 5, 600)
    x = centres[label] + rng.normal(size=(600, 3000))
    paths = [f"style {k}/{'long name ' * 8}{i}.jpg" for i, k in enumerate(label)]
    state = reference(x, (), label, paths, digests=[f"{i:064x}" for i in range(600)], seed=0)
    assert sum(array.nbytes for array in state.values()) <= MAX_BYTES
    right = [
        item.target == k for k in range(5) for item in nearest(state, centres[k] + rng.normal(size=3000))
    ]
    assert np.mean(right) > 0.95
    found = nearest(state, x[11], k=1)[0]
    assert (found.id, found.digest) == (paths[11], f"{11:064x}")
    assert found.to_dict("abcde")["label"] == "abcde"[label[11]]
    assert found.to_dict("abcde")["digest"] == f"{11:064x}"


def test_many_rows_are_sampled_evenly_over_the_targets_and_fit_the_stated_size() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20_000, 8)), (np.arange(20_000) < 1_000).astype(float)
    state = reference(x, (), y, [str(i) for i in range(20_000)], seed=0)
    assert len(state["explain.near"]) == 2_000
    assert state["explain.targets"].sum() == pytest.approx(100, abs=1)
    assert sum(array.nbytes for array in state.values()) < 200_000


def test_typical_rows_have_about_the_mean_target_and_the_arrays_can_travel_in_a_bundle() -> None:
    state = reference(X, (), Y, IDS, seed=0)
    assert state["explain.background"].shape == (16, 6)
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in state["explain.background"]]
    assert abs(Y[rows].mean() - Y.mean()) < 0.15 * Y.std()
    assert bundle.npz_bytes(state)
    again = reference(X, (), Y, IDS, seed=0)
    assert all(np.array_equal(state[name], again[name]) for name in state)


def test_names_are_kept_in_any_script_and_from_their_end() -> None:
    names = ["Ölbild/夜.jpg", "x" * 500 + "/end.png"]
    state = reference(X[:2], (), Y[:2], names, seed=0)
    found = {item.id for item in nearest(state, X[0], k=2)}
    assert "Ölbild/夜.jpg" in found
    assert any(name.endswith("x/end.png") for name in found)


def test_a_bundle_without_examples_and_wrong_shapes_are_named() -> None:
    with pytest.raises(BundleError, match=r"explain\.near"):
        nearest({}, X[0])
    with pytest.raises(ValueError, match="expected a row of 6"):
        nearest(reference(X, (), Y, IDS, seed=0), X[0][:2])
    with pytest.raises(ValueError, match="expected 500 ids"):
        reference(X, (), Y, IDS[:3], seed=0)
    with pytest.raises(ValueError, match="no training rows"):
        reference(X[:0], (), Y[:0], [], seed=0)
