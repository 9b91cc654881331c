"""The encoded pictures behind rows, read again from where they lie.

Belongs here: pictures for golden answers and for the gallery of mistakes. A picture that went away or changed since is
left out. Tables have none.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artpulse_assets.pipeline import frames
from artpulse_assets.pipeline.frames import TestRows
from artpulse_assets.plots.gallery import Wrong
from artpulse_core.data.problem import Problem
from artpulse_core.model.finish import Prediction

if TYPE_CHECKING:
    import pandas as pd

MOST_WRONG = 24


def golden(raw: pd.DataFrame, split: pd.DataFrame, root: Path) -> list[bytes]:
    """A few encoded pictures of the train side, one a label, whose bytes are still those that were learned from."""
    if "file" not in raw:
        return []
    files = dict(zip(raw["path"], raw["file"], strict=True))
    train = split[split["side"] == "train"].drop_duplicates("label")
    found = []
    for path, identity in zip(train["path"], train["id"], strict=True):
        place = root / os.fsdecode(files[path]) if path in files else None
        if place is not None and place.is_file():
            data = place.read_bytes()
            if hashlib.sha256(data).hexdigest() == identity:
                found.append(data)
    return found


def wrong(
    problem: Problem, raw: pd.DataFrame, split: pd.DataFrame, root: Path, test: TestRows, answers: Prediction
) -> list[Wrong]:
    """The pictures kept aside that were answered wrongly, as far as they still lie there; none for a table."""
    if "file" not in raw or answers.probabilities is None or answers.predictions is None:
        return []
    labels = frames.labels(problem, split)
    files = dict(zip(raw["path"], raw["file"], strict=True))
    paths = split.loc[split["side"] == "test", "path"].tolist()
    found = []
    for place in np.flatnonzero(answers.predictions != test.y):
        file = root / os.fsdecode(files[paths[place]]) if paths[place] in files else None
        if file is not None and file.is_file():
            said = int(answers.predictions[place])
            confidence = float(answers.probabilities[place, said])
            found.append(Wrong(file.read_bytes(), labels[int(test.y[place])], labels[said], confidence))
    return sorted(found, key=lambda item: -item.confidence)[:MOST_WRONG]
