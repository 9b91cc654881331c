"""Checks on the target: turned round, piled up at a cap, coded otherwise.

Belongs here: what is known about the target beforehand. Does not belong here: doubting single labels (``noise``).
"""

from __future__ import annotations

import numpy as np

from artpulse_assets.association import rank_correlation
from artpulse_assets.pipeline.quality.finding import Example, Finding, counted, listed, verdict
from artpulse_assets.pipeline.quality.sample import Sample

ALPHA = 0.01  # at most this share of targets without any relation are called inverted
PILE = 0.01  # this share of rows at the very largest value looks like a cap that nobody stated


def inverted_target(sample: Sample) -> Finding | None:
    """Fields known to rise or fall with the target do so here (quality.directions).

    A field counts when its rank correlation is beyond chance: the permutation variance of Spearman's ρ is 1/(n − 1)
    whatever the ties (Hájek, Šidák and Sen 1999, section 6.1), two-sided at 1 % over the number of fields.
    """
    from scipy.special import ndtri

    stated = {name: way for name, way in sample.limits.directions.items() if name in sample.names}
    target = _direction(sample)
    if not stated or target is None:
        return None
    found = {name: rank_correlation(sample.matrix[:, sample.names.index(name)], target) for name in stated}
    known = {
        name: int(np.sum(np.isfinite(sample.matrix[:, sample.names.index(name)]) & np.isfinite(target)))
        for name in stated
    }
    beyond = -float(ndtri(ALPHA / (2 * len(stated))))
    clear = {name: r for name, r in found.items() if abs(r) * np.sqrt(max(known[name] - 1, 0)) > beyond}
    against = {name: r for name, r in clear.items() if r * stated[name] < 0}
    inverted = len(against) * 2 > len(clear) and len(against) > 0
    return verdict(
        (
            Example(
                name, round(r, 3), f"{'rises' if stated[name] > 0 else 'falls'} with {sample.target_name}"
            )
            for name, r in (against.items() if inverted else ())
        ),
        f"{len(clear) - len(against)} of {counted(len(clear), 'field')} with a clear direction "
        f"{'has' if len(clear) == 1 else 'have'} the expected one.",
        lambda many: (
            f"{sample.target_name} looks inverted: {listed(against)} {'goes' if many == 1 else 'go'} the other way. "
            "Exchange the labels in [target.values], or use the original file."
        ),
        value=len(against),
        limit=len(clear) // 2,
    )


def _direction(sample: Sample) -> np.ndarray | None:
    """The target as numbers that rise with what ``directions`` speaks of; None for more than two labels."""
    if sample.regression:
        return sample.target
    labels = np.unique(sample.labels)
    if len(labels) != 2:
        return None
    positive = sample.problem.target.positive_label or labels[1]
    return np.asarray(sample.labels == positive, dtype=np.float64)


def capped_target(sample: Sample) -> Finding:
    """The target is not cut off at a largest value in many rows."""
    stated = sample.problem.target.capped_at
    known = sample.target[np.isfinite(sample.target)]
    if not known.size:
        return Finding(True, "There is no target value.", limit=sample.limits.max_capped)
    cap = float(known.max() if stated is None else stated)
    at_cap = np.flatnonzero(sample.target >= cap)
    share = len(at_cap) / len(sample.target)
    limit = PILE if stated is None else sample.limits.max_capped
    varied = len(np.unique(known)) > 20  # ratings from 1 to 5 have no cap
    bad = share > limit and len(at_cap) >= 10 and (stated is not None or varied)
    said = f"{share:.1%} of the rows have {sample.target_name} {cap:g}"
    todo = (
        "which means that or more: read the figures without them too (the slice capped)."
        if stated is not None
        else f"the largest value: if it means that or more, state target.capped_at = {cap:g}."
    )
    return verdict(
        (Example(str(sample.paths[row]), float(sample.target[row]), f"under {cap:g}") for row in at_cap[:20])
        if bad
        else (),
        f"{said}." if stated is not None else f"{sample.target_name} is not piled up at its largest value.",
        lambda _: f"{said}, {todo}",
        count=len(at_cap) if bad else 0,
        value=round(share, 4),
        limit=limit,
    )


def finite_target(sample: Sample) -> Finding:
    """Every row has a target, finite and inside its stated range."""
    low, high = sample.problem.target.minimum, sample.problem.target.maximum
    lowest, highest = (-np.inf if low is None else float(low)), (np.inf if high is None else float(high))
    with np.errstate(invalid="ignore"):
        inside = (sample.target >= lowest) & (sample.target <= highest) & np.isfinite(sample.target)
    rows = np.flatnonzero(~inside)
    rule = "a finite number" if low is None and high is None else f"{lowest:g} to {highest:g}"
    return verdict(
        (Example(str(sample.paths[row]), float(sample.target[row]), rule) for row in rows[:20]),
        f"Every row has a {sample.target_name}.",
        lambda many: (
            f"{counted(many, 'row')} {'has' if many == 1 else 'have'} no usable {sample.target_name} ({rule}): fill "
            "or remove them."
        ),
        count=len(rows),
        limit=0,
    )


def constant_target(sample: Sample) -> Finding:
    """The target varies."""
    known = sample.target[np.isfinite(sample.target)]
    varies = len(known) > 1 and bool(np.ptp(known) > 0)
    return Finding(
        passed=varies,
        summary=f"{sample.target_name} takes {len(np.unique(known)):,} values."
        if varies
        else f"{sample.target_name} is the same in every row, so there is nothing to learn: choose another target.",
        count=0 if varies else len(sample.target),
        value=len(np.unique(known)),
        limit=2,
    )
