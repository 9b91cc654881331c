"""What a table set is: a named, versioned way from validated rows to the numbers an estimator takes.

Belongs here: the base class, what its fitting gives, finding a set by name. Does not belong here: any particular set
(``tabular``, ``housing``), validating rows (``artpulse_core.data.contract``), scaling (the estimators' own). All of it
runs in the request path: numpy and scipy, nothing heavier.

A table set is fitted, unlike one of pictures: medians, neighbours. What is fitted is plain arrays, which travel in
``state.npz`` of a bundle.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, runtime_checkable

import numpy as np

from artpulse_core.errors import ProblemError

LARGEST = float(np.finfo(np.float32).max)


class FieldLike(Protocol):
    """What a table set wants to know of a field of the contract."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...  # "number" or "category"
    @property
    def levels(self) -> Sequence[Any] | None: ...  # of a category; a cell is the index of its level
    @property
    def nullable(self) -> bool: ...


@dataclass(frozen=True)
class Fitted:
    """``arrays`` are all an encoder needs, none of them objects. ``matrix`` is the training rows, n × w float64: what
    uses targets is out-of-fold there, so it is not what ``transform`` of the same rows gives."""

    arrays: Mapping[str, np.ndarray]
    matrix: np.ndarray


class Encoder(Protocol):
    """A fitted set, opened."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, w of them."""
        ...

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Rows of fields (m × f, a missing cell is NaN) as m × w float64; each row for itself."""
        ...


@runtime_checkable
class Mixing(Encoder, Protocol):
    """An encoder that can tell mixtures of a few rows at less cost, for explanations."""

    def mixtures(self, x: np.ndarray) -> np.ndarray:
        """As ``transform``, exactly for the first row and nearly for the others."""
        ...


@runtime_checkable
class Traceable(Encoder, Protocol):
    """An encoder whose every column depends on one field alone."""

    @property
    def fields(self) -> np.ndarray:
        """The number of each column's field (w,)."""
        ...


class TableSet(ABC):
    """A named way from fields to numbers. Raise ``version`` with any change that can give another number.

    Numbers are held as float64 and are exactly float32: an exported model sees what the estimator was trained on (a
    threshold between two trees' values can otherwise fall on either side).
    """

    name: str
    version: int
    together: tuple[tuple[str, ...], ...] = ()
    """Names of fields that say something only together, as two coordinates do; explanations do not part them."""
    apart: tuple[str, ...] = ()
    """The columns that say nothing of rows of training nearby, in a set that has others."""
    distances: tuple[str, ...] = ()
    """The two columns that say how many km the first and fourth nearest row of training are away, where there are any."""

    @abstractmethod
    def fit(self, fields: Sequence[FieldLike], x: np.ndarray, y: np.ndarray | None, *, seed: int) -> Fitted:
        """Learn from n × f rows and n targets (None: nothing may depend on them).

        Raises ``ProblemError`` when the fields are not what the set needs, naming the field.
        """

    @abstractmethod
    def open(self, arrays: Mapping[str, np.ndarray]) -> Encoder:
        """The encoder of fitted arrays; what is costly (trees of neighbours) is built here, once."""

    def parameters(self) -> dict[str, Any]:
        """Everything besides the code that decides the numbers; part of the fingerprint."""
        return {}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over name, version and parameters."""
        facts = {"name": self.name, "version": self.version, "parameters": self.parameters()}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def single(matrix: np.ndarray) -> np.ndarray:
    """The nearest float32 of each number, as float64; what float32 cannot hold becomes its largest number."""
    narrow: np.ndarray = np.clip(matrix, -LARGEST, LARGEST).astype(np.float32)
    return np.asarray(narrow, dtype=np.float64)


def names() -> tuple[str, ...]:
    """Every table set there is."""
    return tuple(_sets())


def get(name: str) -> TableSet:
    """The table set of this name. Raises ``ProblemError`` with the names there are."""
    sets = _sets()
    if name not in sets:
        raise ProblemError(f"There is no table feature set {name!r}; there are: {', '.join(sets)}.")
    return sets[name]


@cache
def _sets() -> dict[str, TableSet]:
    # Imported here, because every set stands on this module.
    from artpulse_core.features.heart import Heart
    from artpulse_core.features.housing import Housing, HousingApart
    from artpulse_core.features.tabular import Table

    return {each.name: each for each in (Table(), Heart(), Housing(), HousingApart())}
