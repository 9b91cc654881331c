"""Candidates: fitted once for the same rows, compared on answers to rows they had not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline import candidates, estimators, evaluate, export, frames
from artpulse_assets.pipeline.candidates import Candidate
from artpulse_assets.pipeline.estimators import SOFT_VOTE
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problem import Problem, Training
from artpulse_core.errors import DataError, ExportError, ProblemError
from tests.assets import rows as tables

ROWS = tables.train()
QUICK = "logistic_regression"
ALGORITHMS = estimators.USUAL["classification"]


def test_a_candidate_leaves_out_of_fold_answers_and_a_graph_fitted_on_all_rows(tmp_path: Path) -> None:
    made = tables.fitted(ROWS, QUICK, Memo(tmp_path))
    answers = made.out_of_fold
    assert answers.shape == (90, 3)
    assert np.allclose(answers.sum(axis=1), 1)
    part = ROWS.fold == 2
    without = tables.estimator(QUICK, ROWS).fit(ROWS.x[~part], ROWS.y[~part])
    assert np.allclose(answers[part], without.predict_proba(ROWS.x[part]))
    whole = tables.estimator(QUICK, ROWS).fit(ROWS.x, ROWS.y)
    assert export.check_parity(made.onnx, ROWS.x, whole.predict_proba(ROWS.x)) <= 1e-5
    assert Candidate.from_dict(made.to_dict()) == made


def test_the_same_rows_are_fitted_once_and_other_rows_or_seeds_anew(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    first = tables.fitted(ROWS, QUICK, memo)
    again = tables.fitted(ROWS, QUICK, memo)
    assert (first.reused, again.reused, again.key) == (False, True, first.key)
    assert again.seconds == first.seconds
    others = [
        tables.fitted(replace(ROWS, digest="other"), QUICK, memo),
        tables.fitted(ROWS, QUICK, memo, seed=4),
    ]
    assert not any(made.reused for made in others)
    assert len({first.key, *(made.key for made in others)}) == 3


def test_changed_parameters_are_fitted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tables.fitted(ROWS, QUICK, Memo(tmp_path))
    monkeypatch.setattr(estimators, "parameters", lambda *_: {"C": 0.2, "algorithm": QUICK})
    second = tables.fitted(ROWS, QUICK, Memo(tmp_path))
    assert (second.reused, second.key == first.key) == (False, False)


def test_the_vote_is_the_mean_of_its_members_whatever_their_order(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    members = [tables.fitted(ROWS, name, memo) for name in ALGORITHMS]
    made = candidates.vote(ROWS, SOFT_VOTE, members, memo=memo)
    assert np.allclose(made.out_of_fold, np.mean([member.out_of_fold for member in members], axis=0))
    assert made.params == {"members": list(ALGORITHMS)}
    assert candidates.vote(ROWS, SOFT_VOTE, members[::-1], memo=memo).reused


def test_a_fold_without_which_a_label_cannot_be_learned_is_named(tmp_path: Path) -> None:
    fold = np.where(ROWS.y == 1, 4, ROWS.fold)
    with pytest.raises(DataError, match="Without fold 4 no picture of label 'loud'"):
        tables.fitted(replace(ROWS, fold=fold), QUICK, Memo(tmp_path))
    assert list(tmp_path.rglob("model.onnx")) == []


def test_few_rows_of_a_label_are_calibrated_in_fewer_parts_and_a_single_one_is_named(tmp_path: Path) -> None:
    few = (ROWS.y != 1) | (np.cumsum(ROWS.y == 1) <= 5)
    small = replace(ROWS, x=ROWS.x[few], y=ROWS.y[few], fold=ROWS.fold[few], digest="few")
    made = tables.fitted(small, "support_vector_machine", Memo(tmp_path))
    assert np.isfinite(made.out_of_fold).all()
    single = (ROWS.y != 1) | ((np.cumsum(ROWS.y == 1) <= 6) & (ROWS.fold > 3)) | (ROWS.fold == 0)
    lone = np.flatnonzero(single & (ROWS.y == 1) & (ROWS.fold != 0))[1:]
    single[lone] = False
    thin = replace(ROWS, x=ROWS.x[single], y=ROWS.y[single], fold=ROWS.fold[single], digest="thin")
    with pytest.raises(DataError, match="Without fold 0 only 1 picture of label 'loud' is left"):
        tables.fitted(thin, QUICK, Memo(tmp_path))


def test_an_export_that_differs_leaves_no_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = export.to_onnx(tables.estimator(QUICK, ROWS).fit(ROWS.x, ROWS.y[::-1]), tables.WIDTH)
    monkeypatch.setattr(export, "to_onnx", lambda _model, _width: wrong)
    with pytest.raises(ExportError, match="differs"):
        tables.fitted(ROWS, QUICK, Memo(tmp_path))
    assert [path.name for path in (tmp_path / "candidates").iterdir()] == []


def test_an_unknown_algorithm_is_refused_with_those_there_are(problem: Problem) -> None:
    training = problem.training.model_copy(update={"candidates": ("oracle",)})
    with pytest.raises(ProblemError, match="'oracle'; a classification has logistic_regression, "):
        estimators.field(problem.model_copy(update={"training": training}))
    with pytest.raises(DataError, match="'oracle'"):
        tables.estimator("oracle", ROWS)


def test_parameters_are_the_defaults_then_the_problem_s_then_its_quick_ones() -> None:
    training = Training(
        parameters={"extra_trees": {"n_estimators": 7, "max_depth": 3}},
        quick={"extra_trees": {"n_estimators": 2}},
    )
    full, quick = (
        estimators.parameters("extra_trees", "classification", 5, training, effort)
        for effort in ("full", "quick")
    )
    assert (full["n_estimators"], full["max_depth"], full["class_weight"]) == (7, 3, "balanced")
    assert quick == {**full, "n_estimators": 2}


def test_an_algorithm_whose_cost_grows_with_the_square_of_the_rows_stays_out_of_many(
    problem: Problem,
) -> None:
    reason = estimators.left_out(problem, "support_vector_machine", "full", 20_000)
    assert "20,000 rows" in reason
    assert not estimators.left_out(problem, "support_vector_machine", "full", 5_000)
    assert not estimators.left_out(problem, "random_forest", "full", 20_000)


def split(problem: Problem) -> pd.DataFrame:
    """A split dataset of the problem's five features."""
    x, y = tables.matrix(120, 2)
    names = [item.name for item in problem.fields]
    frame = pd.DataFrame(x, columns=names)
    ids = [f"{place:03d}" for place in range(120)]
    side = np.where(np.arange(120) % 4 == 3, "test", "train")
    fold = np.where(side == "train", np.arange(120) // 3 % 5, -1)
    labels = np.asarray(tables.LABELS)[y]
    return frame.assign(id=ids, label=labels, target=np.nan, side=side, fold=fold, unit=ids)


def choose(problem: Problem, frame: pd.DataFrame, memo: Memo) -> dict[str, object]:
    rows = frames.train_rows(problem, frame)
    field = [tables.fitted(rows, name, memo) for name in ALGORITHMS]
    field.append(candidates.vote(rows, SOFT_VOTE, field, memo=memo))
    units = frame.loc[frame["side"] == "train", "unit"].to_numpy(str)
    board = evaluate.leaderboard(rows, units, field, "macro_f1", 3)
    return {**board, "rows": [{**row, "seconds": 0} for row in board["rows"]]}


def test_selection_never_sees_the_test_rows(problem: Problem, tmp_path: Path) -> None:
    frame = split(problem)
    clean = choose(problem, frame, Memo(tmp_path / "clean"))
    poisoned = frame.copy()
    test = poisoned["side"] == "test"
    names = [item.name for item in problem.fields]
    poisoned.loc[test, names] = poisoned.loc[test, names].to_numpy()[::-1] * 0.001
    poisoned.loc[test, "label"] = poisoned.loc[test, "label"].to_numpy()[::-1]
    assert choose(problem, poisoned, Memo(tmp_path / "poisoned")) == clean
    assert frames.test_rows(problem, poisoned).digest != frames.test_rows(problem, frame).digest
