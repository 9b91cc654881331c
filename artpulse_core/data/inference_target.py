"""What the target of a user's CSV is: labels or a number, and whether there is enough to learn from.

Belongs here: the column of the target → task, labels and the sentence that refuses it. Does not belong here: the
other columns (``inference``, ``leaks``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from artpulse_core.data.cells import canonical, non_numbers
from artpulse_core.data.dialect import shorten
from artpulse_core.data.fields import Task
from artpulse_core.data.inference import quoted, twins
from artpulse_core.errors import DataError

MAX_LABELS = 100
FEW_VALUES = 20  # a number with no more different whole values than that is taken for labels
MIN_PER_LABEL = 10
MIN_ROWS, PLENTY = 20, 100
MAX_LABEL = 120


@dataclass(frozen=True)
class Goal:
    """The target: its task, ``values`` (cell → label) and ``counts`` of a classification, rows where it is known."""

    task: Task
    values: dict[str, str]
    counts: dict[str, int]
    rows: int
    warnings: tuple[str, ...]


def infer_target(
    name: str, counts: Counter[str], missing: Collection[str], decimal: str, task: str = ""
) -> Goal:
    """Judge the target by the ``counts`` of its cells; raises ``DataError`` with one sentence that says what to do."""
    known = {cell: count for cell, count in counts.items() if cell and cell not in missing}
    rows, unknown = sum(known.values()), sum(counts.values()) - sum(known.values())
    if not known:
        raise DataError(f"The target {name!r} is empty in every row; choose another column.")
    if rows < MIN_ROWS:
        raise DataError(f"The target {name!r} is known in {rows} rows; at least {MIN_ROWS} are needed.")
    warnings = [f"{unknown:,} rows have no target {name!r} and go to quarantine"] if unknown else []
    texts = non_numbers(known, decimal)
    merged: Counter[str] = Counter()
    for cell, count in known.items():
        merged[cell if texts else canonical(cell.replace(",", ".") if decimal == "," else cell)] += count
    if len(merged) == 1:
        raise DataError(
            f"The target {name!r} holds {shorten(next(iter(merged)))!r} in every row: there is nothing to tell apart; "
            "choose another column."
        )
    chosen = task or _guess(merged, bool(texts))
    if chosen == "regression":
        if texts:
            raise DataError(
                f"A regression needs numbers, and the target {name!r} holds {shorten(texts[0])!r}; leave --task out, or "
                f"say that it means not known with --missing {quoted(texts[0])}."
            )
        return Goal("regression", {}, {}, rows, (*warnings, *_scarce(rows)))
    _judge_labels(name, merged, numeric=not texts)
    ordered = sorted(merged, key=(lambda text: text) if texts else float)
    values = {text: text for text in ordered}
    return Goal(
        "classification", values, {text: merged[text] for text in ordered}, rows, (*warnings, *_scarce(rows))
    )


def _scarce(rows: int) -> list[str]:
    return (
        [f"there are {rows} rows only; the figures of the model will be uncertain"] if rows < PLENTY else []
    )


def _guess(merged: Counter[str], has_text: bool) -> str:
    if has_text:
        return "classification"
    numbers = np.array([float(text) for text in merged])
    whole = bool(np.all(numbers == np.round(numbers)))
    repeats = sum(merged.values()) >= 5 * len(merged)
    return "classification" if whole and len(merged) <= FEW_VALUES and repeats else "regression"


def _judge_labels(name: str, merged: Counter[str], *, numeric: bool) -> None:
    otherwise = ", or learn its number with --task regression" if numeric else ""
    if len(merged) > MAX_LABELS:
        raise DataError(
            f"The target {name!r} has {len(merged):,} different labels; at most {MAX_LABELS} can be told apart: join "
            f"labels, choose another column{otherwise}."
        )
    for label in merged:
        if len(label) > MAX_LABEL or not label.isprintable():
            raise DataError(
                f"The target {name!r} has a label that is longer than {MAX_LABEL} characters or holds a line break "
                f"({shorten(label)!r}); rename it."
            )
    if alike := twins(list(merged)):
        raise DataError(
            f"The labels {' and '.join(f'{label!r} ({merged[label]:,})' for label in alike)} of the target {name!r} "
            "differ by case or spaces only; write them alike."
        )
    rare = sorted(
        (label for label, count in merged.items() if count < MIN_PER_LABEL), key=lambda label: merged[label]
    )
    if rare:
        shown = ", ".join(f"{label!r} ({merged[label]})" for label in rare[:5])
        more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
        raise DataError(
            f"The target {name!r} has labels with fewer than {MIN_PER_LABEL} rows: {shown}{more}; add rows, join "
            f"labels or remove these rows{otherwise}."
        )
