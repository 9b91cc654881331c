"""The evidence for the gate: champion and challenger on the same rows kept aside.

Belongs here: making the two answer the same test rows and handing the result to the policy.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_assets.pipeline import slices
from artpulse_assets.pipeline.frames import TestRows
from artpulse_core.errors import BundleError
from artpulse_core.gates import Evidence, Verdict, evaluate, evaluate_first, load_policy
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor

SEED = 7


def judge(
    test: TestRows, challenger: Path, champion: Path | None, *, policy: Path | None, now: datetime
) -> Verdict:
    """The policy's verdict on the challenger's bundle against the champion's (None: a first champion).

    A champion that can no longer answer these rows gives no evidence, and missing evidence never promotes.
    """
    rules = load_policy(policy)
    new = Predictor(bundle.load(challenger))
    theirs = _answers(champion, test.x, new) if champion else None
    evidence = _evidence(test, new, theirs, now)
    return (evaluate if champion else evaluate_first)(rules, evidence, now=now, seed=SEED)


def _evidence(test: TestRows, new: Predictor, theirs: np.ndarray | None, now: datetime) -> Evidence:
    hashes: dict[str, Any] = {
        "test_hash": test.digest,
        "champion_test_hash": test.digest if theirs is not None else None,
        "generated_at": now,
    }
    mine = new.predict(test.x)
    if mine.probabilities is not None:
        return Evidence.from_predictions(test.y, theirs, mine.probabilities, new.labels, **hashes)
    assert mine.values is not None and mine.lower is not None and mine.upper is not None
    old = None if theirs is None else theirs[:, 0]
    return Evidence.from_values(
        test.y,
        old,
        mine.values,
        intervals=(mine.lower, mine.upper),
        level=new.finish.level,
        slices={} if old is None else _slices(test, new, (old + mine.values) / 2),
        **hashes,
    )


def _slices(test: TestRows, new: Predictor, values: np.ndarray) -> dict[str, np.ndarray]:
    """Bands of the ``values`` answered, and regions where rows have places.

    The values are the mean of both models': bands of one model's answers hold what it overstates, and flatter the other;
    bands of the truth are worse at both ends for whoever hedges.
    """
    contract = new.bundle.contract
    fields = [field.to_dict() for field in contract.fields]
    rows = slices.Rows(test.y, test.x, fields, target=contract.target.name)
    return slices.by_answer(rows, values)


def least_rows(policy: Path | None, task: str) -> int:
    """The fewest test rows any verdict of the policy asks for; a training with fewer could come to nothing."""
    rules = load_policy(policy)
    return min(rules.first_rows(task), rules.evidence.min_rows)


def _answers(folder: Path, x: np.ndarray, new: Predictor) -> np.ndarray | None:
    """The champion's answers, probabilities in the challenger's label order; None when it cannot answer these rows."""
    try:
        old = Predictor(bundle.load(folder))
        found = old.answers(x)
    except (BundleError, ValueError):
        return None
    if old.finish.regression != new.finish.regression:
        return None
    if old.finish.regression:
        return found
    classes = new.labels
    table = np.zeros((len(x), len(classes)))
    for place, label in enumerate(old.labels):
        if label in classes:
            table[:, classes.index(label)] = found[:, place]
    sums = table.sum(axis=1, keepdims=True)
    return np.where(sums > 0, table / np.where(sums > 0, sums, 1), 1 / len(classes))
