"""The data under check: one read-only view of a dataset that every check takes.

Belongs here: what is derived from the table once and used by several checks. Does not belong here: any verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.pipeline import frames
from artpulse_assets.pipeline.expected import Column
from artpulse_assets.pipeline.split import near_duplicates
from artpulse_core.data.limits import Quality
from artpulse_core.data.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

LABEL, TARGET = "label", "target"


@dataclass(frozen=True, eq=False)
class Sample:
    """``frame``: usable rows (id, path, label or target, group, dhash, columns; side, fold and unit after the split).

    ``quarantine``: path, reason, message of what was left out. ``looks``: one row a picture (``looking.looks``), or
    None. ``out_of_fold``: n × k probabilities (labels in the order of ``frames.labels``) or n values for the train rows in the order
    of the frame, or None before anything was trained.
    """

    problem: Problem
    frame: pd.DataFrame
    quarantine: pd.DataFrame
    columns: tuple[Column, ...]
    looks: pd.DataFrame | None = None
    out_of_fold: np.ndarray | None = None

    @property
    def limits(self) -> Quality:
        """The limits of the checks."""
        return self.problem.quality

    @property
    def pictures(self) -> bool:
        """Whether the rows are pictures."""
        return self.problem.noun == "picture"

    @property
    def regression(self) -> bool:
        """Whether the target is a number."""
        return self.problem.task == "regression"

    @property
    def thing(self) -> str:
        """What a row is called."""
        return self.problem.noun

    @property
    def target_name(self) -> str:
        """The target as the problem file calls it."""
        return self.problem.target.name

    @cached_property
    def names(self) -> list[str]:
        """The feature columns that are there, in order."""
        return [column.name for column in self.columns if column.name in self.frame]

    @cached_property
    def present(self) -> list[Column]:
        """The columns of ``matrix``."""
        return [column for column in self.columns if column.name in self.frame]

    @cached_property
    def matrix(self) -> np.ndarray:
        """n × f float64."""
        return self.frame[self.names].to_numpy(np.float64, na_value=np.nan)

    @cached_property
    def paths(self) -> np.ndarray:
        """Where each row comes from, n texts."""
        if "path" in self.frame:
            return self.frame["path"].astype(str).to_numpy()
        return np.array([f"row {row}" for row in range(len(self.frame))], dtype=object)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The labels in index order, see ``frames.labels``."""
        return frames.labels(self.problem, self.frame)

    @cached_property
    def labels(self) -> np.ndarray:
        """The label of every row, n texts (classification)."""
        return self.frame[LABEL].astype(str).to_numpy() if LABEL in self.frame else np.array([], dtype=str)

    @cached_property
    def target(self) -> np.ndarray:
        """The target as numbers, n: the value, or the index of the label in ``order``."""
        if self.regression:
            return self.frame[TARGET].to_numpy(np.float64, na_value=np.nan)
        places = {label: place for place, label in enumerate(self.order)}
        return np.array([places[label] for label in self.labels.tolist()], dtype=np.float64)

    @cached_property
    def told(self) -> list[str]:
        """The target of every row as text, for people."""
        return [f"{value:g}" for value in self.target] if self.regression else self.labels.tolist()

    @cached_property
    def content(self) -> np.ndarray:
        """A 64-bit digest of the fields of every row, n; equal rows are equal here, missing equals missing."""
        import pandas as pd

        if not self.names:
            return np.arange(len(self.frame), dtype=np.uint64)
        values = pd.DataFrame(self.matrix + 0.0)  # −0.0 is 0.0
        return np.asarray(pd.util.hash_pandas_object(values, index=False), dtype=np.uint64)

    @cached_property
    def near_pairs(self) -> list[tuple[int, int]]:
        """Pairs of pictures whose difference hashes are at most four bits apart."""
        return near_duplicates(self.frame["dhash"].tolist()) if "dhash" in self.frame else []

    @cached_property
    def left_out(self) -> dict[str, int]:
        """Reason → how many were left out for it."""
        return dict(Counter(str(reason) for reason in self.quarantine["reason"]))

    def quarantined(self, reasons: Sequence[str]) -> pd.DataFrame:
        """What was left out for one of ``reasons``."""
        return self.quarantine[self.quarantine["reason"].isin(list(reasons))]

    def where(self, column: str, value: Any) -> np.ndarray:
        """The rows in which ``column`` is ``value``; none when there is no such column."""
        if column not in self.frame:
            return np.array([], dtype=np.int64)
        return np.flatnonzero(self.frame[column].to_numpy() == value)
