"""The candidates: how each is fitted, and what it leaves behind.

Belongs here: fitting one algorithm on the train rows, its out-of-fold answers and its exported graph. Test rows
are not an argument of anything here, so selection cannot see them. Nothing is pickled. Does not belong here: which
algorithms there are (``estimators``), comparing them (``evaluate``).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from artpulse_assets.pipeline import estimators, export, linear
from artpulse_assets.pipeline.estimators import Columns, Effort
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.fields import Field, Task
from artpulse_core.data.problem import Training
from artpulse_core.errors import DataError
from artpulse_core.features import table

VERSION = "7"
SEED = 0  # of encoders: which part of the rows lends targets to which
MOST_ENCODED = 5
"""How many fitted encoders are kept for the next candidate on the same rows; each costs seconds on a map."""


@dataclass(frozen=True)
class TrainRows:
    """The rows candidates may see: input matrix ``x`` n × f, ``y`` n label indices (or n numbers), ``fold`` n,
    ``labels`` k names (none for a regression).

    ``digest`` pins all of it. ``encoding`` names the table set that turns fields into what estimators take ("": the
    input matrix is that), ``blocks`` the widths of the blocks of a set of pictures. Values are float32 numbers held
    as float64, so that the exported float32 graph sees exactly what was learned from.
    """

    x: np.ndarray
    y: np.ndarray
    fold: np.ndarray
    labels: tuple[str, ...]
    digest: str
    task: Task = "classification"
    fields: tuple[Field, ...] = ()
    encoding: str = ""
    blocks: tuple[int, ...] = ()

    @property
    def outputs(self) -> int:
        """Columns of an answer: k probabilities, or one value."""
        return len(self.labels) if self.task == "classification" else 1

    @cached_property
    def encoded(self) -> table.Fitted:
        """All rows as estimators take them, and the arrays of the encoder fitted on all of them."""
        return encode(self, np.ones(len(self.y), dtype=bool))


@dataclass(frozen=True)
class Candidate:
    """One fitted candidate: out-of-fold answers (n × k, train order) and the exported graph in ``folder``."""

    algorithm: str
    key: str
    folder: Path
    params: Mapping[str, Any]
    seconds: float
    reused: bool

    @property
    def out_of_fold(self) -> np.ndarray:
        """n × k probabilities (n × 1 values), each row answered by a model that had not seen its group."""
        return np.asarray(np.load(self.folder / "out_of_fold.npy", allow_pickle=False))

    @property
    def onnx(self) -> bytes:
        """The exported graph, fitted on all train rows."""
        return (self.folder / "model.onnx").read_bytes()

    @property
    def linear(self) -> dict[str, np.ndarray]:
        """The weights of a linear model, as ``linear.arrays`` gives them; empty for any other."""
        path = self.folder / "linear.npz"
        if not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it passes between assets."""
        return {**vars(self), "folder": str(self.folder), "params": dict(self.params)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Candidate:
        """The reverse of ``to_dict``; whatever else the document says is left out."""
        known = {item.name: data[item.name] for item in fields(cls)}
        return cls(**{**known, "folder": Path(data["folder"])})


def fit(
    rows: TrainRows,
    algorithm: str,
    *,
    training: Training,
    effort: Effort,
    memo: Memo,
) -> Candidate:
    """Fit ``algorithm``: one model a fold for the out-of-fold answers, one on all train rows for export.

    Raises ``DataError`` when a fold lacks a label, ``ExportError`` when the graph answers otherwise.
    """
    seed = training.seed
    params = estimators.parameters(algorithm, rows.task, rows.x.shape[1], training, effort)
    parts = {
        "algorithm": algorithm,
        "params": params,
        "seed": seed,
        "rows": rows.digest,
        "encoding": table.get(rows.encoding).fingerprint if rows.encoding else "",
        "blocks": list(rows.blocks),
        "version": VERSION,
        "sklearn": _sklearn_version(),
    }

    def build(folder: Path) -> None:
        from threadpoolctl import threadpool_limits

        started = time.perf_counter()
        # scikit-learn's OpenMP threads spin while they wait: with other work on the cores 2 s became 160
        with threadpool_limits(limits=1):
            answers = cross_predict(rows, rows.fold, algorithm, params, seed)
            matrix = rows.encoded.matrix
            model = _fitted(rows, rows.encoded, rows.y, algorithm, params, seed)
        graph = export.to_onnx(model, matrix.shape[1])
        export.check_parity(graph, matrix, _answers(model, matrix, rows.task), task=rows.task)
        weights = linear.arrays(model, matrix, rows.encoding, rows.encoded.arrays)
        if weights:
            np.savez(folder / "linear.npz", **weights)  # type: ignore[arg-type]  # the stubs take names for allow_pickle
        _save(folder, answers, graph, time.perf_counter() - started)

    result = memo.make("candidates", parts, build)
    return _candidate(algorithm, result.key, result.folder, params, reused=result.reused)


def vote(rows: TrainRows, name: str, members: Sequence[Candidate], *, memo: Memo) -> Candidate:
    """The mean of the members' answers as one graph, called ``name``."""
    parts = {"members": sorted(member.key for member in members), "version": VERSION}

    def build(folder: Path) -> None:
        started = time.perf_counter()
        answers = np.mean([member.out_of_fold for member in members], axis=0)
        graph = export.average([member.onnx for member in members])
        matrix = rows.encoded.matrix
        wanted = np.mean([export.run(member.onnx, matrix) for member in members], axis=0)
        export.check_parity(graph, matrix, wanted, task=rows.task)
        _save(folder, answers, graph, time.perf_counter() - started)

    result = memo.make("candidates", parts, build)
    params = {"members": [member.algorithm for member in members]}
    return _candidate(name, result.key, result.folder, params, reused=result.reused)


def encode(rows: TrainRows, inside: np.ndarray) -> table.Fitted:
    """The rows ``inside`` as estimators take them; targets of other rows are not looked at."""
    if not rows.encoding:
        return table.Fitted({}, rows.x[inside])
    chosen = table.get(rows.encoding)
    key = (rows.digest, repr(rows.fields), chosen.fingerprint, np.asarray(inside).tobytes())
    found = _ENCODED.pop(key, None)
    if found is None:
        y = rows.y[inside].astype(np.float64)
        found = chosen.fit(rows.fields, rows.x[inside], y, seed=SEED)
    _ENCODED[key] = found  # at the end: the first one is the longest unused
    while len(_ENCODED) > MOST_ENCODED:
        _ENCODED.popitem(last=False)
    return found


_ENCODED: OrderedDict[tuple[Any, ...], table.Fitted] = OrderedDict()


def encoded(rows: TrainRows, x: np.ndarray) -> np.ndarray:
    """Other rows (m × f) as estimators fitted on all of ``rows`` take them."""
    if not rows.encoding:
        return x
    return table.get(rows.encoding).open(rows.encoded.arrays).transform(x)


def cross_predict(
    rows: TrainRows, fold: np.ndarray, algorithm: str, params: Mapping[str, Any], seed: int
) -> np.ndarray:
    """Out-of-fold answers, n × k, for the folds given (grouped ones, or random ones for comparison)."""
    answers = np.full((len(rows.y), rows.outputs), np.nan)
    for part in np.unique(fold):
        inside = fold != part
        _enough(rows, inside, int(part))
        answers[~inside] = fit_predict(rows, inside, rows.x[~inside], algorithm, params, seed)
    return answers


def fit_predict(
    rows: TrainRows, inside: np.ndarray, x: np.ndarray, algorithm: str, params: Mapping[str, Any], seed: int
) -> np.ndarray:
    """Answers (m × k) to other rows ``x`` by a model fitted on the rows ``inside`` (mask or indices) alone."""
    fitted = encode(rows, inside)
    model = _fitted(rows, fitted, rows.y[inside], algorithm, params, seed)
    if rows.encoding:
        x = table.get(rows.encoding).open(fitted.arrays).transform(x)
    return _answers(model, x, rows.task)


def _columns(rows: TrainRows, fitted: table.Fitted) -> Columns:
    """What is known of the columns of the fitted rows."""
    if not rows.encoding:
        return Columns(blocks=rows.blocks)
    chosen = table.get(rows.encoding)
    return Columns(chosen.open(fitted.arrays).names, chosen.apart, chosen.distances)


def _enough(rows: TrainRows, inside: np.ndarray, part: int) -> None:
    if rows.task == "regression":
        return
    counts = np.bincount(rows.y[inside], minlength=len(rows.labels))
    if counts.min() < 2:
        left = "only 1" if counts.min() else "no"
        what = "row" if rows.fields and rows.encoding else "picture"
        raise DataError(
            f"Without fold {part} {left} {what} of label {rows.labels[int(counts.argmin())]!r} is left to learn "
            f"from: add {what}s of other groups to it, or use fewer folds."
        )


def _fitted(
    rows: TrainRows, fitted: table.Fitted, y: np.ndarray, algorithm: str, params: Mapping[str, Any], seed: int
) -> Any:
    parts = 0
    if rows.task == "classification":
        parts = min(estimators.CALIBRATION_PARTS, int(np.bincount(y).min()))
    made = estimators.make(rows.task, params, seed=seed, parts=parts, columns=_columns(rows, fitted))
    return made.fit(fitted.matrix, y)


def _answers(model: Any, matrix: np.ndarray, task: Task) -> np.ndarray:
    """n × k probabilities, or n × 1 values."""
    if task == "classification":
        return np.asarray(model.predict_proba(matrix))
    return np.asarray(model.predict(matrix), dtype=np.float64).reshape(-1, 1)


def _save(folder: Path, answers: np.ndarray, graph: bytes, seconds: float) -> None:
    np.save(folder / "out_of_fold.npy", answers)
    (folder / "model.onnx").write_bytes(graph)
    (folder / "candidate.json").write_bytes(orjson.dumps({"seconds": seconds}))


def _candidate(
    algorithm: str, key: str, folder: Path, params: Mapping[str, Any], *, reused: bool
) -> Candidate:
    seconds = orjson.loads((folder / "candidate.json").read_bytes())["seconds"]
    return Candidate(algorithm, key, folder, params, seconds, reused)


def _sklearn_version() -> str:
    from importlib.metadata import version

    return version("scikit-learn")
