"""What the columns of a user's CSV are: numbers, categories, or nothing that can be learned from.

Belongs here: one column of text → a field as a problem file states it, or the sentence that refuses it. Does not
belong here: the target (``inference_target``), columns against the target (``leaks``), the file (``tables``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_core.data.cells import non_numbers
from artpulse_core.data.dialect import shorten

MAX_LEVELS = 50
TYPICAL = (0.005, 0.995)  # quantiles between which a number is typical
MARKERS = frozenset({"?", "na", "n/a", "#n/a", "nan", "null", "<na>"})
"""Cells that mean "not known" in any column, in lower case."""
NUMBER_MARKERS = MARKERS | {"none", "-", "--", ".", "unknown", "missing", "nil"}
"""Cells that mean it where all other cells are numbers."""
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?: \d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(?::\d{2})?"
)
_NAMED_ID = re.compile(r"(?i:(?:^|[_\s-])(?:id|uuid|guid|key|index))$|[a-z]I[dD]$")
_DRESSED = re.compile(r"[^\w\s+.-]?\s*[+-]?\d{1,3}(?:[,.' ]\d{3})*(?:[.,]\d+)?\s*(?:%|[^\W\d]{1,4}|[^\w\s])?")


@dataclass(frozen=True)
class Column:
    """What a column is: ``field`` as a problem file states it, or a ``refusal`` (code, sentence); and a ``note``."""

    name: str
    field: Mapping[str, Any] | None = None
    refusal: tuple[str, str] | None = None
    note: str = ""


def markers(counts: Sequence[Counter[str]], decimal: str) -> tuple[str, ...]:
    """The cells of a file that mean "not known", by the counts of each column; sorted."""
    found: set[str] = set()
    for column in counts:
        filled = [cell for cell in column if cell]
        texts = non_numbers(filled, decimal)
        numeric = len(texts) < len(filled) and all(text.lower() in NUMBER_MARKERS for text in texts)
        found.update(text for text in texts if text.lower() in (NUMBER_MARKERS if numeric else MARKERS))
    return tuple(sorted(found))


def infer(
    name: str, counts: Counter[str], missing: Collection[str], decimal: str, example: str = ""
) -> Column:
    """The field for a column of cells by their ``counts``; ``example`` says where a person finds its odd cell."""
    known = {cell: count for cell, count in counts.items() if cell and cell not in missing}
    nullable = len(known) < len(counts)
    rows, distinct = sum(known.values()), len(known)
    if not known:
        return _refused(name, "empty", "holds nothing")
    if distinct == 1:
        return _refused(name, "constant", f"holds {shorten(next(iter(known)))!r} in every row")
    odd = non_numbers(known, decimal)
    if not odd:
        numbers = np.array([float(cell.replace(",", ".") if decimal == "," else cell) for cell in known])
        return infer_number(name, numbers, np.array(list(known.values())), nullable=nullable)
    share = 1 - sum(known[cell] for cell in odd) / rows
    repeats = distinct <= MAX_LEVELS and rows >= 2 * distinct
    if len(odd) < distinct and (share >= 0.5 or not repeats):
        return _mixed(name, odd[0], example)
    texts = list(known)
    if sum(1 for text in texts if _DATE.fullmatch(text)) >= 0.9 * distinct:
        return _refused(
            name,
            "dates",
            f"holds dates or times ({shorten(texts[0])!r})",
            "make numbers of them (a year, days since)",
        )
    if repeats:
        return _category(name, texts, nullable=nullable)
    if (
        all(_DRESSED.fullmatch(text) and any(map(str.isdigit, text)) for text in texts[:1000])
        and distinct > 2
    ):
        return _refused(
            name,
            "dressed_numbers",
            f"holds numbers as text ({shorten(texts[0])!r})",
            "write them plainly (1234.5)",
        )
    words = np.mean([len(text.split()) for text in texts[:1000]])
    if words >= 3 or max(map(len, texts[:1000])) > 60:
        return _refused(name, "free_text", f"holds free text ({shorten(texts[0], 30)!r})")
    if distinct >= 0.9 * rows:
        return _refused(name, "identifier", "names each row differently", f"use --id {quoted(name)}")
    return _refused(
        name,
        "too_many_levels",
        f"holds {distinct:,} different texts; a category may have {MAX_LEVELS}",
        f"join levels, use --group {quoted(name)} if its rows belong together",
    )


def quoted(text: str) -> str:
    """``text`` as a shell takes it."""
    import shlex

    return shlex.quote(text)


def _refused(name: str, code: str, what: str, instead: str = "") -> Column:
    todo = f"{instead}, or leave it out with" if instead else "leave it out with"
    return Column(name, refusal=(code, f"The column {name!r} {what}: {todo} --exclude {quoted(name)}."))


def _mixed(name: str, odd: str, example: str) -> Column:
    return _refused(
        name,
        "mixed_types",
        f"holds numbers and text ({shorten(odd)!r}{example})",
        f"correct these cells, say that they mean not known with --missing {quoted(odd)}",
    )


def infer_number(name: str, numbers: np.ndarray, weights: np.ndarray, *, nullable: bool) -> Column:
    """The field for a column of ``numbers``, each ``weights`` times; not empty."""
    if len(np.unique(numbers)) == 1:
        return _refused(name, "constant", f"holds {numbers[0]:g} in every row")
    whole = bool(np.all(numbers == np.round(numbers)))
    each_once = bool(np.all(weights == 1)) and not nullable and len(numbers) >= 20
    if whole and each_once and (np.ptp(numbers) + 1 == len(numbers) or _NAMED_ID.search(name)):
        return _refused(name, "identifier", "numbers the rows", f"use --id {quoted(name)}")
    if set(numbers.tolist()) == {0.0, 1.0}:
        return Column(name, _field(name, nullable, kind="category", levels=[0, 1]))
    note = (
        f"{name!r} looks like an identifier (--id or --exclude)" if whole and _NAMED_ID.search(name) else ""
    )
    low, high = _typical(numbers, weights)
    bounds = {"typical_minimum": low, "typical_maximum": high} if low < high else {}
    return Column(name, _field(name, nullable, kind="number", **bounds), note=note)


def infer_category(name: str, counts: Counter[str], missing: Collection[str], decimal: str) -> Column:
    """The field of a column that a person calls a category: whole numbers as integer levels in their order, else texts."""
    known = {cell: count for cell, count in counts.items() if cell and cell not in missing}
    nullable = len(known) < len(counts)
    if non_numbers(known, decimal) or not known:
        levels: list[Any] = sorted(known)
    else:
        numbers = sorted({float(cell.replace(",", ".") if decimal == "," else cell) for cell in known})
        fraction = next((number for number in numbers if not number.is_integer()), None)
        if fraction is not None:
            return _refused(
                name, "fractions", f"holds the fraction {fraction:g}, and a category whole numbers or texts",
                f"leave --category {quoted(name)} out",
            )  # fmt: skip
        levels = [int(number) for number in numbers]
    if len(levels) < 2:
        return infer(name, counts, missing, decimal)  # empty or constant
    if len(levels) > MAX_LEVELS:
        return _refused(
            name,
            "too_many_levels",
            f"holds {len(levels):,} different values; a category may have {MAX_LEVELS}",
            f"leave --category {quoted(name)} out",
        )
    note = "" if isinstance(levels[0], int) else _alike(name, levels)
    return Column(name, _field(name, nullable, kind="category", levels=levels), note=note)


def _typical(numbers: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The typical range of a weighted sample, to six digits."""
    order = np.argsort(numbers)
    reached = np.cumsum(weights[order]) / weights.sum()
    low, high = (numbers[order][np.searchsorted(reached, share)] for share in TYPICAL)
    return float(f"{low:.6g}"), float(f"{high:.6g}")


def _category(name: str, texts: Sequence[str], *, nullable: bool) -> Column:
    levels = sorted(texts)
    return Column(name, _field(name, nullable, kind="category", levels=levels), note=_alike(name, levels))


def _alike(name: str, levels: Sequence[str]) -> str:
    alike = twins(levels)
    if not alike:
        return ""
    return f"{name!r} has levels that differ by case or spaces only: {' and '.join(map(repr, alike))}"


def _field(name: str, nullable: bool, **more: Any) -> dict[str, Any]:
    return {"name": name, **more, **({"nullable": True} if nullable else {})}


def twins(texts: Sequence[str]) -> tuple[str, ...]:
    """The first texts that are the same but for case, spaces or the way their letters are composed."""
    import unicodedata

    groups: dict[str, list[str]] = {}
    for text in texts:
        plain = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())
        groups.setdefault(plain, []).append(text)
    return tuple(next((group for group in groups.values() if len(group) > 1), ()))
