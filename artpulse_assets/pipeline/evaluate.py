"""How good a model is, said with intervals, and which candidate is chosen.

Belongs here: the leaderboard, the choice, the calibration temperature and the evaluation document of a bundle.
The choice reads out-of-fold answers alone; the test rows appear only in ``evaluation``, after the choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.pipeline import candidates
from artpulse_assets.pipeline.candidates import SOFT_VOTE, Candidate, TrainRows
from artpulse_assets.pipeline.dataset import TestRows
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.gates import statistics
from artpulse_core.model.predictor import soften

VERSION = "1"
RESAMPLES = 500


def measure(
    y: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, seed: int, only: Sequence[str] | None = None
) -> dict[str, dict[str, float]]:
    """Each metric (or those in ``only``) with its 95 % interval over whole groups: {name: {value, low, high}}."""
    k = probabilities.shape[1]
    metrics = {
        "macro_f1": lambda t, p: statistics.macro_f1(t, p.argmax(axis=1), k),
        "accuracy": lambda t, p: statistics.accuracy(t, p.argmax(axis=1)),
        "top2_accuracy": lambda t, p: statistics.top_k_accuracy(t, p, 2),
        "log_loss": statistics.log_loss,
        "brier": statistics.brier,
        "ece": statistics.ece,
        "accuracy_at_60": lambda t, p: statistics.accuracy_at(t, p, 0.6),
    }
    return {
        name: statistics.bootstrap_interval(
            metric, y, probabilities, seed=seed, resamples=RESAMPLES, groups=groups
        ).to_dict()
        for name, metric in metrics.items()
        if only is None or name in only
    }


def quick(y: np.ndarray, probabilities: np.ndarray, k: int) -> dict[str, float]:
    """The main metrics without intervals."""
    predicted = probabilities.argmax(axis=1)
    return {
        "macro_f1": statistics.macro_f1(y, predicted, k),
        "accuracy": statistics.accuracy(y, predicted),
        "log_loss": statistics.log_loss(y, probabilities),
    }


def leaderboard(
    rows: TrainRows, units: np.ndarray, field: Sequence[Candidate], metric: str, seed: int
) -> dict[str, Any]:
    """Compare candidates by their out-of-fold answers and choose one.

    ``{"metric", "chosen", "n", "baseline", "rows": [{algorithm, key, seconds, macro_f1, accuracy, chosen}]}``, best
    first. The soft vote is chosen only where it is strictly better than every single model.
    """
    table: list[dict[str, Any]] = []
    for candidate in field:
        answers = candidate.out_of_fold
        metrics = measure(rows.y, answers, units, seed, ("macro_f1", "accuracy"))
        table.append(
            {
                "algorithm": candidate.algorithm,
                "key": candidate.key,
                "seconds": candidate.seconds,
                "macro_f1": metrics["macro_f1"],
                "accuracy": metrics["accuracy"],
            }
        )
    table.sort(
        key=lambda row: (-row[metric]["value"], -row["accuracy"]["value"], row["algorithm"] == SOFT_VOTE)
    )
    chosen = table[0]["algorithm"]
    return {
        "metric": metric,
        "chosen": chosen,
        "n": len(rows.y),
        "baseline": baseline(rows.y, len(rows.labels)),
        "rows": [{**row, "chosen": row["algorithm"] == chosen} for row in table],
    }


def baseline(y: np.ndarray, k: int) -> dict[str, float]:
    """What always answering the most frequent label reaches."""
    most = np.full(len(y), np.bincount(y, minlength=k).argmax())
    return {"macro_f1": statistics.macro_f1(y, most, k), "accuracy": statistics.accuracy(y, most)}


def temperature(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature that minimises the log loss of out-of-fold answers (Guo et al. 2017, arXiv:1706.04599)."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: statistics.log_loss(y, soften(probabilities, float(np.exp(log_t)))),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def random_folds(
    rows: TrainRows, field: Mapping[str, Candidate], chosen: str, seed: int, memo: Memo
) -> np.ndarray:
    """Out-of-fold answers of ``chosen`` on random stratified folds that ignore groups: the flattering figure."""
    names = field[chosen].params["members"] if chosen == SOFT_VOTE else [chosen]
    count = int(rows.fold.max()) + 1
    fold = stratified(rows.y, count, seed)
    answers = []
    for name in names:
        parts = {"candidate": field[name].key, "folds": count, "seed": seed, "version": VERSION}
        result = memo.make(
            "random_folds",
            parts,
            lambda folder, name=name: np.save(  # type: ignore[misc]  # the default binds the name
                folder / "answers.npy", candidates.cross_predict(rows, fold, name, seed)
            ),
        )
        answers.append(np.load(result.folder / "answers.npy", allow_pickle=False))
    return np.asarray(np.mean(answers, axis=0))


def stratified(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """A fold for each row, every label spread evenly, drawn at random."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=np.int64)
    offset = 0
    for label in np.unique(y):
        place = np.flatnonzero(y == label)
        fold[rng.permutation(place)] = (np.arange(len(place)) + offset) % folds
        offset += len(place)
    return fold


def evaluation(
    rows: TrainRows,
    units: np.ndarray,
    test: TestRows,
    answers: np.ndarray,
    chosen: Candidate,
    random_answers: np.ndarray,
    heat: float,
    board: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """The evaluation document of a bundle; ``answers`` are the softened test probabilities (n × k)."""
    k = len(rows.labels)
    predicted = answers.argmax(axis=1)
    return {
        "algorithm": chosen.algorithm,
        "metrics": measure(test.y, answers, test.groups, seed),
        "per_label": statistics.per_class(test.y, predicted, rows.labels),
        "confusion": statistics.confusion(test.y, predicted, k).tolist(),
        "cv": {
            "grouped": measure(rows.y, soften(chosen.out_of_fold, heat), units, seed),
            "random": measure(rows.y, soften(random_answers, heat), np.arange(len(rows.y)), seed),
        },
        "baseline": baseline(test.y, k),
        "leaderboard": board["rows"],
        "temperature": heat,
        "n_train": len(rows.y),
        "n_test": len(test.y),
        "n_groups": len(np.unique(units)),
        "test_digest": test.digest,
        "seconds": chosen.seconds,
    }
