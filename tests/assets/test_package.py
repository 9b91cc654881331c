"""What a training leaves in a bundle: the examples that explanations name, and a key that covers them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from artpulse_assets.pipeline import govern
from artpulse_assets.pipeline.package import Names
from artpulse_core.data.problems import Problem
from artpulse_core.model import bundle, reasons
from artpulse_core.model.bundle import Bundle
from artpulse_core.model.predictor import Predictor
from tests import tables
from tests.assets.conftest import Lane


def packed(lane: Lane) -> Bundle:
    (folder,) = (lane.settings.cache / "results" / "bundles").iterdir()
    return bundle.load(folder)


def test_a_trained_model_can_say_why_and_names_pictures_it_learned_from(lane: Lane) -> None:
    loaded = packed(lane)
    predictor = Predictor(loaded)
    reasons.check(predictor)
    row = np.array(loaded.golden["rows"][0]["features"], dtype=np.float64)
    found = reasons.of_row(predictor, row)
    assert {item["name"] for item in found["explanation"]["contributions"]} == set(loaded.contract.names)
    nearest = found["neighbours"][0]  # golden rows are train rows
    assert nearest["distance"] < 0.01
    picture = lane.pictures / nearest["id"]
    assert hashlib.sha256(picture.read_bytes()).hexdigest() == nearest["digest"]
    assert Path(nearest["id"]).parts[0] == nearest["label"]


def test_examples_take_little_room(lane: Lane) -> None:
    arrays = {name: array for name, array in packed(lane).state.items() if name.startswith("explain.")}
    assert 0 < sum(array.nbytes for array in arrays.values()) <= 2_000_000
    assert len(arrays["explain.background"]) == 16


def test_the_key_covers_what_examples_are_called() -> None:
    assert Names(["a", "b"]).key == Names(["a", "b"]).key
    keys = {
        Names(ids, digests).key
        for ids in (["a", "b"], ["b", "a"], ["a\x00b"])
        for digests in ((), ["1", "2"])
    }
    assert len(keys) == 6


def test_rows_of_a_table_are_called_by_their_place_and_pictures_also_by_their_content(
    problem: Problem,
) -> None:
    split = pd.DataFrame({"side": ["train", "test", "train"], "path": ["a", "b", "c"], "id": ["1", "2", "3"]})
    assert govern._names(problem, split) == Names(["a", "c"], ["1", "3"])
    assert govern._names(tables.problem("doors"), split) == Names(["a", "c"])
