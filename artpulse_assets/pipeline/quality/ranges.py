"""Checks on what the problem file states of values: hard ranges, typical ranges, rules between fields.

Belongs here: comparing values with the contract. Does not belong here: comparing them with each other (``outlying``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artpulse_assets.pipeline.expected import Column
from artpulse_assets.pipeline.quality.cells import cells, named
from artpulse_assets.pipeline.quality.finding import MOST_EXAMPLES, Example, Finding, counted, verdict
from artpulse_assets.pipeline.quality.sample import Sample


def value_range(sample: Sample) -> Finding:
    """Every value is inside the hard range of its field, or one of its levels."""
    low = np.array([column.low for column in sample.present])
    high = np.array([column.high for column in sample.present])
    wrong = _outside(sample, low, high) & np.isfinite(sample.matrix)  # what is infinite, finiteness tells
    for place, column in enumerate(sample.present):
        if column.kind == "category":
            values = sample.matrix[:, place]
            wrong[:, place] |= np.isfinite(values) & (values != np.floor(values))
    return verdict(
        cells(sample, wrong, [column.range for column in sample.present]),
        "Every value is inside the hard range of its field."
        if any(column.stated for column in sample.present)
        else "No hard ranges are stated; every number fits single precision.",
        lambda many: (
            f"{counted(many, 'value')} of {named(sample, wrong)} {'is' if many == 1 else 'are'} outside the hard "
            "range: correct or remove the rows, or widen minimum and maximum in the problem file."
        ),
        count=int(wrong.sum()),
        limit=0,
    )


def typical_range(sample: Sample) -> Finding | None:
    """Few rows are outside the typical range of a field."""
    low = np.array([column.typical[0] for column in sample.present])
    high = np.array([column.typical[1] for column in sample.present])
    if not np.isfinite([low, high]).any():
        return None
    odd = _outside(sample, low, high)
    shares = odd.mean(axis=0) if len(odd) else np.zeros(odd.shape[1])
    limit = sample.limits.max_untypical
    many = odd & (shares > limit)
    rules = [_typically(*column.typical) for column in sample.present]
    return verdict(
        cells(sample, many, rules),
        f"At most {shares.max(initial=0):.1%} of the rows are outside the typical range of a field.",
        lambda _: (
            f"{shares.max():.1%} of the rows are outside the typical range of "
            f"{sample.names[int(shares.argmax())]}: look whether the unit is right, or state the range as it is."
        ),
        count=int(many.sum()),
        value=round(float(shares.max(initial=0)), 4),
        limit=limit,
    )


def _outside(sample: Sample, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray((sample.matrix < low) | (sample.matrix > high))


def _typically(low: float, high: float) -> str:
    if np.isinf(low):
        return f"typically at most {high:g}"
    return f"typically {low:g} to {high:g}" if np.isfinite(high) else f"typically at least {low:g}"


def rules(sample: Sample) -> Finding | None:
    """No row breaks a rule between two fields that the problem file states as a warning."""
    contract = sample.problem.contract
    stated = [rule for rule in contract.rules if rule.severity == "warn"]
    if not stated:
        return None
    place = {field: sample.names.index(column.name) for field, column in _stated(sample, contract.names)}
    examples: list[Example] = []
    count = 0
    for rule in stated:
        if not {rule.left, rule.right} <= set(place):
            continue
        left, right = (sample.matrix[:, place[name]] for name in (rule.left, rule.right))
        broken = np.flatnonzero(rule.broken(left, right))
        count += len(broken)
        examples += [
            Example(
                str(sample.paths[row]),
                f"{left[row]:g} and {right[row]:g}",
                f"{rule.left} {rule.op} {rule.right}",
            )
            for row in broken[:MOST_EXAMPLES].tolist()
        ]
    return verdict(
        examples,
        f"Every row keeps {counted(len(stated), 'rule')} between fields.",
        lambda many: (
            f"{counted(many, 'row')} {'breaks' if many == 1 else 'break'} a rule between fields: "
            f"{stated[0].sentence} Check {'it' if many == 1 else 'them'} against the source."
        ),
        count=count,
        limit=0,
    )


def _stated(sample: Sample, fields: Sequence[str]) -> list[tuple[str, Column]]:
    """The fields that are there, with their columns."""
    pairs = zip(fields, sample.columns, strict=False)
    return [(field, column) for field, column in pairs if column.name in sample.names]
