"""The reference profile: a small sketch of the data a model was trained on, carried in its bundle.

Belongs here: building the sketch, and its form as plain arrays. Does not belong here: tests (``marginal``,
``joint``) and the alarm (``compare``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift import columns as cols
from artpulse_core.drift.columns import ANSWER, CATEGORY, NUMBER, Floats
from artpulse_core.drift.dependence import Dependence, cluster_inflation
from artpulse_core.errors import BundleError
from artpulse_core.exchange.files import write_whole

MAX_POINTS = 512
_FORMAT = 2


@dataclass(frozen=True)
class Profile:
    """Sketch of n reference rows with d number and c category features.

    ``points`` (d, K) sorted values, padded with NaN; ``below`` and ``upto`` (d, K) counts of rows under and
    up to each point; ``valid`` and ``missing`` (d,) counts; ``mean``, ``std`` (d,); ``inflation`` (d,) how
    much groups inflate the variance of a mean; ``level_*`` one entry a (category feature, level) pair.
    ``answers`` (d,) which numbers are a model's answers. ``distinct`` is the share of rows that occur once.
    """

    numbers: NDArray[np.str_]
    points: Floats
    below: NDArray[np.int64]
    upto: NDArray[np.int64]
    valid: NDArray[np.int64]
    missing: NDArray[np.int64]
    mean: Floats
    std: Floats
    inflation: Floats
    answers: NDArray[np.bool_]
    categories: NDArray[np.str_]
    category_missing: NDArray[np.int64]
    level_feature: NDArray[np.int64]
    level_name: NDArray[np.str_]
    level_count: NDArray[np.int64]
    dependence: Dependence
    n: int
    distinct: float

    @classmethod
    def build(
        cls, columns: Any, *, kinds: Mapping[str, str] | None = None, groups: Any | None = None
    ) -> Profile:
        """Sketch ``columns`` (mapping name → (n,) values, or a DataFrame).

        ``kinds`` says ``number`` or ``category`` where the type does not, and ``answer`` for a probability a
        model gave: those are judged by their mean alone, because answers out of fold are less sharp than
        those of the model fitted on everything. ``groups`` (n,) names rows that
        belong together (an artist, a patient), where windows bring other groups: they are then allowed the
        wider scatter of such rows, at the price of seeing less. Leave it out where windows mix all groups.
        """
        table = cols.read_table(columns)
        known = {name: (kinds or {}).get(name) or cols.kind_of(values) for name, values in table.items()}
        numbers = [name for name in table if known[name] in (NUMBER, ANSWER)]
        categories = [name for name in table if known[name] == CATEGORY]
        n = len(next(iter(table.values()), np.empty(0)))
        matrix = np.stack([cols.to_numbers(table[x]) for x in numbers]) if numbers else np.empty((0, n))
        answers = np.asarray([known[name] == ANSWER for name in numbers], dtype=bool)
        levels = [cols.to_levels(table[x]) for x in categories]
        hashes = cols.row_hashes(matrix, [text for text, _ in levels], n)
        distinct = len(np.unique(hashes)) / n if n else 1.0
        ordered = np.sort(matrix, axis=1)
        valid = n - np.isnan(matrix).sum(axis=1)
        points, below, upto = _sketch(ordered, valid)
        counted = [np.unique(text[~gone], return_counts=True) for text, gone in levels]
        mean, std = _moments(matrix)
        return cls(
            numbers=np.asarray(numbers, dtype=np.str_),
            points=points,
            below=below,
            upto=upto,
            valid=valid,
            missing=n - valid,
            mean=mean,
            std=std,
            inflation=cluster_inflation(matrix, None if groups is None else np.asarray(groups)),
            answers=answers,
            categories=np.asarray(categories, dtype=np.str_),
            category_missing=np.asarray([gone.sum() for _, gone in levels], dtype=np.int64),
            level_feature=np.repeat(np.arange(len(counted)), [len(names) for names, _ in counted]).astype(
                np.int64
            ),
            level_name=np.concatenate([np.empty(0, np.str_), *(names for names, _ in counted)]),
            level_count=np.concatenate([np.empty(0, np.int64), *(counts for _, counts in counted)]),
            dependence=Dependence.build(np.where(answers[:, None], np.nan, matrix), hashes),
            n=n,
            distinct=distinct,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All features."""
        return (*self.numbers.tolist(), *self.categories.tolist())

    def levels(self, place: int) -> dict[str, int]:
        """Counts of the levels of one category feature."""
        mine = self.level_feature == place
        return dict(zip(self.level_name[mine].tolist(), self.level_count[mine].tolist(), strict=True))

    def compare(self, current: Any, **options: Any) -> Any:
        """``artpulse_core.drift.compare.compare(self, current, **options)``: a ``DriftReport``."""
        from artpulse_core.drift.compare import compare

        return compare(self, current, **options)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for an ``.npz`` that is read with ``allow_pickle=False``."""
        arrays = {
            field.name: np.asarray(getattr(self, field.name))
            for field in fields(self)
            if field.name != "dependence"
        }
        return {"format": np.asarray(_FORMAT), **arrays, **self.dependence.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Profile:
        """The reverse of ``to_arrays``; ``BundleError`` when arrays are missing or of another format."""
        try:
            if int(arrays["format"]) != _FORMAT:
                raise BundleError(f"The profile has format {int(arrays['format'])}; {_FORMAT} is read here.")
            plain = {
                f.name: arrays[f.name] for f in fields(cls) if f.name not in {"dependence", "n", "distinct"}
            }
            return cls(
                **plain,
                dependence=Dependence.from_arrays(arrays),
                n=int(arrays["n"]),
                distinct=float(arrays["distinct"]),
            )
        except KeyError as error:
            raise BundleError(f"The profile lacks {error}.") from error

    def save(self, path: Path) -> None:
        """Write ``path`` whole, as a compressed ``.npz``."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self.to_arrays())
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read what ``save`` wrote. Raises ``BundleError`` for a file that is no profile."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls.from_arrays({name: stored[name] for name in stored.files})
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"The profile {path} cannot be read: {error}.") from error


def _sketch(ordered: Floats, valid: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """At most ``MAX_POINTS`` points a feature with the counts under and up to each; extremes always kept."""
    width = int(min(MAX_POINTS, valid.max(initial=0)))
    points = np.full((len(ordered), width), np.nan)
    below = np.repeat(valid[:, None], width, axis=1)
    upto = below.copy()
    for j, count in enumerate(valid):
        values = ordered[j, :count]
        if not count:
            continue
        kept = values
        if count > width:
            kept = values[np.rint(np.linspace(0, count - 1, width)).astype(np.int64)]
        if not (kept[1:] > kept[:-1]).all():
            kept = np.unique(kept)
        k = len(kept)
        points[j, :k] = kept
        if k == count:
            below[j, :k], upto[j, :k] = np.arange(k), np.arange(1, k + 1)
        else:
            below[j, :k] = np.searchsorted(values, kept, side="left")
            upto[j, :k] = np.searchsorted(values, kept, side="right")
    return points, below, upto


def _moments(matrix: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the finite values of each row; NaN without any."""
    with np.errstate(all="ignore"):
        mean = matrix.mean(axis=1) if matrix.shape[1] else np.full(len(matrix), np.nan)
        if matrix.size and np.isfinite(mean).all():
            return mean, matrix.std(axis=1)
    finite = np.isfinite(matrix)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        count = finite.sum(axis=1).astype(float)
        clean = np.where(finite, matrix, 0.0)
        mean = clean.sum(axis=1) / count
        spread = np.where(finite, matrix - mean[:, None], 0.0)
        return mean, np.sqrt((spread**2).sum(axis=1) / count)
