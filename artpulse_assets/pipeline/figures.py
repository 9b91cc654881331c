"""The figures of a lane, made once for the same content.

Belongs here: which figures belong to which step, and keeping them by key. How a figure looks is in ``plots``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from artpulse_assets.pipeline import assess, eda, expected, frames
from artpulse_assets.pipeline.memo import Memo
from artpulse_assets.plots.gallery import Wrong
from artpulse_core import features
from artpulse_core.data.problem import Problem
from artpulse_core.model.finish import Prediction

if TYPE_CHECKING:
    import pandas as pd

VERSION = "2"
MOST_READABLE = 1000


@dataclass(frozen=True)
class Figures:
    """PNG bytes by name, and the plain numbers beside them."""

    pictures: Mapping[str, bytes]
    numbers: Mapping[str, Any]


def _kept(memo: Memo, kind: str, parts: Mapping[str, Any], draw: Callable[[], Figures]) -> Figures:
    def build(folder: Path) -> None:
        made = draw()
        for name, png in made.pictures.items():
            (folder / f"{name}.png").write_bytes(png)
        (folder / "numbers.json").write_bytes(orjson.dumps(made.numbers))

    place = memo.make(kind, {**parts, "version": VERSION}, build).folder
    pictures = {path.stem: path.read_bytes() for path in sorted(place.glob("*.png"))}
    return Figures(pictures, orjson.loads((place / "numbers.json").read_bytes()))


def of_dataset(problem: Problem, split: pd.DataFrame, memo: Memo) -> Figures:
    """Balance or target, histograms, correlation, outliers and, where there are any, categories and missing values.

    Of more than 1,000 columns none can be read: the few readable ones beside them are drawn, or ``note`` says why
    there is nothing.
    """
    names, note = _readable(frames.columns(problem), list(split.columns))
    categories = {
        column.name: column.levels for column in expected.columns(problem, names) if column.kind == "category"
    }
    target = problem.target
    number = eda.Number(target.name, target.unit, target.capped_at) if problem.task == "regression" else None

    def draw() -> Figures:
        drawn = eda.draw(
            split, names, categories=None if problem.noun == "picture" else categories, number=number
        )
        pictures = {name: png for name, png in drawn.items() if png is not None}
        told = eda.summarise(split, names, label_column="" if number else "label", categories=categories)
        return Figures(pictures, {**told.to_dict(), "note": note})

    return _kept(memo, "eda", {"rows": frames.digest(split), "features": problem.features}, draw)


def _readable(names: list[str], there: list[str]) -> tuple[list[str], str]:
    """The columns to draw, and a sentence where they are not all."""
    if len(names) <= MOST_READABLE:
        return names, ""
    few = [name for name in features.get("core5").names if name in there]
    said = f"The {len(names):,} numbers of this feature set mean nothing one by one"
    return few, f"{said}; {'the five readable ones are shown' if few else 'no figure shows them'}."


def of_leaderboard(board: Mapping[str, Any], memo: Memo) -> Figures:
    """The candidates side by side."""
    from artpulse_assets import plots

    def draw() -> Figures:
        metric = board["metric"]
        rows = [
            {"algorithm": row["algorithm"], "chosen": row["chosen"], **row[metric]} for row in board["rows"]
        ]
        drawn = plots.model_comparison(rows, metric, baseline=board["baseline"][metric], n=board["n"])
        return Figures({"model_comparison": drawn}, {})

    return _kept(memo, "model_comparison", {"board": board}, draw)


def of_evaluation(
    problem: Problem,
    evaluation: Mapping[str, Any],
    labels: tuple[str, ...],
    y: np.ndarray,
    said: Prediction,
    wrong: Sequence[Wrong],
    memo: Memo,
) -> Figures:
    """Everything the evaluation document and the answers to the rows kept aside allow to draw.

    ``wrong`` are pictures that were answered wrongly, for the gallery.
    """
    shown = said.values if said.probabilities is None else said.probabilities
    parts = {
        "evaluation": {key: value for key, value in evaluation.items() if key != "data"},
        "answers": hashlib.sha256(np.asarray(shown).tobytes()).hexdigest(),
        "wrong": [hashlib.sha256(item.data or b"").hexdigest() for item in wrong],
    }

    def draw() -> Figures:
        target = problem.target
        return Figures(
            assess.figures(
                evaluation, y, said, labels=labels, target=target.name, unit=target.unit, wrong=wrong
            ),
            {},
        )

    return _kept(memo, "evaluation_figures", parts, draw)
