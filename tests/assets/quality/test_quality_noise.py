"""Doubtful labels: flipped ones are found on a problem that can be learned, and few others with them."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_assets.pipeline.quality.noise import Noise, confident, far_off, label_noise, of_sample
from tests.assets.quality.tables import problem, rows, sample

LABELS = ["a", "b", "c", "d"]


def answered(flip: float, *, seed: int = 0, n: int = 600, apart: float = 4.0) -> tuple[np.ndarray, ...]:
    """Out-of-fold probabilities n × 4 of a model that learned from labels of which a share was flipped."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    x = rng.normal(size=(n, 8))
    x[np.arange(n), y] += apart
    wrong = rng.permutation(n)[: round(flip * n)]
    given = y.copy()
    given[wrong] = (given[wrong] + rng.integers(1, 4, len(wrong))) % 4
    p = np.zeros((n, 4))
    for fold in range(5):
        out = np.arange(n) % 5 == fold
        p[out] = LogisticRegression(max_iter=500).fit(x[~out], given[~out]).predict_proba(x[out])
    return p, given, y, wrong


@pytest.mark.smoke
@pytest.mark.parametrize("seed", range(3))
def test_four_of_five_flipped_labels_are_found_and_most_of_what_is_found_is_flipped(seed: int) -> None:
    p, given, y, wrong = answered(0.05, seed=seed)
    found = confident(p, given, LABELS)
    rows_found = {suspect.row for suspect in found.suspects}
    hits = rows_found & set(wrong.tolist())
    assert len(hits) >= 0.8 * len(wrong)
    assert len(hits) >= 0.5 * len(rows_found)
    assert 0.03 <= found.share <= 0.08
    assert 0.02 <= found.sure <= found.share
    right = [suspect for suspect in found.suspects if suspect.suggested == LABELS[y[suspect.row]]]
    assert len(right) >= 0.8 * len(hits)


def test_suspects_come_the_most_suspicious_first() -> None:
    p, given, _, _ = answered(0.05)
    scores = [suspect.suspicion for suspect in confident(p, given, LABELS).suspects]
    assert scores == sorted(scores, reverse=True)
    assert all(0.5 < score <= 1 for score in scores)


def test_clean_labels_raise_hardly_a_doubt() -> None:
    p, given, _, _ = answered(0.0)
    found = confident(p, given, LABELS)
    assert len(found.suspects) <= 6
    assert found.sure <= 0.01


def test_labels_that_overlap_by_nature_stay_under_the_lower_estimate() -> None:
    p, given, _, _ = answered(0.0, apart=2.0)
    found = confident(p, given, LABELS)
    assert found.share > 0.04
    assert found.sure <= 0.04


def test_no_answers_a_label_without_rows_and_gaps_are_no_error() -> None:
    assert confident(np.full((3, 2), np.nan), np.zeros(3, int), ["a", "b"]) == Noise(0.0, 0.0, ())
    p = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [np.nan] * 3])
    assert confident(p, np.array([0, 1, 1]), ["a", "b", "c"]).suspects == ()


def test_values_far_from_their_answer_are_found_though_the_spread_grows_with_them() -> None:
    rng = np.random.default_rng(0)
    answers = rng.uniform(1, 10, 2000)
    given = answers * (1 + 0.05 * rng.normal(size=2000))
    moved = rng.permutation(2000)[:20]
    given[moved] *= 2
    found = far_off(answers, given)
    assert {suspect.row for suspect in found.suspects} >= set(moved.tolist())
    assert len(found.suspects) <= 25
    assert far_off(answers, answers).suspects == ()
    assert far_off(answers[:5], given[:5]).suspects == ()


def test_the_check_names_rows_of_the_frame_and_passes_without_doubts() -> None:
    frame = rows(400)
    train = np.flatnonzero(frame["side"] == "train")
    yes = (frame["label"].to_numpy()[train] == "yes").astype(float)
    p = np.stack([1 - yes, yes], axis=1) * 0.9 + 0.05
    data = sample(frame, problem(), out_of_fold=p)
    assert label_noise(data).passed
    p[:30] = p[:30, ::-1]
    found = label_noise(sample(frame, problem(), out_of_fold=p))
    assert not found.passed
    assert {row.path for row in found.rows} <= set(frame["path"].to_numpy()[train[:30]])
    assert {row.value for row in found.rows} == {"no → yes", "yes → no"}


def test_without_answers_nothing_is_asked_and_answers_of_other_rows_are_an_error() -> None:
    assert label_noise(sample(rows(), problem())) is None
    with pytest.raises(ValueError, match="7 answers out of fold for 90 rows"):
        of_sample(sample(rows(120), problem(), out_of_fold=np.zeros((7, 2))))


def test_a_regression_is_doubted_by_its_residuals() -> None:
    frame = rows(400)
    train = np.flatnonzero(frame["side"] == "train")
    answers = frame["target"].to_numpy()[train] + np.random.default_rng(1).normal(0, 0.1, len(train))
    frame.loc[train[5], "target"] += 40
    found = label_noise(sample(frame, problem("regression"), out_of_fold=answers))
    assert found.passed
    assert [row.path for row in found.rows] == [frame.loc[train[5], "path"]]
