"""What a table as a whole gives away before any row is judged: repeated rows, a coding not stated, a target turned round.

Belongs here: pure functions from columns of text to issues that refuse a file. Does not belong here: reading the
file (``tables``), single wrong cells (``table_rows``), what a person should only look at (the quality checks).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_core.data import repeats
from artpulse_core.data.coding import Coded, Verdict, judge, text_of
from artpulse_core.errors import Issue

MAX_REPEATED = 0.05  # of a table of which codes or directions are known: its rows are described well
MAX_REPEATED_UNKNOWN = (
    0.2  # of any other; below, equal rows stay on one side of the split and are only reported
)
ALPHA = 0.01
IN_FILE = 'coding = "{}" in [source]'  # how a coding is stated


@dataclass(frozen=True)
class TargetWords:
    """The target as its cells write it: column ``name``; ``values`` text → label; ``codes`` the same for each other
    coding; ``positive`` the label that directions speak of. Without ``values`` the cells are numbers."""

    name: str
    values: Mapping[str, str]
    positive: str
    codes: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Leaning:
    """Fields that go with the target as declared (``agreeing``) or the other way (``opposed``), each with its rank
    correlation; the rest say nothing that chance would not."""

    agreeing: Mapping[str, float]
    opposed: Mapping[str, float]

    @property
    def inverted(self) -> bool:
        """Most fields that say anything go the other way."""
        return len(self.opposed) > len(self.agreeing)


def leaning(
    columns: Mapping[str, np.ndarray],
    target: np.ndarray,
    directions: Mapping[str, int],
    *,
    alpha: float = ALPHA,
) -> Leaning:
    """Compare declared ``directions`` (1 rises with the target, -1 falls) with the data.

    ``columns`` (n,) numbers and ``target`` (n,), NaN where not known. Spearman's ρ of mid-ranks with its permutation
    variance 1/(n - 1), which ties do not change (Hájek, Šidák & Sen 1999, section 6.1), two-sided at ``alpha`` over
    the number of fields: at most that share of targets without any relation are called inverted.
    """
    from scipy.special import ndtr

    stated = {name: way for name, way in directions.items() if name in columns}
    agreeing: dict[str, float] = {}
    opposed: dict[str, float] = {}
    for name, way in stated.items():
        rho, n = _rank_correlation(columns[name], target)
        if n > 2 and 2.0 * float(ndtr(-abs(rho) * math.sqrt(n - 1))) <= alpha / len(stated):
            (agreeing if rho * way > 0 else opposed)[name] = rho
    return Leaning(agreeing, opposed)


def _rank_correlation(values: np.ndarray, target: np.ndarray) -> tuple[float, int]:
    """(ρ, rows where both are known); 0 where one does not vary."""
    known = np.isfinite(values) & np.isfinite(target)
    n = int(known.sum())
    if n < 3:
        return 0.0, n
    left, right = (_midranks(part[known]) - (n + 1) / 2 for part in (values, target))
    size = math.sqrt(float((left**2).sum() * (right**2).sum()))
    return (float((left * right).sum()) / size if size > 0 else 0.0), n


def _midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values their mean; importing ``scipy.stats`` for it would take seconds."""
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(many) - (many - 1) / 2)[place]


def resembling(names: Collection[str], known: Mapping[str, Sequence[Coded]]) -> str | None:
    """Which of ``known`` (name → fields) a table with these columns is about: all its fields are there; None if none.

    For a file that somebody adds as their own: what is known of its codes and directions holds for it too.
    """
    having = set(names)
    return next(
        (name for name, fields in known.items() if fields and {f.name for f in fields} <= having), None
    )


def doubts(
    columns: Mapping[str, Sequence[str]],
    fields: Sequence[Coded],
    target: TargetWords,
    *,
    own: str,
    stated: str = "",
    directions: Mapping[str, int] | None = None,
    missing: Collection[str] = (),
    ids: Collection[str] = (),
    stating: str = IN_FILE,
) -> list[Issue]:
    """Why a table cannot be learned from as it is; empty when nothing speaks against it.

    ``columns`` are cells of text by name. ``own`` is the coding of the fields, ``stated`` the one that is stated for
    this file (empty: the own one), and ``stating`` how a person does that, with a place for the name. Codes of
    issues: ``repeated_rows``, ``coding_mixed``, ``coding_unstated``, ``coding_contradicted``, ``target_inverted``.
    """
    verdict = judge(columns, fields, own, missing=missing, also=_texts(target, own))
    found = repetition(columns, MAX_REPEATED, ids=ids)
    found += _coding(verdict, own, stated or own, stating)
    found += _inversion(columns, fields, target, stated or own, directions or {}, verdict, stating)
    return found


def _texts(target: TargetWords, own: str) -> dict[str, dict[str, list[str]]]:
    if not target.values:
        return {}
    return {target.name: {own: [*target.values], **{name: [*texts] for name, texts in target.codes.items()}}}


def repetition(
    columns: Mapping[str, Sequence[str] | np.ndarray],
    most: float = MAX_REPEATED_UNKNOWN,
    *,
    ids: Collection[str] = (),
) -> list[Issue]:
    """The one issue of a table of which more than the share ``most`` of the rows are copies of others.

    Of a table of which nothing is known ``most`` is larger, and equal rows that its few levels explain are none: see
    ``repeats.Repeats.copied``.
    """
    found = repeats.count(columns, ids=ids)
    if not found.copied(most):
        return []
    return [
        Issue(
            "",
            "repeated_rows",
            f"{found.again:,} of {found.rows:,} rows are exact duplicates of an earlier one ({found.distinct:,} are "
            "distinct), more than chance explains: a model would count the same row again and again. Remove them, or "
            "take the original file.",
        )
    ]


def _coding(verdict: Verdict, own: str, stated: str, stating: str) -> list[Issue]:
    if stated in verdict.possible:
        return []
    if verdict.kind == "mixed":
        sides = "; ".join(f"{name} alone has {verdict.told(name)}" for name in verdict.evidence)
        return [
            Issue(
                _pointer(next(iter(verdict.counts))),
                "coding_mixed",
                f"The columns mix codings: {sides}. Write all of them in one, and where that is not {own} state it: "
                f"{stating.format('NAME')}.",
            )
        ]
    likely = verdict.possible[0]
    if stated == own:
        said = f"The coding is {likely}: {verdict.told(likely)} occur only there; state {stating.format(likely)}."
        return [Issue(_pointer(next(iter(verdict.counts))), "coding_unstated", said)]
    return [
        Issue(
            _pointer(next(iter(verdict.counts))),
            "coding_contradicted",
            f"The coding {stated} is stated, but {verdict.told(likely)} occur only in the coding {likely}: state "
            f"{stating.format(likely)}.",
        )
    ]


def _inversion(
    columns: Mapping[str, Sequence[str]],
    fields: Sequence[Coded],
    target: TargetWords,
    stated: str,
    directions: Mapping[str, int],
    verdict: Verdict,
    stating: str,
) -> list[Issue]:
    """Only fields that all codings write alike are asked: the question is open while the coding is."""
    same = {field.name for field in fields if not field.codes}
    asked = {name: way for name, way in directions.items() if name in same and name in columns}
    if target.name not in columns or not asked:
        return []
    words = target.codes.get(stated, target.values)
    held = [name for name in (*dict.fromkeys(field.name for field in fields), target.name) if name in columns]
    # a copy of a row says nothing new
    rows = list(dict.fromkeys(zip(*(columns[name] for name in held), strict=True)))
    kept = {name: [row[place] for row in rows] for place, name in enumerate(held)}
    label = {text: float(said == target.positive) for text, said in words.items()}
    truth = [
        label.get(text_of(cell) or "", math.nan) if words else _number(cell) for cell in kept[target.name]
    ]
    numbers = {name: np.array([_number(cell) for cell in kept[name]], dtype=np.float64) for name in asked}
    seen = leaning(numbers, np.array(truth, dtype=np.float64), asked)
    return [_inverted(target, words, stated, seen, verdict, stating)] if seen.inverted else []


def _inverted(
    target: TargetWords,
    words: Mapping[str, str],
    stated: str,
    seen: Leaning,
    verdict: Verdict,
    stating: str,
) -> Issue:
    told = ", ".join(f"{name} {'rises' if rho > 0 else 'falls'}" for name, rho in seen.opposed.items())
    turned = [
        name
        for name, texts in target.codes.items()
        if name != stated
        and name in verdict.possible
        and any(texts.get(text, said) != said for text, said in words.items())
    ]
    or_coding = f", or state {stating.format(turned[0])}, which writes it so" if turned else ""
    todo = f"Exchange its labels{or_coding}." if words else "Change its sign, or correct the file."
    return Issue(
        f"/{target.name}",
        "target_inverted",
        f"The target {target.name!r} is inverted: {told} with {target.positive or 'it'}, against what is known of "
        f"{'it' if len(seen.opposed) == 1 else 'them'} ({len(seen.opposed)} of "
        f"{len(seen.opposed) + len(seen.agreeing)} fields with a clear direction). {todo}",
    )


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def _pointer(shown: str) -> str:
    return "/" + shown.rsplit(" ", 1)[0]
