"""Evidence: the answers of two models on one test set, classes or numbers, checked but never raising.

Belongs here: bringing answers into one shape and writing down what is wrong with them. Does not belong
here: judging (``evaluate``). Broken evidence is recorded, not raised, so that the verdict can say why it is
not a promotion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from artpulse_core.gates.statistics import Floats, Ints

Task = Literal["classification", "regression"]
_SUM_TOLERANCE = 1e-3
_LARGEST = 1e60  # its fourth power, in the variance of squared errors, is still a number


@dataclass(frozen=True)
class Evidence:
    """Answers on a frozen test set; ``broken`` and ``gaps`` say what is wrong with them.

    A classification has ``classes``, indices as ``y`` and (n, k) probabilities as answers; a regression has (n,) values
    as ``y`` and answers, and may have the challenger's intervals ``lower`` to ``upper`` of ``level``.

    ``broken``: the challenger's answers cannot be used (it is rejected). ``gaps``: something needed for a
    comparison is missing or wrong (nothing can be said).
    """

    classes: tuple[str, ...]
    y: NDArray[Any]
    champion: Floats | None
    challenger: Floats
    test_hash: str | None
    champion_test_hash: str | None
    generated_at: datetime | None
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    task: Task = "classification"
    lower: Floats | None = None
    upper: Floats | None = None
    level: float = 0.9

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        champion: Any,
        challenger: Any,
        classes: Sequence[Any],
        *,
        test_hash: str | None,
        champion_test_hash: str | None,
        generated_at: datetime | str | None,
        slices: Mapping[str, Any] | None = None,
    ) -> Evidence:
        """Collect evidence; never raises on bad values.

        ``y_true``: (n,) class names or indices into ``classes``. ``champion``, ``challenger``: (n, k)
        probabilities, columns in the order of ``classes``; ``champion`` is None for a first champion.
        ``slices``: name → (n,) booleans, or (n,) values that make one slice each. The hashes name the test
        rows each model was measured on; times without a zone are UTC.
        """
        gaps: list[str] = []
        broken: list[str] = []
        names = tuple(str(name) for name in classes)
        if len(names) < 2 or len(set(names)) != len(names):
            gaps.append("At least two different classes are needed.")
        y = _indices(y_true, tuple(classes), gaps)
        mine = _probabilities(challenger, len(y), len(names), "challenger", broken)
        other = None if champion is None else _probabilities(champion, len(y), len(names), "champion", gaps)
        return cls(
            classes=names,
            y=y,
            champion=other,
            challenger=mine,
            test_hash=test_hash or None,
            champion_test_hash=champion_test_hash or None,
            generated_at=_time(generated_at),
            slices=_masks(slices or {}, len(y), gaps),
            broken=tuple(broken),
            gaps=tuple(gaps),
        )

    @classmethod
    def from_values(
        cls,
        y: Any,
        champion: Any,
        challenger: Any,
        *,
        test_hash: str | None,
        champion_test_hash: str | None,
        generated_at: datetime | str | None,
        intervals: tuple[Any, Any] | None = None,
        level: float = 0.9,
        slices: Mapping[str, Any] | None = None,
    ) -> Evidence:
        """Collect evidence of models that answer numbers; never raises on bad values.

        ``y``, ``champion``, ``challenger``: (n,) numbers in one unit; ``champion`` is None for a first champion.
        ``intervals``: lower and upper ends (n,) of the challenger's intervals, which say they hold ``level`` (0..1) of
        the true values. The rest as ``from_predictions``.
        """
        gaps: list[str] = []
        broken: list[str] = []
        truth = _numbers(y, None, "The true values", gaps)
        n = len(truth)
        if not n and not gaps:
            gaps.append("There are no test rows.")
        rows = n or None  # without true values no length is wrong
        mine = _numbers(challenger, rows, "The challenger's answers", broken)
        other = None if champion is None else _numbers(champion, rows, "The champion's answers", gaps)
        lower, upper = _ends(intervals, rows, level, broken)
        return cls(
            classes=(),
            y=truth,
            champion=other,
            challenger=mine,
            test_hash=test_hash or None,
            champion_test_hash=champion_test_hash or None,
            generated_at=_time(generated_at),
            slices=_masks(slices or {}, n, gaps),
            broken=tuple(broken),
            gaps=tuple(gaps),
            task="regression",
            lower=lower,
            upper=upper,
            level=level,
        )


def as_utc(value: datetime) -> datetime:
    """The same instant with a zone; a time without one is UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time(value: datetime | str | None) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return as_utc(value) if isinstance(value, datetime) else None


def _indices(y_true: Any, classes: tuple[Any, ...], gaps: list[str]) -> Ints:
    try:
        values = np.asarray(y_true, dtype=object).ravel().tolist()
    except (TypeError, ValueError):
        values = []
    if not values:
        gaps.append("There are no test rows.")
        return np.empty(0, dtype=np.int64)
    place = {str(name): i for i, name in enumerate(classes)}
    named = [place.get(str(value), -1) for value in values]
    if min(named) >= 0:
        return np.asarray(named, dtype=np.int64)
    numbers = [_index(value, len(classes)) for value in values]
    if min(numbers) < 0:
        wrong = next(v for v, a, b in zip(values, named, numbers, strict=True) if a < 0 and b < 0)
        gaps.append(f"The true label {wrong!r} is none of the classes.")
    return np.asarray(numbers, dtype=np.int64)


def _index(value: Any, k: int) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole and 0 <= value < k else -1


def _probabilities(values: Any, n: int, k: int, who: str, wrong: list[str]) -> Floats:
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        wrong.append(f"The {who}'s predictions are not numbers.")
        return np.empty((0, k))
    if table.shape != (n, k):
        wrong.append(f"The {who}'s predictions have the shape {table.shape}; {(n, k)} is needed.")
    elif not np.isfinite(table).all():
        wrong.append(f"The {who}'s predictions hold NaN or infinity.")
    elif n and (table.min() < 0.0 or np.abs(table.sum(axis=1) - 1.0).max() > _SUM_TOLERANCE):
        wrong.append(f"The {who}'s predictions are not probabilities that sum to one.")
    return table


def _numbers(values: Any, n: int | None, what: str, wrong: list[str]) -> Floats:
    """``values`` as (n,) floats; what is wrong with them is added to ``wrong``."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        wrong.append(f"{what} are not numbers.")
        return np.empty(0)
    if found.ndim != 1 or (n is not None and len(found) != n):
        wrong.append(f"{what} have the shape {found.shape}; {(n if n is not None else 'n',)} is needed.")
        return np.empty(0)
    if not np.isfinite(found).all():
        wrong.append(f"{what} hold NaN or infinity.")
    elif np.abs(found).max(initial=0.0) > _LARGEST:
        wrong.append(f"{what} hold numbers beyond {_LARGEST:g}.")
    return found


def _ends(
    intervals: tuple[Any, Any] | None, n: int | None, level: float, broken: list[str]
) -> tuple[Floats | None, Floats | None]:
    if intervals is None:
        return None, None
    try:
        first, second = intervals
    except (TypeError, ValueError):
        broken.append("The challenger's intervals are not a pair of lower and upper ends.")
        return None, None
    before = len(broken)
    lower = _numbers(first, n, "The lower ends of the challenger's intervals", broken)
    upper = _numbers(second, n, "The upper ends of the challenger's intervals", broken)
    if len(broken) == before and (lower.shape != upper.shape or (lower > upper).any()):
        broken.append("The challenger's intervals end below where they begin.")
    if not 0.0 < level < 1.0:
        broken.append(f"The challenger's intervals state the level {level!r}, which is not between 0 and 1.")
    return lower, upper


def _masks(slices: Mapping[str, Any], n: int, gaps: list[str]) -> dict[str, NDArray[np.bool_]]:
    masks: dict[str, NDArray[np.bool_]] = {}
    for name, raw in slices.items():
        try:
            values = np.asarray(raw)
        except ValueError:  # lists of several lengths
            values = np.empty(0)
        if values.shape != (n,):
            gaps.append(f"Slice {name} has the shape {values.shape}; {(n,)} is needed.")
        elif values.dtype == np.bool_:
            masks[str(name)] = values
        else:
            text = values.astype(str)
            masks.update({f"{name}={value}": text == value for value in np.unique(text)})
    return masks
