"""From the file of a table to rows of fields.

Belongs here: reading it through ``artpulse_core.data.tables``, the ids of rows, and the rules that refuse one. A row
that is refused stays in the frame with its reason until the dataset sends it to quarantine.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artpulse_assets.pipeline import frames
from artpulse_assets.pipeline.listing import Featured, Listing
from artpulse_core.data import table_rows, tables, whole_table
from artpulse_core.data.problem import Problem, TableFile
from artpulse_core.data.sources import find_table
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


def file(problem: Problem, settings: Settings) -> Path:
    """The file of ``problem``; raises ``DataError`` naming what is missing."""
    return find_table(_source(problem), settings.data)


def listing_digest(path: Path) -> str:
    """Hex digest over name, size and time of the file: changes when it is rewritten."""
    found = path.stat()
    return hashlib.sha256(f"{path.name}\x00{found.st_size}\x00{found.st_mtime_ns}".encode()).hexdigest()


def list_rows(problem: Problem, settings: Settings) -> Listing:
    """Read the table; rows that break the contract carry their reason. Raises ``DataError``."""
    path = file(problem, settings)
    return Listing(path, False, frame_of(problem, path), (), listing_digest(path))


def frame_of(problem: Problem, path: Path) -> pd.DataFrame:
    """The rows of the table at ``path`` in the shape of ``frames``, without ids; refused ones last.

    Raises ``DataError`` with all that speaks against the table as a whole, before a row is judged.
    """
    import pandas as pd

    raw = tables.read(_source(problem), path)
    whole_table.refuse(whole_table.of_problem(problem, raw))
    judged = table_rows.to_rows(raw, problem.contract.fields, problem.target, task=problem.task)
    names = frames.columns(problem)
    frame = pd.DataFrame(judged.matrix, columns=names)
    frame = _described(frame, problem, judged)
    for rule, broken in problem.contract.broken_rules(judged.matrix):
        fresh = broken & (frame["reason"] == "").to_numpy()
        frame.loc[fresh, ["reason", "message"]] = ["rule_broken", rule.sentence]
    if not judged.quarantine:
        return frame
    refused = pd.DataFrame(np.full((len(judged.quarantine), len(names)), np.nan), columns=names)
    rows, reasons, messages = zip(*judged.quarantine, strict=True)
    refused = refused.assign(
        path=list(rows),
        label="",
        target=np.nan,
        group="",
        wanted="",
        reason=list(reasons),
        message=list(messages),
    )
    return pd.concat([frame, refused[frame.columns]], ignore_index=True)


def _described(frame: pd.DataFrame, problem: Problem, judged: table_rows.Judged) -> pd.DataFrame:
    regression = problem.task == "regression"
    truth = [] if judged.target is None else judged.target.tolist()
    frame.insert(0, "path", list(judged.names))
    frame.insert(1, "label", "" if regression else [str(value) for value in truth])
    frame.insert(2, "target", np.array(truth if regression else np.nan, dtype=np.float64))
    frame.insert(3, "group", list(judged.groups))
    for place, name in enumerate(("wanted", "reason", "message")):
        frame.insert(4 + place, name, "")
    return frame


def identified(problem: Problem, frame: pd.DataFrame) -> Featured:
    """Rows with their ids: the content of the fields, and a number behind a colon where it repeats."""
    matrix = frame[frames.columns(problem)].to_numpy(np.float64)
    seen: Counter[str] = Counter()
    ids = []
    for row, reason in zip(matrix, frame["reason"], strict=True):
        if reason:
            ids.append("")
            continue
        content = hashlib.sha256(row.tobytes()).hexdigest()
        ids.append(f"{content}:{seen[content]}" if seen[content] else content)
        seen[content] += 1
    found = frame.assign(id=ids, dhash=np.zeros(len(frame), dtype=np.uint64))
    return Featured(found, len(found), 0)


def _source(problem: Problem) -> TableFile:
    assert isinstance(problem.source, TableFile)
    return problem.source
