"""How good the candidates are, and which one is chosen.

Belongs here: comparing candidates by their out-of-fold answers. Does not belong here: metrics (``measures``), fitting
(``candidates``), what the chosen one reached on rows kept aside (``appraise``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets import metric_names
from artpulse_assets.pipeline import candidates, measures
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.estimators import BLEND, SOFT_VOTE
from artpulse_assets.pipeline.measures import Answers
from artpulse_assets.pipeline.memo import Memo

VERSION = "2"
TOGETHER = (SOFT_VOTE, BLEND)


def answered(rows: TrainRows, raw: np.ndarray) -> Answers:
    """Raw answers (n × k) as metrics take them, before any calibration."""
    return Answers(values=raw[:, 0]) if rows.task == "regression" else Answers(probabilities=raw)


def shown_metrics(task: str, metric: str) -> tuple[str, ...]:
    """The metrics of a leaderboard, the deciding one first."""
    others = ("rmse", "mae", "r2") if task == "regression" else ("macro_f1", "accuracy", "log_loss")
    return tuple(dict.fromkeys((metric, *others)))


def quick(rows: TrainRows, raw: np.ndarray, metric: str) -> dict[str, float]:
    """The main metrics of out-of-fold answers without intervals."""
    answers = answered(rows, raw)
    return {name: measures.value(name, rows.y, answers) for name in shown_metrics(rows.task, metric)}


def leaderboard(
    rows: TrainRows, units: np.ndarray, field: Sequence[Candidate], metric: str, seed: int, chosen: str = ""
) -> dict[str, Any]:
    """Compare candidates by their out-of-fold answers and choose one: ``chosen`` where it is among them.

    ``{"metric", "chosen", "n", "baseline", "rows": [{algorithm, key, seconds, <metrics>, difference, chosen}]}``, best
    first after the chosen one; ``difference`` is the paired difference to that. The mean of all is chosen only where it is strictly
    better than every single model.
    """
    answers = {candidate.algorithm: answered(rows, candidate.out_of_fold) for candidate in field}
    table: list[dict[str, Any]] = []
    for candidate in field:
        names = shown_metrics(rows.task, metric)
        found = measures.measure(rows.y, answers[candidate.algorithm], seed=seed, groups=units, only=names)
        row = {"algorithm": candidate.algorithm, "key": candidate.key, "seconds": candidate.seconds}
        table.append({**row, **found})
    sign = 1 if metric in metric_names.LOWER_IS_BETTER else -1
    second = "mae" if rows.task == "regression" else "log_loss"
    table.sort(
        key=lambda row: (sign * row[metric]["value"], row[second]["value"], row["algorithm"] in TOGETHER)
    )
    if chosen not in answers:
        chosen = table[0]["algorithm"]
    table.sort(key=lambda row: row["algorithm"] != chosen)
    gaps = measures.against_best(rows.y, answers, chosen, metric, seed=seed, groups=units)
    return {
        "metric": metric,
        "chosen": chosen,
        "n": len(rows.y),
        "baseline": baseline(rows, rows.y, metric),
        "rows": [
            {**row, "difference": gaps[row["algorithm"]], "chosen": row["algorithm"] == chosen}
            for row in table
        ],
    }


def baseline(rows: TrainRows, y: np.ndarray, metric: str) -> dict[str, float]:
    """What an answer that looks at no input reaches on ``y``: the mean, or the shares of the labels in training."""
    if rows.task == "regression":
        answers = Answers(values=np.full(len(y), rows.y.mean()))
    else:
        shares = np.bincount(rows.y, minlength=len(rows.labels)) / len(rows.y)
        answers = Answers(probabilities=np.tile(shares, (len(y), 1)))
    names = shown_metrics(rows.task, metric)
    return {name: measures.value(name, y, answers) for name in names if name != "auc"} | (
        {"auc": 0.5} if "auc" in names else {}
    )


def random_folds(
    rows: TrainRows, field: Mapping[str, Candidate], chosen: str, seed: int, memo: Memo
) -> np.ndarray:
    """Out-of-fold answers of ``chosen`` on random folds that ignore groups: the flattering figure."""
    names = field[chosen].params["members"] if chosen in TOGETHER else [chosen]
    count = int(rows.fold.max()) + 1
    fold = random_fold(rows, count, seed)
    answers = []
    for name in names:
        parts = {"candidate": field[name].key, "folds": count, "seed": seed, "version": VERSION}
        result = memo.make(
            "random_folds",
            parts,
            lambda folder, name=name: np.save(  # type: ignore[misc]  # the default binds the name
                folder / "answers.npy", candidates.cross_predict(rows, fold, name, field[name].params, seed)
            ),
        )
        answers.append(np.load(result.folder / "answers.npy", allow_pickle=False))
    return np.asarray(np.mean(answers, axis=0))


def random_fold(rows: TrainRows, folds: int, seed: int) -> np.ndarray:
    """A fold for each row drawn at random, every label spread evenly."""
    if rows.task == "classification":
        return stratified(rows.y, folds, seed)
    return np.random.default_rng(seed).permutation(np.arange(len(rows.y)) % folds)


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
