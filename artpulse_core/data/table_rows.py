"""Rows of a table that can be learned from, and those that cannot with their reason.

Belongs here: the cells of a file against the fields and the target of a problem, a whole column at a time. Does not
belong here: reading the file (``tables``), rules between fields and requests (``contract``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from artpulse_core.data import cells
from artpulse_core.data.cells import ENDLESS, MISSING, WRONG
from artpulse_core.data.dialect import shorten
from artpulse_core.data.fields import MISSING as MISSING_CODE
from artpulse_core.data.fields import Field, Task
from artpulse_core.data.problem import Ratio, TargetText
from artpulse_core.data.tables import Raw, suggestion
from artpulse_core.errors import DataError

ROW_REASONS: dict[str, str] = {
    "missing": "A field that may not be missing is.",
    "not_a_number": "A cell of a number field holds something else.",
    "not_finite": "A number is infinite, not a number, or too large.",
    "below_minimum": "A number is below the hard range of its field.",
    "above_maximum": "A number is above the hard range of its field.",
    "unknown_level": "A cell of a category is none of its levels.",
    "division_by_zero": "A ratio would divide by zero.",
    "target_missing": "The target is not known.",
    "target_unknown": "The target is none of the stated values.",
    "target_not_a_number": "The target is no finite number.",
    "target_out_of_range": "The target is outside its stated range.",
}
"""Reason code → sentence, for every row that goes to quarantine."""
_ZERO = 4  # a state of a ratio, beside those of cells
_CODES = {MISSING: "missing", WRONG: "not_a_number", ENDLESS: "not_finite", _ZERO: "division_by_zero"}


class Refused(NamedTuple):
    """A row that cannot be learned from: its name, the code of the first thing wrong, a sentence for all of them."""

    row: str
    reason: str
    message: str


@dataclass(frozen=True)
class Judged:
    """The rows that can be learned from, m of n.

    ``matrix`` is m × fields float64 (a category the index of its level, missing NaN); ``target`` (m,) float64 for a
    regression, (m,) object of labels for a classification, None when no target was asked for; ``names`` and
    ``groups`` name each row (``line 17`` without an id; groups are "" without a group column); ``kept`` (m,) their
    places in the table; ``quarantine`` the other rows in the order of the file.
    """

    matrix: np.ndarray
    target: np.ndarray | None
    names: tuple[str, ...]
    groups: tuple[str, ...]
    kept: np.ndarray
    quarantine: tuple[Refused, ...]


class _Fault(NamedTuple):
    """One thing wrong with some rows: which (n, bool), the code, and a sentence with a place for the cell."""

    rows: np.ndarray
    reason: str
    sentence: str
    column: str


def to_rows(
    raw: Raw, fields: Sequence[Field], target: TargetText | None, *, task: Task = "classification"
) -> Judged:
    """Turn the cells of ``raw`` into the input matrix and the target of a problem.

    A row with a cell that breaks the contract goes to quarantine, with the field, the value and the rule in its
    message. Raises ``DataError`` when a column is not there at all.
    """
    faults: list[_Fault] = []
    matrix = np.empty((len(raw.table), len(fields)), dtype=np.float64)
    for place, field in enumerate(fields):
        matrix[:, place], found = _category(raw, field) if field.kind == "category" else _number(raw, field)
        faults += found
    truth = None
    if target is not None:
        truth, found = _labels(raw, target) if task == "classification" else _values(raw, target)
        faults += found
    bad = np.zeros(len(raw.table), dtype=bool)
    for fault in faults:
        bad |= fault.rows
    kept = np.flatnonzero(~bad)
    names = row_names(raw)
    groups = cells.stripped(raw.table.column(raw.source.group)) if raw.source.group else [""] * len(names)
    return Judged(
        matrix[kept],
        None if truth is None else truth[kept],
        tuple(names[row] for row in kept),
        tuple(groups[row] for row in kept),
        kept,
        _quarantine(raw, names, np.flatnonzero(bad), faults),
    )


def row_names(raw: Raw) -> list[str]:
    """What a person finds a row by: the cell of its id column, else ``line N``."""
    lines = [f"line {line}" for line in raw.table.lines.tolist()]
    if not raw.source.id:
        return lines
    ids = cells.stripped(raw.table.column(raw.source.id))
    return [name or line for name, line in zip(ids, lines, strict=True)]


def column_numbers(raw: Raw, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float64 and (n,) states of a column or of a ratio of ``raw``; raises ``DataError`` when there is none."""
    ratios = {ratio.name: ratio for ratio in raw.source.ratios}
    if name in ratios:
        return _ratio(raw, ratios[name])
    if name not in raw.table.names:
        raise DataError(f"{raw.path.name} has no column {name!r}{suggestion(name, raw.table.names)}")
    return cells.numbers(raw.table.column(name), raw.source.missing, raw.source.decimal)


def _ratio(raw: Raw, ratio: Ratio) -> tuple[np.ndarray, np.ndarray]:
    above, states = _plain(raw, ratio, ratio.of)
    if isinstance(ratio.by, float | int):
        return above / ratio.by, states
    below, more = _plain(raw, ratio, ratio.by)
    states = np.maximum(states, more)
    states[(states == 0) & (below == 0)] = _ZERO
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = np.where(states == 0, above / below, np.nan)
    states[(states == 0) & ~np.isfinite(values)] = ENDLESS
    return values, states


def _plain(raw: Raw, ratio: Ratio, name: str) -> tuple[np.ndarray, np.ndarray]:
    if name not in raw.table.names:
        raise DataError(
            f"The ratio {ratio.name!r} needs the column {name!r}, which {raw.path.name} does not have"
            f"{suggestion(name, raw.table.names)}"
        )
    return cells.numbers(raw.table.column(name), raw.source.missing, raw.source.decimal)


def _number(raw: Raw, field: Field) -> tuple[np.ndarray, list[_Fault]]:
    values, states = column_numbers(raw, field.name)
    low, high = field.bounds
    name = field.name
    sentences = {
        MISSING: f"{name} is missing and may not be",
        WRONG: f"{name} is {{cell}}, which is no number",
        ENDLESS: f"{name} is {{cell}}, which is no finite number",
        _ZERO: f"{name} cannot be computed: it would divide by zero",
    }
    wrong = [state for state in sentences if not (state == MISSING and field.nullable)]
    faults = [_Fault(states == state, _CODES[state], sentences[state], name) for state in wrong]
    faults.append(
        _Fault(values < low, "below_minimum", f"{name} is {{cell}}, below its minimum {low:g}", name)
    )
    faults.append(
        _Fault(values > high, "above_maximum", f"{name} is {{cell}}, above its maximum {high:g}", name)
    )
    return values, [fault for fault in faults if fault.rows.any()]


def _category(raw: Raw, field: Field) -> tuple[np.ndarray, list[_Fault]]:
    name, coding = field.name, raw.source.coding
    if name not in raw.table.names:
        raise DataError(f"{raw.path.name} has no column {name!r}{suggestion(name, raw.table.names)}")
    missing = list(raw.source.missing)
    order = {level: place for place, level in enumerate(field.levels)}
    if coding and coding in field.codes:
        codes = field.codes[coding]
        known = {code: order[level] for code, level in codes.items() if level != MISSING_CODE}
        missing += [code for code, level in codes.items() if level == MISSING_CODE]
    else:
        known = {str(level): place for level, place in order.items()}
        for level, place in order.items():
            known.setdefault(cells.canonical(level), place)
    values, states = cells.places(raw.table.column(name), known, missing)
    shown = ", ".join(known if coding in field.codes else map(str, field.levels))
    within = f" in the coding {coding}" if coding in field.codes else ""
    faults = [
        _Fault(
            states == WRONG,
            "unknown_level",
            f"{name} is {{cell}}; it must be one of {shorten(shown, 120)}{within}",
            name,
        )
    ]
    if not field.nullable:
        faults.append(_Fault(states == MISSING, "missing", f"{name} is missing and may not be", name))
    return values, [fault for fault in faults if fault.rows.any()]


def _labels(raw: Raw, target: TargetText) -> tuple[np.ndarray, list[_Fault]]:
    name = target.name
    column = raw.table.column(name)
    stated = target.codes.get(raw.source.coding) or target.values
    texts = list(stated) or sorted(set(cells.stripped(column)) - {"", *raw.source.missing})
    labels = np.array([*(stated.get(text, text) for text in texts), ""], dtype=object)
    known: dict[str, int] = {text: place for place, text in enumerate(texts)}
    for place, text in enumerate(texts):
        known.setdefault(cells.canonical(text), place)
    found, states = cells.places(column, known, raw.source.missing)
    one_of = shorten(", ".join(texts), 120)
    faults = [
        _Fault(states == MISSING, "target_missing", f"the target {name} is missing", name),
        _Fault(
            states == WRONG,
            "target_unknown",
            f"the target {name} is {{cell}}; it must be one of {one_of}",
            name,
        ),
    ]
    return labels[np.where(states == 0, found, -1).astype(np.int64)], [
        fault for fault in faults if fault.rows.any()
    ]


def _values(raw: Raw, target: TargetText) -> tuple[np.ndarray, list[_Fault]]:
    name = target.name
    values, states = column_numbers(raw, name)
    low = -np.inf if target.minimum is None else target.minimum
    high = np.inf if target.maximum is None else target.maximum
    outside = (values < low) | (values > high)
    faults = [
        _Fault(states == MISSING, "target_missing", f"the target {name} is missing", name),
        _Fault(states == _ZERO, "division_by_zero", f"the target {name} would divide by zero", name),
        _Fault(
            (states == WRONG) | (states == ENDLESS),
            "target_not_a_number",
            f"the target {name} is {{cell}}, which is no finite number",
            name,
        ),
        _Fault(
            outside,
            "target_out_of_range",
            f"the target {name} is {{cell}}, outside {low:g} to {high:g}",
            name,
        ),
    ]
    return values, [fault for fault in faults if fault.rows.any()]


def _quarantine(
    raw: Raw, names: Sequence[str], bad: np.ndarray, faults: Sequence[_Fault]
) -> tuple[Refused, ...]:
    derived = {ratio.name: (ratio, column_numbers(raw, ratio.name)[0]) for ratio in raw.source.ratios}

    def text(column: str, row: int) -> str:
        return repr(shorten(str(raw.table.column(column)[row]).strip()))

    def cell(column: str, row: int) -> str:
        if column not in derived:
            return text(column, row)
        ratio, values = derived[column]
        if np.isfinite(values[row]):
            return f"{values[row]:g}"
        below = text(ratio.by, row) if isinstance(ratio.by, str) else f"{ratio.by:g}"
        return f"{text(ratio.of, row)} / {below}"

    found: list[Refused] = []
    for row in bad.tolist():
        wrong = [fault for fault in faults if fault.rows[row]]
        said = [fault.sentence.replace("{cell}", cell(fault.column, row)) for fault in wrong[:3]]
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        found.append(Refused(names[row], wrong[0].reason, f"{'; '.join(said)}{more}."))
    return tuple(found)
