"""How good a model is said to be, and which one is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artpulse_assets.pipeline import appraise, calibrate, candidates, contest, evaluate, measures
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problem import Problem
from artpulse_core.model.predictor import soften
from tests.assets import rows as tables

ROWS = tables.train()
UNITS = np.arange(len(ROWS.y)).astype(str)


@dataclass(frozen=True)
class Said:
    """A candidate that is only its out-of-fold answers."""

    algorithm: str
    out_of_fold: np.ndarray
    key: str = "key"
    seconds: float = 1.0


def says(algorithm: str, wrong: int, confidence: float = 0.8) -> Any:
    """A candidate wrong on the first ``wrong`` rows."""
    predicted = np.where(np.arange(len(ROWS.y)) < wrong, (ROWS.y + 1) % 3, ROWS.y)
    answers = np.full((len(ROWS.y), 3), (1 - confidence) / 2)
    answers[np.arange(len(ROWS.y)), predicted] = confidence
    return Said(algorithm, answers)


def board(*field: Any) -> dict[str, Any]:
    return evaluate.leaderboard(ROWS, UNITS, field, "macro_f1", 3)


def test_the_best_by_the_metric_is_chosen_and_stands_first_with_its_interval() -> None:
    found = board(says("weak", 30), says("strong", 9), says("middle", 15))
    assert found["chosen"] == "strong"
    assert [row["algorithm"] for row in found["rows"]] == ["strong", "middle", "weak"]
    assert [row["chosen"] for row in found["rows"]] == [True, False, False]
    metric = found["rows"][0]["macro_f1"]
    assert metric["low"] < metric["value"] < metric["high"]
    assert metric["value"] == pytest.approx(0.9)


def test_a_vote_that_is_only_equal_to_a_single_model_is_not_chosen() -> None:
    assert board(says("soft_vote", 9), says("single", 9))["chosen"] == "single"
    assert board(says("soft_vote", 8), says("single", 9))["chosen"] == "soft_vote"


def test_the_baseline_is_the_most_frequent_label_of_training_or_the_mean() -> None:
    y = np.array([0, 1, 1, 1, 2])
    rows = replace(ROWS, y=y)
    shares = np.array([0.2, 0.6, 0.2])
    assert evaluate.baseline(rows, y, "macro_f1") == {
        "macro_f1": pytest.approx(0.25),
        "accuracy": 0.6,
        "log_loss": pytest.approx(float(-np.log(shares[y]).mean())),
    }
    assert evaluate.baseline(rows, y, "auc")["auc"] == 0.5
    numbers = replace(ROWS, y=np.array([1.0, 3.0]), labels=(), task="regression")
    assert evaluate.baseline(numbers, np.array([2.0, 4.0]), "rmse")["rmse"] == pytest.approx(2**0.5)


def test_intervals_of_whole_groups_are_wider_than_of_single_rows() -> None:
    answers = says("model", 30).out_of_fold  # the wrong rows are the first groups
    groups = (np.arange(len(ROWS.y)) // 10).astype(str)
    said = evaluate.answered(ROWS, answers)
    alone, together = (
        measures.measure(ROWS.y, said, seed=3, groups=units)["accuracy"] for units in (UNITS, groups)
    )
    assert alone["value"] == together["value"] == pytest.approx(2 / 3)
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_confidence_that_was_never_earned(heat: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.full(3, 0.7), size=4000)
    y = (rng.random((4000, 1)) > honest.cumsum(axis=1)).sum(axis=1)
    loud = soften(honest, 1 / heat)
    assert calibrate.temperature(y, loud) == pytest.approx(heat, rel=0.08)


def test_random_folds_spread_every_label_evenly_and_come_again_for_the_same_seed() -> None:
    y = np.repeat([0, 1, 2], [50, 23, 11])
    fold = evaluate.stratified(y, 5, 7)
    for label in range(3):
        counts = np.bincount(fold[y == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.array_equal(fold, evaluate.stratified(y, 5, 7))
    assert not np.array_equal(fold, evaluate.stratified(y, 5, 8))


def test_the_random_figure_of_a_vote_is_that_of_its_members_and_is_computed_once(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    names = ["logistic_regression", "random_forest"]
    members = [tables.fitted(ROWS, name, memo) for name in names]
    voted = candidates.vote(ROWS, "soft_vote", members, memo=memo)
    field = {made.algorithm: made for made in (*members, voted)}
    answers = [evaluate.random_folds(ROWS, field, name, 3, memo) for name in (*names, "soft_vote")]
    assert np.allclose(answers[2], (answers[0] + answers[1]) / 2)
    assert len(list((tmp_path / "random_folds").iterdir())) == 2


def test_the_choice_a_problem_states_beforehand_is_kept_though_another_did_better() -> None:
    found = evaluate.leaderboard(
        ROWS, UNITS, [says("weak", 30), says("strong", 9)], "macro_f1", 3, chosen="weak"
    )
    assert (found["chosen"], found["rows"][0]["algorithm"]) == ("weak", "weak")
    assert found["rows"][1]["difference"]["value"] == pytest.approx(7 / 30, abs=0.01)


def test_the_evaluation_document_measures_the_rows_kept_aside(problem: Problem, tmp_path: Path) -> None:
    test, memo = tables.test(), Memo(tmp_path)
    training = problem.training.model_copy(update={"candidates": ("logistic_regression",), "seed": 3})
    stated = problem.model_copy(update={"training": training})
    winner = contest.run(ROWS, UNITS, stated, "quick", memo)
    perfect = replace(test, y=np.asarray(winner.predict(test.x).predictions))
    document = appraise.document(stated, winner, UNITS, perfect, "quick", memo)
    assert document["metrics"]["accuracy"]["value"] == 1.0
    assert np.trace(np.array(document["confusion"])) == len(test.y)
    assert set(document["per_label"]) == set(tables.LABELS)
    assert (document["n_train"], document["n_test"], document["test_digest"]) == (90, 60, test.digest)
    assert document["cv"]["grouped"]["macro_f1"]["value"] < 1.0
    assert document["baseline"]["macro_f1"] < document["cv"]["grouped"]["macro_f1"]["low"]
