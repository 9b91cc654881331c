"""The frame that a lane's rows lie in: which columns it has, and how a problem's inputs are called there.

Belongs here: names of columns, and the arrays that candidates and the gate take from a frame. Does not belong here:
where rows come from (``ingest``), which may be learned from (``dataset``).

A frame has one row a picture, a row of a table or a labelled event: ``id`` (content digest; equal up to a colon means
equal content), ``path`` (what a person finds it by), ``label`` (text; "" for a regression), ``target`` (the number of
a regression, NaN for labels), ``group``, ``wanted``, ``dhash``, ``reason``, ``message``, and one float column an
input: a feature of a picture, or a field of a row (a category is the index of its level, missing is NaN).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.pipeline.candidates import TrainRows
from artpulse_core import features
from artpulse_core.data.problem import Problem
from artpulse_core.features import table

if TYPE_CHECKING:
    import pandas as pd

OWN = (
    "id", "path", "label", "target", "group", "wanted", "dhash", "reason", "message", "side", "fold", "unit", "file", "size",
)  # fmt: skip


def inputs(problem: Problem) -> tuple[str, ...]:
    """Names of the input matrix's columns: the fields of a row, or the features of a picture."""
    if problem.fields:
        return tuple(item.name for item in problem.fields)
    return tuple(features.get(problem.features).names)


def columns(problem: Problem) -> list[str]:
    """The frame's column of each input: its name, marked where the frame has a column of that name itself."""
    return [f"{name} (field)" if name in OWN else name for name in inputs(problem)]


def computed_fingerprint(problem: Problem) -> str:
    """The fingerprint of the problem's feature set, of pictures or of tables."""
    if problem.source.kind == "table":
        return table.get(problem.features).fingerprint
    return features.get(problem.features).fingerprint


def origin(problem: Problem) -> str:
    """Where the numbers of a picture come from that somebody else's network gives; empty for plain code."""
    return "" if problem.source.kind == "table" else features.get(problem.features).origin


def inputs_fingerprint(problem: Problem) -> str:
    """What must be equal for two input matrices to mean the same: the feature set, or a table's fields."""
    if problem.source.kind == "images":
        return features.get(problem.features).fingerprint
    facts = [(item.name, item.kind, list(item.levels)) for item in problem.fields]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def watched(problem: Problem) -> dict[str, Any]:
    """What the manifest says of the columns that events and drift profile keep.

    A table's fields, whatever its feature set makes of them; a picture's features, or the readable few that stand in
    for a set too wide to keep.
    """
    if problem.source.kind == "table":
        return {"watched": list(inputs(problem)), "watched_fingerprint": inputs_fingerprint(problem)}
    kept = features.get(problem.features).watch
    return {"watched": list(kept.names), "watched_fingerprint": kept.fingerprint}


def watched_matrix(problem: Problem, part: pd.DataFrame) -> np.ndarray:
    """The watched columns of a frame's rows, n × w."""
    if problem.source.kind == "table":
        return part[columns(problem)].to_numpy(np.float64)
    return single(part[list(features.get(problem.features).watch.names)].to_numpy(np.float64))


def digest(frame: pd.DataFrame) -> str:
    """Hex digest over the content of a frame: column names, values, order."""
    import pandas as pd

    whole = hashlib.sha256("\x00".join(map(str, frame.columns)).encode())
    floats = [name for name, kind in frame.dtypes.items() if kind == np.float64]
    # pandas hashes column by column: 0.4 s for the 3,056 of an embedding, and a lane asks a dozen times
    whole.update(np.ascontiguousarray(frame[floats].to_numpy(np.float64)).tobytes())
    rest = frame.drop(columns=floats)
    if len(rest.columns):
        whole.update(pd.util.hash_pandas_object(rest, index=False).to_numpy().tobytes())
    return whole.hexdigest()


@dataclass(frozen=True)
class TestRows:
    """The rows kept aside: ``x`` n × f, ``y`` n label indices or numbers, ``groups`` n, ``digest`` over all of it."""

    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    digest: str

    __test__ = False  # not a pytest class


def single(values: np.ndarray) -> np.ndarray:
    """Round to float32 and back, so that what is learned from is what the exported graph will be given."""
    return values.astype(np.float32).astype(np.float64)


def labels(problem: Problem, split: pd.DataFrame) -> tuple[str, ...]:
    """The labels in index order: sorted, a positive label last so that 1 means it; none for a regression."""
    if problem.task != "classification":
        return ()
    positive = problem.target.positive_label
    return tuple(sorted(split["label"].unique(), key=lambda label: (label == positive, label)))


def train_rows(problem: Problem, split: pd.DataFrame) -> TrainRows:
    """The train side of a split dataset."""
    part = split[split["side"] == "train"]
    names = columns(problem)
    tabular = problem.source.kind == "table"
    known = labels(problem, split)
    return TrainRows(
        x=_matrix(problem, part),
        y=_truth(problem, part, known),
        fold=part["fold"].to_numpy(np.int64),
        labels=known,
        digest=digest(part[["id", _answer(problem), "fold", *names]]),
        task=problem.task,
        fields=problem.contract.fields,
        encoding=problem.features if tabular else "",
        blocks=() if tabular else tuple(getattr(features.get(problem.features), "blocks", ())),
    )


def test_rows(problem: Problem, split: pd.DataFrame) -> TestRows:
    """The test side of a split dataset; label indices are those of ``train_rows``."""
    part = split[split["side"] == "test"]
    return TestRows(
        x=_matrix(problem, part),
        y=_truth(problem, part, labels(problem, split)),
        groups=part["unit"].to_numpy(str),
        digest=digest(part[["id", _answer(problem), *columns(problem)]]),
    )


def _matrix(problem: Problem, part: pd.DataFrame) -> np.ndarray:
    """A picture's features as float32 sees them; a row's fields as they are, for its encoder rounds what it gives."""
    matrix = part[columns(problem)].to_numpy(np.float64)
    return matrix if problem.source.kind == "table" else single(matrix)


def _truth(problem: Problem, part: pd.DataFrame, known: tuple[str, ...]) -> np.ndarray:
    if problem.task == "regression":
        return part["target"].to_numpy(np.float64)
    places = {label: place for place, label in enumerate(known)}
    return part["label"].map(places).to_numpy(np.int64)


def _answer(problem: Problem) -> str:
    return "target" if problem.task == "regression" else "label"
