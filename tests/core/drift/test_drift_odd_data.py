"""Odd data never raises: it becomes missing values, a finding, or too little data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from artpulse_core.drift import Profile, detect
from artpulse_core.errors import BundleError

RNG = np.random.default_rng(0)
N = 60
ODD: dict[str, Any] = {
    "numbers": RNG.normal(size=N),
    "all NaN": np.full(N, np.nan),
    "constant": np.full(N, 3.0),
    "infinite": np.where(RNG.random(N) < 0.3, np.inf, -np.inf),
    "mixed objects": np.asarray([None, 1, "x", 2.5, True, (1,)] * 10, dtype=object),
    "numbers as objects": np.asarray([1, None, 2.5] * 20, dtype=object),
    "text": np.asarray(["a", "b", "c"] * 20),
    "booleans": np.asarray([True, False] * 30),
    "times": np.arange(N).astype("datetime64[s]"),
    "huge": np.asarray([1e308, -1e308] * 30),
    "complex": np.ones(N, dtype=complex),
    "two-dimensional": RNG.normal(size=(N, 2)),
    "short": np.arange(5.0),
    "empty": np.empty(0),
}


@pytest.mark.parametrize("before", ODD)
def test_any_pair_of_odd_columns_gives_an_answer_that_is_json(before: str) -> None:
    for after in ODD.values():
        found = detect({"x": ODD[before], "y": np.arange(N)}, {"x": after, "y": np.arange(N)})
        assert found["status"] in {"ok", "drift", "insufficient_data"}
        json.loads(json.dumps(found, allow_nan=False))


@pytest.mark.parametrize("name", [name for name in ODD if name not in {"short", "empty"}])
def test_an_odd_column_is_no_drift_from_itself(name: str) -> None:
    keys = np.arange(N)
    assert not detect({"x": ODD[name], "key": keys}, {"x": ODD[name], "key": keys})["drift"]


def test_tables_without_rows_or_columns_are_insufficient_data() -> None:
    table = {"x": RNG.normal(size=N)}
    for reference, current in (({}, {}), (table, {}), ({}, table), (table, {"x": []}), ({"x": []}, table)):
        assert detect(reference, current)["status"] == "insufficient_data"


@pytest.mark.smoke
@pytest.mark.parametrize("rows", [0, 1, 19])
@pytest.mark.parametrize("width", [0, 1, 5, 80])
def test_a_window_of_numbers_and_labels_with_too_few_rows_is_insufficient_data(rows: int, width: int) -> None:
    rng = np.random.default_rng([rows, width])

    def draw(n: int, far: float) -> dict[str, np.ndarray]:
        numbers = {f"x{j}": rng.normal(size=n) + far for j in range(width)}
        return {**numbers, "label": rng.choice(["a", "b"], n).astype(str)}

    profile = Profile.build(draw(N, 0.0), kinds={"label": "category"}, groups=np.arange(N) // 3)
    for ids in (None, np.arange(rows)):
        report = profile.compare(draw(rows, 9.0), ids=ids)
        assert (report.status, report.score, report.blamed) == ("insufficient_data", 0.0, ())
    assert Profile.build(draw(rows, 0.0)).compare(draw(N, 9.0)).status == "insufficient_data"


def test_a_missing_column_is_a_finding_and_an_extra_one_a_note() -> None:
    reference = {"x": RNG.normal(size=N), "y": RNG.normal(size=N)}
    found = detect(reference, {"x": reference["x"], "z": RNG.normal(size=N)})
    assert found["drift"]
    assert [name for name, entry in found["features"].items() if entry["drift"]] == ["y"]
    assert any("Missing columns: y" in reason for reason in found["reasons"])
    assert any("left out: z" in reason for reason in found["reasons"])
    assert not detect(reference, {**reference, "z": reference["x"]})["drift"]


def test_numbers_that_turn_into_text_are_missing_values() -> None:
    found = detect({"x": RNG.normal(size=N)}, {"x": np.asarray(["oops"] * N)})
    assert found["drift"]
    assert found["features"]["x"]["test"] == "missing"


def test_data_frames_with_nullable_and_categorical_columns_are_read() -> None:
    values = RNG.integers(0, 9, N)
    frame = pd.DataFrame(
        {
            "nullable": pd.array([None, *values[1:]], dtype="Int64"),
            "category": pd.Categorical(RNG.choice(["a", "b"], N)),
            "when": pd.date_range("2026-01-01", periods=N),
        }
    )
    found = detect(frame, frame.sample(frac=1.0, random_state=0))
    assert found["status"] == "ok"
    assert set(found["features"]) == {"nullable", "category", "when"}


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float64, (25, 3), elements=st.floats(width=64)),
    hnp.arrays(np.float64, (25, 3), elements=st.floats(width=64)),
)
def test_any_floats_give_plain_numbers(reference: np.ndarray, current: np.ndarray) -> None:
    names = ("a", "b", "c")
    found = detect(dict(zip(names, reference.T, strict=True)), dict(zip(names, current.T, strict=True)))
    json.dumps(found, allow_nan=False)


@pytest.mark.smoke
def test_a_profile_survives_its_file_and_judges_the_same(tmp_path: Path) -> None:
    table = {"x": RNG.normal(size=900), "k": RNG.integers(0, 3, 900), "label": RNG.choice(["a", "b"], 900)}
    profile = Profile.build(table)
    profile.save(tmp_path / "profile.npz")
    window = {
        "x": RNG.normal(size=200) + 0.5,
        "k": RNG.integers(0, 3, 200),
        "label": RNG.choice(["a", "b"], 200),
    }
    again = Profile.load(tmp_path / "profile.npz")
    assert again.compare(window).to_dict() == profile.compare(window).to_dict()
    assert all(array.dtype.kind != "O" for array in profile.to_arrays().values())


def test_a_file_that_is_no_profile_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "profile.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(BundleError, match=r"profile\.npz"):
        Profile.load(path)
    arrays = Profile.build({"x": RNG.normal(size=50)}).to_arrays()
    with pytest.raises(BundleError, match="points"):
        Profile.from_arrays({name: array for name, array in arrays.items() if name != "points"})
    with pytest.raises(BundleError, match="format 9"):
        Profile.from_arrays({**arrays, "format": np.asarray(9)})


def test_a_blamed_feature_says_what_changed_in_words() -> None:
    reference = {"x": RNG.normal(10, 1, 1000), "y": RNG.normal(0, 1, 1000)}
    found = detect(reference, {"x": RNG.normal(8, 1, 200), "y": RNG.normal(0, 3, 200)})
    assert found["features"]["x"]["explanation"].startswith("x: values are lower: the median was")
    assert "spread wider" in found["features"]["y"]["explanation"]
    assert found["features"]["x"]["psi"] > 1 > found["features"]["x"]["psi_by_chance"]
