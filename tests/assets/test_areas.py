"""Areas left out: the model that answers them saw nothing of their blocks, and only rows on a map have any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from artpulse_assets.pipeline import areas, candidates, cuts
from artpulse_assets.pipeline.candidates import TrainRows
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.fields import Field
from artpulse_core.data.problem import Training
from artpulse_core.features.housing import FIELDS, OWN_NAMES
from tests.assets import rows as tables

MEMBER = {"max_iter": 10, "early_stopping": False}
TRAINING = Training(
    candidates=("gated_boosting",), parameters={"gated_boosting": {"near": MEMBER, "far": MEMBER}}
)


def homes(n: int = 300) -> TrainRows:
    rng = np.random.default_rng(5)
    low = np.array([1, 5, 3, 1, 300, 2, 34, -120.0])
    x = low + rng.uniform(0, 1, (n, 8)) * np.array([8, 40, 5, 0.3, 2000, 2, 4, 4])
    return TrainRows(
        x=x,
        y=x[:, 0] / 2 + x[:, 6] - 34,
        fold=np.arange(n) % 3,
        labels=(),
        digest="homes",
        task="regression",
        fields=tuple(Field(name) for name in FIELDS),
        encoding="housing",
    )


def test_left_out_rows_are_answered_by_a_model_that_saw_nothing_of_their_blocks(tmp_path: Path) -> None:
    rows, memo = homes(), Memo(tmp_path)
    made = candidates.fit(rows, "gated_boosting", training=TRAINING, effort="full", memo=memo)
    found = areas.left_out(rows, made, 20, memo)
    assert found is not None
    assert found.distance == len(OWN_NAMES) + 12
    whole = cuts.Whole(rows.y, np.arange(300).astype(str), rows.x, FIELDS, classification=False)
    cut = cuts.cuts("spatial", whole, 20)[0]
    np.testing.assert_array_equal(found.y, rows.y[cut.answer])
    near = rows.x[cut.answer][:, None, [7, 6]] - rows.x[cut.learn][:, [7, 6]]
    km = np.sqrt((near**2 * np.array([88.8, 111.2]) ** 2).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(found.matrix[:, found.distance], km, rtol=0.01)
    again = areas.left_out(rows, made, 20, memo)
    assert again is not None
    np.testing.assert_array_equal(again.values, found.values)


def test_rows_on_no_map_and_rows_in_a_few_blocks_have_no_areas(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    assert (
        areas.left_out(tables.train(), tables.fitted(tables.train(), "logistic_regression", memo), 0, memo)
        is None
    )
    rows = homes(60)
    rows.x[:, 6:] = [34.1, -118.2] + 0.01 * rows.x[:, :2]
    made = candidates.fit(
        replace(rows, digest="one place"), "gated_boosting", training=TRAINING, effort="full", memo=memo
    )
    assert areas.left_out(rows, made, 0, memo) is None


def test_the_next_candidate_on_the_same_rows_finds_them_encoded() -> None:
    rows = homes()
    first = candidates.encode(rows, rows.fold != 0)
    assert candidates.encode(rows, rows.fold != 0) is first
    assert candidates.encode(rows, rows.fold != 1) is not first
    assert candidates.encode(replace(rows, digest="others"), rows.fold != 0) is not first
