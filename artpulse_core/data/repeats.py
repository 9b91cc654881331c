"""Rows of a table that repeat an earlier one exactly, and how many of them chance explains.

Belongs here: counting them, and telling copies from rows that are alike because there is little to tell them apart.
Does not belong here: what is said about it (``doubts``), near duplicates (the quality checks).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.dtypes import StringDType

from artpulse_core.data.cells import stripped

FEW_KINDS = 0.05  # share of the different rows below which repeated ones are a common answer, not copies
UNNAMED = "Unnamed: 0"  # what a saved index is called
FEW_VALUES = 12  # up to as many a column is a question, above it a measurement
COMPARED = 200  # columns looked at for one that follows from another


@dataclass(frozen=True)
class Repeats:
    """``again`` of ``rows`` repeat an earlier one; ``kinds`` different rows occur more than once; ``chance`` is how
    many would repeat without any copying."""

    rows: int
    again: int
    kinds: int
    chance: float

    @property
    def distinct(self) -> int:
        """Different rows."""
        return self.rows - self.again

    def copied(self, most: float) -> bool:
        """Whether more than the share ``most`` of the rows are copies, where equal rows are not what to expect.

        Equal rows are legitimate where fields leave little room: three questions with yes or no have eight different
        rows. So only what goes beyond twice ``chance`` counts. Nor are they copies where few different rows make all
        of them (nothing bought, everybody's favourite): copying a file repeats rows of every kind.
        """
        return self.again > most * self.rows + 2 * self.chance and self.kinds > FEW_KINDS * self.distinct


def count(columns: Mapping[str, Sequence[str] | np.ndarray], *, ids: Collection[str] = ()) -> Repeats:
    """Count the repeated rows of ``columns`` (n cells of text each), a column at a time.

    A column that only counts the rows (1, 2, 3 …), or a first one without a name, tells nothing apart, unless it is
    one of ``ids``: then somebody said that each row is an example of its own.
    """
    rows = len(next(iter(columns.values())))
    coded: list[np.ndarray] = []
    joint = np.zeros(rows, dtype=np.int64)
    for name, column in columns.items():
        texts = stripped(np.asarray(column, dtype=StringDType()))
        if name not in ids and (name == UNNAMED or _counts_rows(texts)):
            continue
        known: dict[str, int] = {}
        code = np.fromiter((known.setdefault(text, len(known)) for text in texts), np.int64, count=rows)
        _, joint = np.unique(joint * len(known) + code, return_inverse=True)
        if len(joint) and int(joint.max()) + 1 == rows:
            return Repeats(rows, 0, 0, 0.0)
        coded.append(code)
    if not coded or not rows:
        return Repeats(rows, 0, 0, 0.0)
    many = np.bincount(joint)
    return Repeats(rows, rows - len(many), int((many > 1).sum()), _chance(coded, joint, len(many)))


def _counts_rows(texts: Sequence[str]) -> bool:
    """Whether cells are whole numbers that rise by one from row to row."""
    if len(texts) < 3 or not (texts[0].isascii() and texts[0].isdigit()):
        return False
    first = int(texts[0])
    return all(text == str(first + place) for place, text in enumerate(texts))


def _chance(coded: Sequence[np.ndarray], joint: np.ndarray, distinct: int) -> float:
    """How many of n rows repeat an earlier one when none is a copy.

    Two rows agree in a column with the probability c = Σ p². Over independent columns they agree in all with Π c, as
    if rows were drawn from K = 1 / Π c equally frequent ones, which leaves n - K (1 - (1 - 1/K)^n) repeats. Columns
    of real tables tell of each other, so this errs towards more repeats by chance: columns that follow from another
    are left out, and one with few values, as the questions of a survey have them, counts half (√c). The others are
    measurements, which hardly agree to the last digit however much they depend; of them c is estimated without bias
    from the different rows, for copies would raise it.
    """
    rows = len(joint)
    _, firsts = np.unique(joint, return_index=True)
    bits = 0.0
    for code in _free(coded, firsts, distinct):
        many = np.bincount(code)
        if len(many) <= FEW_VALUES:
            bits -= 0.5 * math.log(float(((many / rows) ** 2).sum()))
            continue
        own = np.bincount(code[firsts]).astype(np.float64)
        agreeing = float((own * (own - 1)).sum()) / (distinct * (distinct - 1))
        bits -= math.log(max(agreeing, 1 / distinct**2))
    kinds = math.exp(min(bits, 600.0))
    if kinds <= 1.0 + 1e-9:
        return float(rows - 1)
    return max(0.0, rows + kinds * math.expm1(rows * math.log1p(-1.0 / kinds)))


def _free(coded: Sequence[np.ndarray], firsts: np.ndarray, distinct: int) -> list[np.ndarray]:
    """The columns that do not follow from one kept before, as a district does from its town.

    Asked of the different rows only, and of columns that are not almost different in each of them: from those
    everything follows.
    """
    ordered = sorted(coded, key=lambda code: -int(code.max()))
    kept: list[np.ndarray] = []
    asked: list[tuple[np.ndarray, int]] = []
    for code in ordered:
        own = code[firsts]
        size = int(code.max()) + 1
        if len(asked) < COMPARED and any(
            len(np.unique(other * size + own)) == values for other, values in asked
        ):
            continue
        kept.append(code)
        if 2 * size <= distinct:
            asked.append((own, size))
    return kept
