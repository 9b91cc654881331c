"""From where the data lies, and from feedback, to rows that can become a dataset.

Belongs here: the one door for pictures and tables, and labelled events as rows of the same shape. Does not belong
here: how either is read (``ingest_pictures``, ``ingest_table``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpulse_assets.pipeline import expected, frames, ingest_pictures, ingest_table
from artpulse_assets.pipeline.listing import Featured, Listing
from artpulse_core.data.problem import Problem
from artpulse_core.data.sources import is_synthetic
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

VERSION = "2"
LABELLED = ("id", "path", "label", "target", "group", "wanted", "dhash", "reason", "message")


def place(problem: Problem, settings: Settings) -> Path:
    """The folder of pictures, or the file of a table; raises ``DataError`` naming what is missing."""
    if problem.source.kind == "table":
        return ingest_table.file(problem, settings)
    return ingest_pictures.folder(problem, settings)


def listing_digest(root: Path) -> str:
    """Hex digest that changes when the folder or file at ``root`` does; reads names and times only."""
    return ingest_pictures.listing_digest(root) if root.is_dir() else ingest_table.listing_digest(root)


def list_data(problem: Problem, settings: Settings) -> Listing:
    """What there is to learn from; pictures are listed and not read. Raises ``DataError``."""
    if problem.source.kind == "table":
        return ingest_table.list_rows(problem, settings)
    return ingest_pictures.list_pictures(problem, settings)


def extract(
    problem: Problem,
    listing: pd.DataFrame,
    root: Path,
    cache: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> Featured:
    """Inputs and id of every listed row; unchanged pictures come from the cache."""
    if problem.source.kind == "table":
        return ingest_table.identified(problem, listing)
    return ingest_pictures.extract(problem, listing, root, cache, on_progress)


def synthetic(root: Path) -> bool:
    """Whether the data says of itself that it was generated."""
    return root.is_dir() and is_synthetic(root)


def labelled_rows(problem: Problem, events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Events with ground truth as rows; those with other inputs than the problem's are left out.

    So are those of a feature set that is too wide for events, which keep its readable numbers alone. What the problem
    does not take carries a reason: one such row in the dataset would stop every training.
    """
    import numpy as np
    import pandas as pd

    names, held = frames.inputs(problem), frames.columns(problem)
    wanted = frames.inputs_fingerprint(problem)
    fields = {item.name: item for item in problem.contract.fields}
    regression = problem.task == "regression"
    rows: list[dict[str, Any]] = []
    numbers: list[list[float]] = []
    for event in events:
        if event["fingerprint"] != wanted or not event["features"]:
            continue
        truth = number(event["label"]) if regression else str(event["label"])
        if truth is None:
            continue
        numbers.append([cell(fields.get(name), event["features"].get(name)) for name in names])
        rows.append(
            {
                "id": str(event["content"] or event["id"]),
                "path": f"feedback:{event['id']}",
                "label": "" if regression else truth,
                "target": truth if regression else np.nan,
                "group": "",
                "wanted": "",
                "dhash": 0,
                "reason": "",
                "message": "",
            }
        )
    told = pd.DataFrame(rows, columns=list(LABELLED)).astype({"dhash": np.uint64, "target": np.float64})
    # One block of numbers: to give 3,056 columns their type one by one took pandas over a minute.
    matrix = np.array(numbers, dtype=np.float64).reshape(len(rows), len(held))
    frame = pd.concat([told, pd.DataFrame(matrix, columns=held)], axis=1)
    return _judged(problem, frame) if rows else frame


def _judged(problem: Problem, frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the reason of each row whose truth or inputs are outside what the problem takes."""
    import numpy as np

    for item in expected.columns(problem):
        values = frame[item.name].to_numpy()
        gap = np.isnan(values) & (not item.nullable)
        outside = gap | (values < item.low) | (values > item.high)
        sentence = f"{item.name} of the answered row is not {item.range}."
        frame.loc[outside, ["reason", "message"]] = ["outside_contract", sentence]
    low, high = problem.target.minimum, problem.target.maximum
    truth = frame["target"].to_numpy()
    outside = (truth < (-np.inf if low is None else low)) | (truth > (np.inf if high is None else high))
    sentence = f"The truth given is outside the range of {problem.target.name}."
    frame.loc[outside, ["reason", "message"]] = ["target_out_of_range", sentence]
    return frame


def cell(field: Any, value: Any) -> float:
    """A value as an event keeps it, as the input matrix does."""
    if value is None:
        return float("nan")
    if field is not None and field.kind == "category":
        found = field.place(value)
        return float("nan") if found is None else float(found)
    return float(value)


def number(text: Any) -> float | None:
    """The finite number a truth says, None for anything else."""
    try:
        found = float(text)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
