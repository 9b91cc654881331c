"""Doubting labels: which rows are probably filed under the wrong target, from answers out of fold.

Belongs here: confident learning for labels and robust residuals for numbers. Does not belong here: the model whose
answers are used; it must not have seen the row it answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from artpulse_assets.pipeline.quality.finding import Example, Finding, counted
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_assets.pipeline.split import TRAIN

SUREST = 0.25  # of the rows by confidence; with 5 % of labels flipped 6 % disagree there, with none 0–3 %
FAR_Z = 6.0  # robust z-score of a residual among rows with a like answer
BAND_ROWS = 200  # rows of like answers that share one scale


@dataclass(frozen=True)
class Suspect:
    """A row that is probably wrong: what it was given, what the other rows suggest, how sure (0–1)."""

    row: int
    given: str
    suggested: str
    suspicion: float


@dataclass(frozen=True)
class Noise:
    """``share``: estimated share of wrong targets, 0–1; ``suspects``: the most suspicious first.

    ``sure`` is what is left of the share where labels do not overlap: the given label is another than the answered
    one in this share of the quarter of rows that are answered with most confidence. It is the lower estimate.
    """

    share: float
    sure: float
    suspects: tuple[Suspect, ...]


def confident(probabilities: np.ndarray, given: np.ndarray, labels: Sequence[str]) -> Noise:
    """Label errors by confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70, arXiv:1911.00068).

    ``probabilities``: n × k out of fold; ``given``: n label indices. A row counts as label j when its probability
    of j reaches the mean probability of j over the rows given j (the self-confidence threshold, eq. 2); the counts
    are scaled to the given labels (eq. 3). Of each pair (given i, suggested j) the rows with the largest margin
    p_j − p_i are suspects, as many as the scaled count says (pruning by noise rate). Rows without a finite answer
    are left out.
    """
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    p, y = probabilities[known], np.asarray(given, dtype=np.int64)[known]
    k = len(labels)
    if not len(y):
        return Noise(0.0, 0.0, ())
    counts = np.bincount(y, minlength=k).astype(np.float64)
    own = p[np.arange(len(y)), y]
    threshold = np.bincount(y, weights=own, minlength=k) / np.maximum(counts, 1)
    threshold = np.where(counts > 0, threshold, np.inf)
    reached = np.where(p >= threshold, p, -1.0)
    best = reached.argmax(axis=1)
    confident_rows = reached.max(axis=1) >= 0
    joint = np.zeros((k, k))
    np.add.at(joint, (y[confident_rows], best[confident_rows]), 1)
    joint += np.eye(k) * (joint.sum(axis=1, keepdims=True) == 0)  # nothing confident: taken as right
    joint *= (counts / joint.sum(axis=1))[:, None]
    wrong = joint - np.diag(np.diag(joint))
    share = float(wrong.sum() / len(y))
    return Noise(share, min(share, _sure(p, y)), _ranked(p, y, known, wrong, labels))


def _sure(p: np.ndarray, y: np.ndarray) -> float:
    top = p.max(axis=1)
    surest = top >= np.quantile(top, 1 - SUREST)
    return float(np.mean(p[surest].argmax(axis=1) != y[surest]))


def _ranked(
    p: np.ndarray, y: np.ndarray, known: np.ndarray, wrong: np.ndarray, labels: Sequence[str]
) -> tuple[Suspect, ...]:
    """As many rows of each pair as ``wrong`` (k × k, rows) says, by margin, each row under its best suggestion."""
    found: dict[int, tuple[float, int]] = {}
    for i, j in zip(*np.nonzero(wrong >= 0.5), strict=True):
        rows = np.flatnonzero(y == i)
        margin = p[rows, j] - p[rows, i]
        for place in np.argsort(-margin, kind="stable")[: round(float(wrong[i, j]))].tolist():
            size = float(margin[place])
            if size > 0 and size > found.get(int(rows[place]), (0.0, 0))[0]:
                found[int(rows[place])] = (size, int(j))
    order = sorted(found, key=lambda row: (-found[row][0], row))
    return tuple(
        Suspect(int(known[row]), labels[y[row]], labels[found[row][1]], (1 + found[row][0]) / 2)
        for row in order
    )


def far_off(answers: np.ndarray, given: np.ndarray, limit: float = FAR_Z) -> Noise:
    """Targets far from their answer out of fold: robust z of the residual among rows with a like answer.

    ``answers`` and ``given``: n numbers. The scale is the MAD in bands of about 200 rows by answer, at least half
    of the overall one, so that a region that is hard to answer is not accused as a whole.
    """
    known = np.flatnonzero(np.isfinite(answers) & np.isfinite(given))
    if len(known) < 10:
        return Noise(0.0, 0.0, ())
    answer, truth = answers[known], given[known]
    residual = truth - answer
    overall = _mad(residual)
    z = np.zeros(len(known))
    for rows in np.array_split(np.argsort(answer, kind="stable"), max(1, len(known) // BAND_ROWS)):
        unit = max(_mad(residual[rows]), overall / 2)
        z[rows] = np.abs(residual[rows] - np.median(residual[rows])) / unit if unit > 0 else 0.0
    order = [row for row in np.argsort(-z, kind="stable").tolist() if z[row] > limit]
    share = len(order) / len(known)
    return Noise(
        share,
        share,
        tuple(
            Suspect(
                int(known[row]), f"{truth[row]:.6g}", f"{answer[row]:.6g}", float(1 - limit / (2 * z[row]))
            )
            for row in order
        ),
    )


def _mad(values: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def of_sample(sample: Sample) -> Noise | None:
    """The doubts about the train rows; None before anything was trained. Rows are those of the frame.

    Raises ``ValueError`` when the answers are not one a train row.
    """
    if sample.out_of_fold is None:
        return None
    rows = sample.where("side", TRAIN) if "side" in sample.frame else np.arange(len(sample.frame))
    answers = np.asarray(sample.out_of_fold, dtype=np.float64)
    if len(answers) != len(rows):
        raise ValueError(f"There are {len(answers)} answers out of fold for {len(rows)} rows to learn from.")
    if sample.regression:
        noise = far_off(answers.reshape(-1), sample.target[rows])
    else:
        noise = confident(answers, sample.target[rows].astype(np.int64), sample.order)
    moved = (Suspect(int(rows[s.row]), s.given, s.suggested, s.suspicion) for s in noise.suspects)
    return replace(noise, suspects=tuple(moved))


def label_noise(sample: Sample, noise: Noise | None = None) -> Finding | None:
    """Few rows are probably filed under the wrong target."""
    noise = of_sample(sample) if noise is None else noise
    if noise is None:
        return None
    limit, many = sample.limits.label_noise, len(noise.suspects)
    examples = tuple(
        Example(str(sample.paths[s.row]), f"{s.given} → {s.suggested}", f"suspicion {s.suspicion:.2f}")
        for s in noise.suspects[:20]
    )
    what = (
        f"{sample.target_name} far from what like rows suggest" if sample.regression else "a doubtful label"
    )
    said = f"{counted(many, sample.thing)} {'has' if many == 1 else 'have'} {what}"
    low, high = f"{noise.sure:.1%}", f"{noise.share:.1%}"
    share = f"an estimated {low if low == high else f'{low} to {high}'} of those learned from"
    passed = noise.sure <= limit
    return Finding(
        passed=passed,
        summary=f"{said if many else f'No {sample.thing} has {what}'}; {share}."
        if passed
        else f"{said}, {share}: go through the list from the top and correct what is wrong.",
        rows=examples,
        count=many,
        value=round(noise.sure, 4),
        limit=limit,
    )


def table(sample: Sample, noise: Noise | None, most: int = 200) -> list[dict[str, Any]]:
    """The suspects for the report: path, given, suggested, suspicion; the first ``most``."""
    return [
        {
            "path": str(sample.paths[s.row]),
            "given": s.given,
            "suggested": s.suggested,
            "suspicion": round(s.suspicion, 4),
        }
        for s in (noise.suspects[:most] if noise else ())
    ]
