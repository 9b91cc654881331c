"""All candidates on one set of train rows, to one calibrated winner.

Belongs here: the order of these steps, free of Dagster and MLflow: the lane takes them one asset each, an evaluation
takes them here. Test rows are not an argument, so that selection cannot see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_assets.pipeline import calibrate, candidates, estimators, evaluate, export
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.estimators import Effort
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problem import Problem
from artpulse_core.model.finish import Finish, Prediction


@dataclass(frozen=True)
class Winner:
    """The chosen candidate with its last step; ``field`` are all that competed, ``board`` how they compared.

    ``grouped`` and ``mixed`` (n × k) are its raw answers out of folds that keep groups together, and out of random
    ones; the same array where nothing is grouped.
    """

    rows: TrainRows
    chosen: Candidate
    field: Mapping[str, Candidate]
    board: Mapping[str, Any]
    state: Mapping[str, np.ndarray]
    finish: Finish
    grouped: np.ndarray
    mixed: np.ndarray

    def predict(self, x: np.ndarray) -> Prediction:
        """Answers to other rows (m × f input matrix), by the exported graph as it would be served."""
        encoded = candidates.encoded(self.rows, x)
        return self.finish.predict(export.run(self.chosen.onnx, encoded), encoded)

    def out_of_fold(self, raw: np.ndarray) -> Prediction:
        """Answers to the train rows, of out-of-fold answers ``raw`` (n × k)."""
        return self.finish.predict(raw, self.rows.encoded.matrix)


def compete(rows: TrainRows, problem: Problem, effort: Effort) -> tuple[str, ...]:
    """The algorithms that compete on these rows."""
    field = estimators.field(problem, effort)
    return tuple(name for name in field if not estimators.left_out(problem, name, effort, len(rows.y)))


def run(rows: TrainRows, units: np.ndarray, problem: Problem, effort: Effort, memo: Memo) -> Winner:
    """Fit what competes, choose by out-of-fold answers (or as the problem says), calibrate."""
    training = problem.training
    field = {
        name: candidates.fit(rows, name, training=training, effort=effort, memo=memo)
        for name in compete(rows, problem, effort)
    }
    if len(field) > 1:
        mean = estimators.together(problem)
        field[mean] = candidates.vote(rows, mean, list(field.values()), memo=memo)
    board = evaluate.leaderboard(
        rows, units, list(field.values()), problem.metric, training.seed, chosen=training.chosen
    )
    return settle(rows, units, problem, field, board, memo)


def settle(
    rows: TrainRows,
    units: np.ndarray,
    problem: Problem,
    field: Mapping[str, Candidate],
    board: Mapping[str, Any],
    memo: Memo,
) -> Winner:
    """The candidate that ``board`` chose, calibrated on its own out-of-fold answers; ``units`` (n) are groups."""
    chosen = field[board["chosen"]]
    alone = raw = chosen.out_of_fold
    if len(np.unique(units)) < len(units):
        raw = evaluate.random_folds(rows, field, chosen.algorithm, problem.training.seed, memo)
    state = calibrate.learn(problem, rows, alone, raw)
    finish = calibrate.finish(problem.contract, rows, state)
    return Winner(rows, chosen, field, board, state, finish, alone, raw)
