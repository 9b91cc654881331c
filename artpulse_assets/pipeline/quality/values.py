"""Checks on the values of columns: finite, varying, present, common.

Belongs here: one column at a time. Does not belong here: the target, stated ranges (``ranges``), or how far a value
lies from the rest (``outlying``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from artpulse_assets.pipeline.expected import FLOAT32
from artpulse_assets.pipeline.quality.cells import cells, named
from artpulse_assets.pipeline.quality.finding import Example, Finding, counted, listed, verdict
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_assets.pipeline.split import TEST, TRAIN


def finiteness(sample: Sample) -> Finding:
    """Every number is finite and fits single precision; only nullable fields have gaps."""
    gaps = np.isnan(sample.matrix)
    nullable = np.array([column.nullable for column in sample.present], dtype=bool)
    wrong = (gaps & ~nullable) | (np.abs(np.where(gaps, 0.0, sample.matrix)) > FLOAT32)
    absent = [column.name for column in sample.columns if column.name not in sample.frame]
    rules = [
        "a finite number, or missing" if column.nullable else "a finite number" for column in sample.present
    ]
    examples = [
        *(Example(name, None, "the column is there") for name in absent),
        *cells(sample, wrong, rules),
    ]
    where = named(sample, wrong) if wrong.any() else listed(absent)
    return verdict(
        examples,
        f"All {sample.matrix.size:,} numbers are finite or allowed to be missing.",
        lambda many: (
            f"{counted(many, 'value')} of {where} {'is' if many == 1 else 'are'} missing or not finite: fill or "
            "remove the rows, or state nullable = true for the field."
        ),
        count=int(wrong.sum()) + len(absent),
        limit=0,
    )


def constant_columns(sample: Sample) -> Finding:
    """Every column varies."""
    if len(sample.frame) < 2 or not sample.names:
        return Finding(True, "There are too few rows to tell.", limit=0)
    known = np.isfinite(sample.matrix)
    low = np.where(known, sample.matrix, np.inf).min(axis=0)
    high = np.where(known, sample.matrix, -np.inf).max(axis=0)
    same = ~(high > low)
    names = [sample.names[place] for place in np.flatnonzero(same)]
    todo = (
        "nothing is lost, and nothing learned from them."
        if sample.pictures
        else "remove it from [[fields]], or mend the source when it should vary."
    )
    return verdict(
        (Example(name, None, "at least two different values") for name in names),
        f"All {len(sample.names):,} columns vary.",
        lambda many: f"{listed(names)} {'is' if many == 1 else 'are'} the same in every row: {todo}",
        limit=0,
    )


def missing_values(sample: Sample) -> Finding:
    """No column is missing in a large share of the rows."""
    shares = np.isnan(sample.matrix).mean(axis=0) if len(sample.frame) else np.zeros(len(sample.names))
    limit = sample.limits.max_missing
    worst = [place for place in np.argsort(-shares, kind="stable").tolist() if shares[place] > limit]
    gaps = int((shares > 0).sum())
    some = f"{counted(gaps, 'column')} {'has' if gaps == 1 else 'have'} gaps, at most {shares.max(initial=0):.1%}."
    return verdict(
        (
            Example(sample.names[place], f"{shares[place]:.1%} missing", f"at most {limit:.0%}")
            for place in worst
        ),
        some if gaps else "Nothing is missing.",
        lambda many: (
            f"{listed(sample.names[place] for place in worst)} {'is' if many == 1 else 'are'} missing in up to "
            f"{shares.max():.0%} of the rows: find out why, or leave {'it' if many == 1 else 'them'} out of [[fields]]."
        ),
        value=round(float(shares.max(initial=0)), 4),
        limit=limit,
    )


def category_levels(sample: Sample) -> Finding | None:
    """Every level of a category occurs often enough, and among the rows learned from."""
    found = list(_levels(sample))
    if not any(column.kind == "category" for column in sample.present):
        return None
    return verdict(
        found,
        "Every level that occurs is common enough to learn from.",
        lambda many: (
            f"{listed(example.path for example in found)} {'is a level' if many == 1 else 'are levels'} that can "
            "hardly be learned: answers for such rows rest on the other fields; merge rare levels or add rows."
        ),
        limit=sample.limits.rare_level,
    )


def _levels(sample: Sample) -> Iterator[Example]:
    side = sample.frame["side"].to_numpy() if "side" in sample.frame else np.full(len(sample.frame), TRAIN)
    for place, column in enumerate(sample.present):
        if column.kind != "category":
            continue
        values = sample.matrix[:, place]
        for level in np.unique(values[np.isfinite(values)]).tolist():
            rows = values == level
            name = f"{column.name} = {column.shown(level)}"
            count = int(rows.sum())
            if not (rows & (side == TRAIN)).any() and (rows & (side == TEST)).any():
                yield Example(name, count, "occurs among the rows learned from")
            elif count < sample.limits.rare_level:
                yield Example(name, count, f"at least {sample.limits.rare_level} rows")


def row_numbers(sample: Sample) -> Finding:
    """No column merely counts the rows."""
    found = []
    for column, values in zip(sample.present, sample.matrix.T, strict=True):
        if column.kind == "number" and len(values) >= 20 and np.isfinite(values).all():
            steps = np.diff(np.sort(values))
            if steps.size and steps.min() == steps.max() == 1:
                found.append(
                    Example(column.name, f"{values.min():g} … {values.max():g}", "more than a count")
                )
    return verdict(
        found,
        "No column merely counts the rows.",
        lambda many: (
            f"{listed(example.path for example in found)} {'counts' if many == 1 else 'count'} the rows: in a sorted "
            "file that tells the target, in use it means nothing. Name it in source.id, or remove it from [[fields]]."
        ),
        limit=0,
    )
