"""An evaluation outside the lane: the same training on rows cut as somebody asks, judged on the others.

Belongs here: reading the rows, training on one side of each cut, measuring the answers to the other. Nothing is
registered and nothing kept. Does not belong here: the cuts (``cuts``), training (``contest``).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.pipeline import (
    appraise,
    assess,
    contest,
    cuts,
    dataset,
    evaluate,
    frames,
    ingest,
    measures,
    split,
)
from artpulse_assets.pipeline.candidates import TrainRows
from artpulse_assets.pipeline.contest import Winner
from artpulse_assets.pipeline.cuts import Cut, Whole
from artpulse_assets.pipeline.estimators import Effort
from artpulse_assets.pipeline.frames import TestRows
from artpulse_assets.pipeline.measures import Answers
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problem import Images, Problem
from artpulse_core.errors import DataError
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Say = Callable[[str], None]


def read(problem: Problem, settings: Settings, say: Say) -> pd.DataFrame:
    """The usable rows of a problem in the order of its source, each with its ``unit``. Raises ``DataError``."""
    listing = ingest.list_data(problem, settings)
    found = ingest.extract(
        problem,
        listing.frame,
        listing.root,
        settings.cache / "features",
        _every(say, f"{problem.noun}s read"),
    ).frame
    if problem.noun == "picture":
        assembled = dataset.assemble(found, ingest.labelled_rows(problem, []))
        frame = assembled.frame.sort_values("path", kind="stable").reset_index(drop=True)
    else:
        frame = found[found["reason"] == ""].reset_index(drop=True)
    dataset.refuse(problem, dataset.shortages(problem, frame["label"], {}))
    units = split.group_units(frame["id"].tolist(), frame["group"].tolist(), frame["dhash"].tolist())
    return frame.assign(unit=units)


def of_folders(
    problem: Problem, train: Path, test: Path, settings: Settings, effort: Effort, say: Say
) -> dict[str, Any]:
    """Train on one folder of pictures and answer another. Raises ``DataError`` when a label is in the second only."""
    import pandas as pd

    parts = [read(_at(problem, folder), settings, say) for folder in (train, test)]
    known = set(parts[0]["label"])
    strange = sorted(set(parts[1]["label"]) - known)
    if strange:
        raise DataError(
            f"{test} has the label {strange[0]!r}, which {train} does not have; it cannot be answered."
        )
    frame = pd.concat(parts, ignore_index=True)
    sizes = [len(part) for part in parts]
    learn, answer = np.arange(sizes[0]), np.arange(sizes[0], sum(sizes))
    shared = set(parts[0]["id"]) & set(parts[1]["id"])
    if shared:
        say(f"{len(shared)} pictures are in both folders; figures on them flatter")
    return run(problem, frame, [Cut(learn, answer)], "folders", effort, say)


def of_split(
    problem: Problem, kind: str, settings: Settings, effort: Effort, say: Say, folder: Path | None = None
) -> dict[str, Any]:
    """Cut the rows of a problem (or of a ``folder`` of pictures) as ``kind`` says, train and answer."""
    problem = problem if folder is None else _at(problem, folder)
    frame = read(problem, settings, say)
    return run(
        problem, frame, cuts.cuts(kind, whole(problem, frame), problem.training.seed), kind, effort, say
    )


def run(
    problem: Problem, frame: pd.DataFrame, parts: Sequence[Cut], kind: str, effort: Effort, say: Say
) -> dict[str, Any]:
    """Train on one side of each cut and measure the answers to the other: the document of ``artpulse evaluate``.

    ``seconds`` is the time of everything after the features were read, for all cuts together.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="artpulse-trial-") as scratch:
        memo = Memo(Path(scratch))
        made: list[tuple[Cut, Winner]] = []
        answered: list[dict[str, np.ndarray]] = []
        for number, part in enumerate(parts):
            rows, units = _train(problem, frame.iloc[part.learn])
            winner = contest.run(rows, units, problem, effort, memo)
            test = frame.iloc[part.answer]
            answered.append(_arrays(winner.predict(_test(problem, test, rows).x)))
            made.append((part, winner))
            if len(parts) > 1 and (number + 1) % max(1, len(parts) // 10) == 0:
                say(f"{number + 1} of {len(parts)} trained and answered")
        rows, units = _train(problem, frame.iloc[parts[0].learn])
        winner = made[0][1]
        crossed = {} if len(parts) > 1 else appraise.cross_validation(winner, units, problem.training.seed)
        return {
            "problem": problem.name,
            "features": problem.features,
            "split": kind,
            "effort": effort,
            "algorithm": _chosen([item for _, item in made]),
            "n_train": len(parts[0].learn),
            **_measured(problem, frame, parts, answered, winner),
            **crossed,
            "leaderboard": winner.board["rows"],
            "seconds": time.perf_counter() - started,
        }


def _measured(
    problem: Problem,
    frame: pd.DataFrame,
    parts: Sequence[Cut],
    answered: Sequence[dict[str, np.ndarray]],
    winner: Winner,
) -> dict[str, Any]:
    """Metrics of all answers: of each repeat on its own where there are several, else of all together."""
    seed = problem.training.seed
    repeats: dict[int, tuple[np.ndarray, Answers]] = {}
    for repeat in sorted({part.repeat for part in parts}):
        mine = [(part, said) for part, said in zip(parts, answered, strict=True) if part.repeat == repeat]
        order = np.argsort(np.concatenate([part.answer for part, _ in mine]), kind="stable")
        joined = {name: np.concatenate([said[name] for _, said in mine])[order] for name in mine[0][1]}
        repeats[repeat] = (np.concatenate([part.answer for part, _ in mine])[order], Answers(**joined))
    places, answers = repeats[0]
    test = _test(problem, frame.iloc[places], winner.rows)
    groups = test.groups if len(np.unique(test.groups)) < len(test.groups) else None
    found = assess.on_rows(
        appraise.slice_rows(problem, test),
        answers,
        labels=winner.rows.labels,
        decision=appraise.decision(problem, winner),
        seed=seed,
    )
    if len(repeats) > 1:
        found["metrics"] = measures.repeated(
            test.y, [said for _, said in repeats.values()], seed=seed, groups=groups
        )
        found["repeats"] = len(repeats)
    if problem.task == "classification":
        found["per_label"] = found.pop("per_label")
    return {**found, "baseline": evaluate.baseline(winner.rows, test.y, problem.metric)}


def _train(problem: Problem, part: pd.DataFrame) -> tuple[TrainRows, np.ndarray]:
    """The rows to learn from with folds that keep units whole, and their units."""
    training = problem.training
    units = part["unit"].tolist()
    fold = split.unit_folds(units, part["label"].tolist(), training.folds, training.seed)
    return frames.train_rows(problem, part.assign(side="train", fold=fold)), np.array(units, dtype=str)


def _test(problem: Problem, part: pd.DataFrame, rows: TrainRows) -> TestRows:
    test = frames.test_rows(problem, part.assign(side="test"))
    if problem.task == "classification":  # indices of the labels that were learned, whichever occur here
        places = {label: place for place, label in enumerate(rows.labels)}
        return replace(test, y=part["label"].map(places).to_numpy(np.int64))
    return test


def whole(problem: Problem, frame: pd.DataFrame) -> Whole:
    """All rows of a frame as ``cuts`` takes them."""
    every = frames.train_rows(problem, frame.assign(side="train", fold=0))
    return Whole(
        every.y,
        frame["unit"].to_numpy(str),
        every.x,
        frames.inputs(problem),
        problem.task == "classification",
    )


def _arrays(said: Any) -> dict[str, np.ndarray]:
    names = ("probabilities", "predictions", "values", "lower", "upper")
    return {name: getattr(said, name) for name in names if getattr(said, name) is not None}


def _chosen(winners: Sequence[Winner]) -> str:
    """The algorithm, or all that were chosen on some cut, the most frequent first."""
    names = [winner.chosen.algorithm for winner in winners]
    return ", ".join(sorted(set(names), key=lambda name: -names.count(name)))


def _at(problem: Problem, folder: Path) -> Problem:
    """The same problem on another folder of pictures."""
    if not isinstance(problem.source, Images):
        raise DataError(f"{problem.name} learns from a table, not from a folder of pictures.")
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}.")
    return problem.model_copy(update={"source": Images(kind="images", folder=str(folder.resolve()))})


def _every(say: Say, what: str) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        if total and (done == total or done % 1024 < 256):
            say(f"{done} of {total} {what}")

    return told
