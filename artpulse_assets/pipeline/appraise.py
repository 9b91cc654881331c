"""What the chosen model reached on the rows kept aside: the whole evaluation document.

Belongs here: which parts the document has and what each is made of (``document`` says their shapes). Does not belong
here: choosing (``evaluate``, ``contest``), the parts themselves (``measures``, ``slices``, ``calibration``,
``importance``, ``learning``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from artpulse_assets.pipeline import assess, candidates, evaluate, importance, learning, measures, slices
from artpulse_assets.pipeline.contest import Winner
from artpulse_assets.pipeline.estimators import Effort
from artpulse_assets.pipeline.evaluate import TOGETHER
from artpulse_assets.pipeline.frames import TestRows
from artpulse_assets.pipeline.measures import Answers
from artpulse_assets.pipeline.memo import Memo
from artpulse_core import features
from artpulse_core.data.problem import Problem
from artpulse_core.model.bundle import json_bytes

VERSION = "1"
SECONDS: Mapping[str, float] = {"quick": 4.0, "full": 120.0}
"""What a learning curve may cost by effort; a dearer one is left out."""
IMPORTANCE_SECONDS: Mapping[str, float] = {"quick": 2.0, "full": 10.0}


def document(
    problem: Problem,
    winner: Winner,
    units: np.ndarray,
    test: TestRows,
    effort: Effort,
    memo: Memo,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The evaluation document; the same for the same winner, rows and effort, so it is made once.

    ``units`` (n) are the groups of the train rows, ``data`` facts about where the rows come from.
    """
    parts = {
        "chosen": winner.chosen.key,
        "state": {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in winner.state.items()},
        "board": winner.board[
            "rows"
        ],  # the rest says where the candidate lies and whether it was fitted just now
        "test": test.digest,
        "decision": problem.decision.model_dump(),
        "target": problem.target.model_dump(),
        "effort": effort,
        "version": [VERSION, evaluate.VERSION],
    }

    def build(folder: Path) -> None:
        (folder / "evaluation.json").write_bytes(json_bytes(_document(problem, winner, units, test, effort)))

    place = memo.make("evaluations", parts, build).folder
    found: dict[str, Any] = orjson.loads((place / "evaluation.json").read_bytes())
    return {**found, **({"data": dict(data)} if data else {})}


def _document(
    problem: Problem, winner: Winner, units: np.ndarray, test: TestRows, effort: Effort
) -> dict[str, Any]:
    rows, seed = winner.rows, problem.training.seed
    answers = winner.predict(test.x)
    return {
        "task": rows.task,
        "algorithm": winner.chosen.algorithm,
        "metric": problem.metric,
        "effort": effort,
        "seconds": winner.chosen.seconds,
        "n_train": len(rows.y),
        "n_groups": len(np.unique(units)),
        "test_digest": test.digest,
        **assess.on_rows(
            slice_rows(problem, test),
            answers,
            labels=rows.labels,
            decision=decision(problem, winner),
            seed=seed,
        ),
        "baseline": evaluate.baseline(rows, test.y, problem.metric),
        **cross_validation(winner, units, seed),
        "leaderboard": winner.board["rows"],
        **({} if rows.task == "regression" else {"temperature": winner.finish.temperature}),
        "importance": importance.permutation(
            winner.predict,
            test.x,
            test.y,
            _units(problem),
            metric="log_loss" if rows.task == "classification" else problem.metric,
            seed=seed,
            budget=IMPORTANCE_SECONDS[effort],
        ),
        "learning_curve": _curve(problem, winner, units, test, effort),
    }


def cross_validation(winner: Winner, units: np.ndarray, seed: int) -> dict[str, Any]:
    """Out-of-fold figures with groups kept together and, where there are groups, on random folds that ignore them."""
    rows = winner.rows
    found = {"grouped": measures.measure(rows.y, winner.out_of_fold(winner.grouped), seed=seed, groups=units)}
    found["random"] = found["grouped"]
    if winner.mixed is not winner.grouped:
        found["random"] = measures.measure(rows.y, winner.out_of_fold(winner.mixed), seed=seed)
    folds = int(rows.fold.max()) + 1
    return {"cv": found, "cv_folds": {kind: {"folds": folds} for kind in found}}


def slice_rows(problem: Problem, test: TestRows) -> slices.Rows:
    """The rows kept aside as slices take them."""
    return slices.Rows(
        test.y,
        test.x if problem.fields else None,
        [item.to_dict() for item in problem.contract.fields],
        test.groups if len(np.unique(test.groups)) < len(test.groups) else None,
        problem.target.name,
        problem.target.capped_at,
    )


def decision(problem: Problem, winner: Winner) -> assess.Decision:
    """How the answers of the winner are read."""
    finish, costs = winner.finish, problem.decision
    return assess.Decision(
        positive=None if finish.positive is None else finish.labels[finish.positive],
        threshold=finish.threshold,
        false_negative=costs.false_negative,
        false_positive=costs.false_positive,
        unsure_below=finish.unsure_below or None,
        level=finish.level,
    )


def _units(problem: Problem) -> dict[str, list[int]]:
    if problem.fields:
        return importance.units_of_fields([item.name for item in problem.fields])
    found = features.get(problem.features)
    sets = getattr(found, "parts", (found,))
    return importance.units_of_features({item.name: item.names for item in sets})


def _curve(
    problem: Problem, winner: Winner, units: np.ndarray, test: TestRows, effort: Effort
) -> list[dict[str, Any]]:
    """The learning curve of the chosen algorithm on the rows kept aside; empty where it would cost too much."""
    rows, chosen = winner.rows, winner.chosen
    shares = learning.QUICK if effort == "quick" else learning.SHARES
    members = list(chosen.params["members"]) if chosen.algorithm in TOGETHER else [chosen.algorithm]
    fit_seconds = sum(winner.field[name].seconds for name in members) / (int(rows.fold.max()) + 2)
    if fit_seconds * sum(shares) > SECONDS[effort]:
        return []

    def fit_predict(inside: np.ndarray) -> Answers:
        raw = [
            candidates.fit_predict(
                rows, inside, test.x, name, winner.field[name].params, problem.training.seed
            )
            for name in members
        ]
        return evaluate.answered(rows, winner.finish.calibrate(np.mean(raw, axis=0)))

    return learning.curve(
        units,
        rows.y,
        test.y,
        fit_predict,
        metric=problem.metric,
        seed=problem.training.seed,
        shares=shares,
        groups=test.groups,
        labels=len(rows.labels) or None,
    )
