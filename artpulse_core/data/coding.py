"""Codings of categories: turning one into another, and telling from whole columns which one they are in.

Belongs here: pure functions over values and the codes that fields declare. A *coding* is a way of writing the levels
of all fields ("uci", "kaggle"); the contract's own needs no codes. Does not belong here: validating rows
(``row_model``), what else a table as a whole gives away (``doubts``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from artpulse_core.data.fields import MISSING
from artpulse_core.errors import DataError

SHOWN = 6  # values named in one sentence
Kind = Literal["own", "other", "either", "mixed"]


class Coded(Protocol):
    """What is asked of a field: ``codes`` maps coding → text of a code → own level, or "missing"."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def levels(self) -> Sequence[int | str]: ...
    @property
    def nullable(self) -> bool: ...
    @property
    def codes(self) -> Mapping[str, Mapping[str, int | str]]: ...


@dataclass(frozen=True)
class Verdict:
    """The coding that columns are in.

    ``own``: only the contract's own is possible; ``other``: only other ones, of which ``possible`` names all;
    ``either``: the own and another, for no value tells them apart; ``mixed``: none, because different values speak
    for different codings. ``evidence`` gives for each coding the values that occur in it alone, as "cp 0", and
    ``counts`` how many cells hold each of these.
    """

    kind: Kind
    possible: tuple[str, ...]
    evidence: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]

    def told(self, coding: str, most: int = SHOWN) -> str:
        """The evidence for ``coding`` as part of a sentence: "cp 0 (143 cells), thal 2 (166 cells)"."""
        found = self.evidence.get(coding, ())
        parts = [
            f"{text} ({self.counts[text]:,} cell{'' if self.counts[text] == 1 else 's'})"
            for text in found[:most]
        ]
        return ", ".join(parts) + (" …" if len(found) > most else "")


def text_of(value: Any) -> str | None:
    """A value as codings write it: 3, 3.0, "3" and " 3.0 " are "3"; None and NaN are None."""
    if value is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return None
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else text


def codings(fields: Iterable[Coded]) -> tuple[str, ...]:
    """The other codings that fields declare, in their order."""
    return tuple(dict.fromkeys(name for field in fields for name in field.codes))


def recode(row: Mapping[str, Any], fields: Sequence[Coded], coding: str) -> dict[str, Any]:
    """``row`` with every value of ``coding`` turned into the contract's own level, None for missing.

    Fields without codes of it stay as they are. Raises ``DataError`` naming a value that the coding does not have.
    """
    found = dict(row)
    for field in fields:
        codes = field.codes.get(coding)
        if codes is not None and field.name in row:
            found[field.name] = _decoded(field, codes, row[field.name], coding)
    return found


def recode_columns(
    columns: Mapping[str, Iterable[Any]], fields: Sequence[Coded], coding: str
) -> dict[str, list[Any]]:
    """``recode`` of whole columns, each distinct value once."""
    found = {name: list(values) for name, values in columns.items()}
    for field in fields:
        codes = field.codes.get(coding)
        if codes is None or field.name not in found:
            continue
        known: dict[Any, Any] = {}
        for value in found[field.name]:
            if value not in known:
                known[value] = _decoded(field, codes, value, coding)
        found[field.name] = [known[value] for value in found[field.name]]
    return found


def encode(row: Mapping[str, Any], fields: Sequence[Coded], coding: str) -> dict[str, Any]:
    """The inverse of ``recode``: own levels to integers or texts of ``coding``; None to its code for missing."""
    found = dict(row)
    for field in fields:
        codes = field.codes.get(coding)
        if codes is None or field.name not in row:
            continue
        back = {_level(level): code for code, level in codes.items()}
        text = text_of(row[field.name])
        if text is None and MISSING not in back:
            continue
        if (text or MISSING) not in back:
            raise DataError(f"{field.name} {text} has no code in the coding {coding}.")
        code = back[text or MISSING]
        found[field.name] = int(code) if code.lstrip("-").isdigit() else code
    return found


def _decoded(field: Coded, codes: Mapping[str, int | str], value: Any, coding: str) -> Any:
    text = text_of(value)
    if text is None and field.nullable:
        return None
    if text is None or text not in codes:
        raise DataError(
            f"{field.name} {text or 'missing'} does not occur in the coding {coding}, which has {', '.join(codes)}."
        )
    level = codes[text]
    return None if level == MISSING else level


def _level(level: int | str) -> str:
    return str(level)


def judge(
    columns: Mapping[str, Iterable[Any]],
    fields: Sequence[Coded],
    own: str,
    *,
    missing: Collection[str] = (),
    also: Mapping[str, Mapping[str, Collection[str]]] | None = None,
) -> Verdict:
    """Which codings the values of whole columns can be in.

    ``missing`` are texts that mean not known, beside empty: they speak for none. ``also`` gives further columns, the
    target: name → coding → its texts. A value that no coding has is a wrong value and no evidence.
    """
    names = (own, *(name for name in codings(fields) if name != own))
    worded = {field.name: _vocabulary(field, names, own) for field in fields if field.codes}
    for name, texts in (also or {}).items():
        worded[name] = {coding: frozenset(texts.get(coding, texts[own])) for coding in names}
    unknown = {"", *missing}
    against: dict[str, set[str]] = {name: set() for name in names}
    evidence: dict[str, list[str]] = {name: [] for name in names}
    counts: dict[str, int] = {}
    for column, words in worded.items():
        seen = Counter(text_of(value) for value in columns.get(column, ()))
        for text, many in sorted((text, many) for text, many in seen.items() if text is not None):
            having = [name for name in names if text in words[name]]
            if text in unknown or not having or len(having) == len(names):
                continue
            shown = f"{column} {text}"
            counts[shown] = many
            for name in set(names).difference(having):
                against[name].add(shown)
            if len(having) == 1:
                evidence[having[0]].append(shown)
    possible = tuple(name for name in names if not against[name])
    kind: Kind = "mixed" if not possible else "other" if own not in possible else "own"
    if kind == "own" and len(possible) > 1:
        kind = "either"
    return Verdict(kind, possible, {name: tuple(found) for name, found in evidence.items() if found}, counts)


def _vocabulary(field: Coded, names: Sequence[str], own: str) -> dict[str, frozenset[str]]:
    """The texts of a field in each coding; a coding without codes for it writes the own levels."""
    levels = frozenset(_level(level) for level in field.levels)
    return {name: levels if name == own else frozenset(field.codes.get(name, levels)) for name in names}


def hint(field: Coded, value: Any, own: str) -> str:
    """What to do about a refused ``value``: the coding that has it where the own one does not, else nothing."""
    text = text_of(value)
    if text is None or text in {_level(level) for level in field.levels}:
        return ""
    having = [name for name, codes in field.codes.items() if name != own and text in codes]
    if not having:
        return ""
    only = "only in the coding" if len(having) == 1 else "in the codings"
    return f'{field.name} {text} occurs {only} {", ".join(having)}: send "coding": "{having[0]}".'
