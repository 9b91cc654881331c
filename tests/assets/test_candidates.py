"""Candidates: fitted once for the same rows, compared on answers to rows they had not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline import candidates, evaluate, export, frames
from artpulse_assets.pipeline.candidates import ALGORITHMS, Candidate
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problems import Problem
from artpulse_core.errors import DataError, ExportError
from tests.assets import rows as tables

ROWS = tables.train()
QUICK = "logistic_regression"


def test_a_candidate_leaves_out_of_fold_answers_and_a_graph_fitted_on_all_rows(tmp_path: Path) -> None:
    made = candidates.fit(ROWS, QUICK, seed=3, memo=Memo(tmp_path))
    answers = made.out_of_fold
    assert answers.shape == (90, 3)
    assert np.allclose(answers.sum(axis=1), 1)
    part = ROWS.fold == 2
    without = candidates.estimator(QUICK, tables.WIDTH, 3).fit(ROWS.x[~part], ROWS.y[~part])
    assert np.allclose(answers[part], without.predict_proba(ROWS.x[part]))
    whole = candidates.estimator(QUICK, tables.WIDTH, 3).fit(ROWS.x, ROWS.y)
    assert export.check_parity(made.onnx, ROWS.x, whole.predict_proba(ROWS.x)) <= 1e-5
    assert Candidate.from_dict(made.to_dict()) == made


def test_the_same_rows_are_fitted_once_and_other_rows_or_seeds_anew(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    first = candidates.fit(ROWS, QUICK, seed=3, memo=memo)
    again = candidates.fit(ROWS, QUICK, seed=3, memo=memo)
    assert (first.reused, again.reused, again.key) == (False, True, first.key)
    assert again.seconds == first.seconds
    others = [
        candidates.fit(replace(ROWS, digest="other"), QUICK, seed=3, memo=memo),
        candidates.fit(ROWS, QUICK, seed=4, memo=memo),
    ]
    assert not any(made.reused for made in others)
    assert len({first.key, *(made.key for made in others)}) == 3


def test_changed_parameters_are_fitted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = candidates.fit(ROWS, QUICK, seed=3, memo=Memo(tmp_path))
    monkeypatch.setattr(candidates, "parameters", lambda _name, _width: {"C": 0.2})
    second = candidates.fit(ROWS, QUICK, seed=3, memo=Memo(tmp_path))
    assert (second.reused, second.key == first.key) == (False, False)


def test_the_vote_is_the_mean_of_its_members_whatever_their_order(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    members = [candidates.fit(ROWS, name, seed=3, memo=memo) for name in ALGORITHMS]
    made = candidates.vote(ROWS, members, memo=memo)
    assert np.allclose(made.out_of_fold, np.mean([member.out_of_fold for member in members], axis=0))
    assert made.params == {"members": list(ALGORITHMS)}
    assert candidates.vote(ROWS, members[::-1], memo=memo).reused


def test_a_fold_without_which_a_label_cannot_be_learned_is_named(tmp_path: Path) -> None:
    fold = np.where(ROWS.y == 1, 4, ROWS.fold)
    with pytest.raises(DataError, match="Without fold 4 no picture of label 'loud'"):
        candidates.fit(replace(ROWS, fold=fold), QUICK, seed=3, memo=Memo(tmp_path))
    assert list(tmp_path.rglob("model.onnx")) == []


def test_few_rows_of_a_label_are_calibrated_in_fewer_parts_and_a_single_one_is_named(tmp_path: Path) -> None:
    few = (ROWS.y != 1) | (np.cumsum(ROWS.y == 1) <= 5)
    small = replace(ROWS, x=ROWS.x[few], y=ROWS.y[few], fold=ROWS.fold[few], digest="few")
    made = candidates.fit(small, "support_vector_machine", seed=3, memo=Memo(tmp_path))
    assert np.isfinite(made.out_of_fold).all()
    single = (ROWS.y != 1) | ((np.cumsum(ROWS.y == 1) <= 6) & (ROWS.fold > 3)) | (ROWS.fold == 0)
    lone = np.flatnonzero(single & (ROWS.y == 1) & (ROWS.fold != 0))[1:]
    single[lone] = False
    thin = replace(ROWS, x=ROWS.x[single], y=ROWS.y[single], fold=ROWS.fold[single], digest="thin")
    with pytest.raises(DataError, match="Without fold 0 only 1 picture of label 'loud' is left"):
        candidates.fit(thin, QUICK, seed=3, memo=Memo(tmp_path))


def test_an_export_that_differs_leaves_no_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = export.to_onnx(
        candidates.estimator(QUICK, tables.WIDTH, 3).fit(ROWS.x, ROWS.y[::-1]), tables.WIDTH
    )
    monkeypatch.setattr(export, "to_onnx", lambda _model, _width: wrong)
    with pytest.raises(ExportError, match="differs"):
        candidates.fit(ROWS, QUICK, seed=3, memo=Memo(tmp_path))
    assert [path.name for path in (tmp_path / "candidates").iterdir()] == []


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(DataError, match="'oracle'"):
        candidates.estimator("oracle", tables.WIDTH, 0)


def split(problem: Problem) -> pd.DataFrame:
    """A split dataset of the problem's five features."""
    x, y = tables.matrix(120, 2)
    names = [item.name for item in problem.fields]
    frame = pd.DataFrame(x, columns=names)
    ids = [f"{place:03d}" for place in range(120)]
    side = np.where(np.arange(120) % 4 == 3, "test", "train")
    fold = np.where(side == "train", np.arange(120) // 3 % 5, -1)
    return frame.assign(id=ids, label=np.asarray(tables.LABELS)[y], side=side, fold=fold, unit=ids)


def choose(problem: Problem, frame: pd.DataFrame, memo: Memo) -> dict[str, object]:
    rows = frames.train_rows(problem, frame)
    field = [candidates.fit(rows, name, seed=3, memo=memo) for name in ALGORITHMS]
    field.append(candidates.vote(rows, field, memo=memo))
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
