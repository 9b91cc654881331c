"""The candidates: which estimators compete, how they are fitted, and what each leaves behind.

Belongs here: fitting one algorithm on the train rows, its out-of-fold answers and its exported graph. Test rows
are not an argument of anything here, so selection cannot see them. Only estimators whose export was proven equal
are in the list; nothing is pickled.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from artpulse_assets.pipeline import export
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.errors import DataError

VERSION = "3"
SOFT_VOTE = "soft_vote"
ALGORITHMS = ("logistic_regression", "random_forest", "hist_gradient_boosting", "support_vector_machine")
WIDE = 50  # more features than this are regularised harder; both settings chosen by grouped cross-validation

CALIBRATION_PARTS = 5


def parameters(algorithm: str, width: int) -> dict[str, Any]:
    """The parameters of ``algorithm`` for ``width`` features. Labels are balanced: groups leave uneven folds."""
    wide = width > WIDE
    match algorithm:
        case "logistic_regression":
            return {"C": 0.005 if wide else 1.0, "max_iter": 500, "class_weight": "balanced"}
        case "random_forest":
            return {"n_estimators": 200, "min_samples_leaf": 2, "class_weight": "balanced"}
        case "hist_gradient_boosting":
            return {
                "max_iter": 80 if wide else 60,
                "learning_rate": 0.08,
                "max_leaf_nodes": 8,
                "min_samples_leaf": 10,
                "l2_regularization": 1.0,
                "max_features": 0.2 if wide else 0.6,
                "max_bins": 32 if wide else 255,
                # weights make scikit-learn 1.9 find bins by a slow path: 10 s a fit on 650 × 371
                "class_weight": None if wide else "balanced",
            }
        case "support_vector_machine":
            return {"C": 3.0, "gamma": 0.8 / width if wide else "scale", "class_weight": "balanced"}
        case _:
            raise DataError(f"There is no candidate called {algorithm!r}.")


@dataclass(frozen=True)
class TrainRows:
    """The rows candidates may see: ``x`` n × f, ``y`` n label indices, ``fold`` n, ``labels`` k names.

    ``digest`` pins all of it. Values are float32 numbers held as float64, so that the exported float32 graph
    sees exactly what was learned from.
    """

    x: np.ndarray
    y: np.ndarray
    fold: np.ndarray
    labels: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Candidate:
    """One fitted candidate: out-of-fold probabilities (n × k, train order) and the exported graph in ``folder``."""

    algorithm: str
    key: str
    folder: Path
    params: Mapping[str, Any]
    seconds: float
    reused: bool

    @property
    def out_of_fold(self) -> np.ndarray:
        """n × k probabilities, each row answered by a model that had not seen its group."""
        return np.asarray(np.load(self.folder / "out_of_fold.npy", allow_pickle=False))

    @property
    def onnx(self) -> bytes:
        """The exported graph, fitted on all train rows."""
        return (self.folder / "model.onnx").read_bytes()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it passes between assets."""
        return {**vars(self), "folder": str(self.folder), "params": dict(self.params)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Candidate:
        """The reverse of ``to_dict``; whatever else the document says is left out."""
        known = {item.name: data[item.name] for item in fields(cls)}
        return cls(**{**known, "folder": Path(data["folder"])})


def estimator(algorithm: str, width: int, seed: int, parts: int = CALIBRATION_PARTS) -> Any:
    """A fresh scikit-learn classifier for ``algorithm`` over ``width`` features.

    ``parts`` is how many parts the rows are cut into to calibrate it, at most the rows of the rarest label.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    chosen = parameters(algorithm, width)
    match algorithm:
        case "logistic_regression":
            return make_pipeline(StandardScaler(), LogisticRegression(random_state=seed, **chosen))
        case "random_forest":
            return RandomForestClassifier(random_state=seed, n_jobs=1, **chosen)
        case "hist_gradient_boosting":
            return HistGradientBoostingClassifier(random_state=seed, **chosen)
        case _:  # sigmoid calibration gives probabilities that export; SVC's own are deprecated
            calibrated = CalibratedClassifierCV(SVC(**chosen), method="sigmoid", cv=parts, ensemble=False)
            return make_pipeline(StandardScaler(), calibrated)


def fit(rows: TrainRows, algorithm: str, *, seed: int, memo: Memo) -> Candidate:
    """Fit ``algorithm``: one model a fold for the out-of-fold answers, one on all train rows for export.

    Raises ``DataError`` when a fold lacks a label, ``ExportError`` when the graph answers otherwise.
    """
    params = parameters(algorithm, rows.x.shape[1])
    parts = {
        "algorithm": algorithm,
        "params": params,
        "seed": seed,
        "rows": rows.digest,
        "version": VERSION,
        "sklearn": _sklearn_version(),
    }

    def build(folder: Path) -> None:
        started = time.perf_counter()
        answers = cross_predict(rows, rows.fold, algorithm, seed)
        model = _fitted(rows.x, rows.y, algorithm, seed)
        graph = export.to_onnx(model, rows.x.shape[1])
        export.check_parity(graph, rows.x, model.predict_proba(rows.x))
        _save(folder, answers, graph, time.perf_counter() - started)

    result = memo.make("candidates", parts, build)
    return _candidate(algorithm, result.key, result.folder, params, reused=result.reused)


def vote(rows: TrainRows, members: Sequence[Candidate], *, memo: Memo) -> Candidate:
    """The soft vote: the mean of the members' probabilities, as one graph."""
    parts = {"members": sorted(member.key for member in members), "version": VERSION}

    def build(folder: Path) -> None:
        started = time.perf_counter()
        answers = np.mean([member.out_of_fold for member in members], axis=0)
        graph = export.average([member.onnx for member in members])
        wanted = np.mean([export.run(member.onnx, rows.x) for member in members], axis=0)
        export.check_parity(graph, rows.x, wanted)
        _save(folder, answers, graph, time.perf_counter() - started)

    result = memo.make("candidates", parts, build)
    params = {"members": [member.algorithm for member in members]}
    return _candidate(SOFT_VOTE, result.key, result.folder, params, reused=result.reused)


def cross_predict(rows: TrainRows, fold: np.ndarray, algorithm: str, seed: int) -> np.ndarray:
    """Out-of-fold probabilities, n × k, for the folds given (grouped ones, or random ones for comparison)."""
    answers = np.full((len(rows.y), len(rows.labels)), np.nan)
    for part in np.unique(fold):
        inside = fold != part
        counts = np.bincount(rows.y[inside], minlength=len(rows.labels))
        if counts.min() < 2:
            left = "only 1" if counts.min() else "no"
            raise DataError(
                f"Without fold {part} {left} picture of label {rows.labels[int(counts.argmin())]!r} is left to learn "
                "from: add pictures of other groups to it, or use fewer folds."
            )
        model = _fitted(rows.x[inside], rows.y[inside], algorithm, seed)
        answers[~inside] = model.predict_proba(rows.x[~inside])
    return answers


def _fitted(x: np.ndarray, y: np.ndarray, algorithm: str, seed: int) -> Any:
    parts = min(CALIBRATION_PARTS, int(np.bincount(y).min()))
    return estimator(algorithm, x.shape[1], seed, parts).fit(x, y)


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
