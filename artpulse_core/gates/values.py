"""The rules of the gate for models that answer numbers: each says value, limit, passed and why.

Belongs here: one function a rule, judged by the section ``regression`` of the policy. Does not belong here: rules for
classes (``rules``), the order of rules and the decision (``evaluate``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artpulse_core.gates import regression
from artpulse_core.gates.evidence import Evidence
from artpulse_core.gates.policy import Intervals, Policy, ValueSlices
from artpulse_core.gates.rules import RuleResult, undecided
from artpulse_core.gates.statistics import Floats


def compare(policy: Policy, evidence: Evidence, seed: int) -> list[RuleResult]:
    """Every rule between a champion and a challenger that answered the same rows."""
    return [
        superiority(policy, evidence, seed),
        *slices(policy, evidence, seed),
        *intervals(policy, evidence),
    ]


def superiority(policy: Policy, evidence: Evidence, seed: int) -> RuleResult:
    """A lower error: lower bound of the paired bootstrap over the margin. Broken: upper bound below zero.

    Student's t must agree, so that a few large errors of the champion are no proof: on tails as heavy as t with 2.2
    degrees of freedom percentiles alone promote an equal challenger up to 5 times in 100 (``benchmarks/gate.py``).
    No test sees what the test rows do not hold: a challenger 3 % better but for a miss in 500 rows that undoes the gain
    passes 1 time in 7 at 4,000 rows.
    """
    from scipy.special import stdtr

    rule, metric = policy.regression.superiority, policy.regression.metric
    old, new = _losses(metric, evidence)
    differing = int((old != new).sum())
    if differing < rule.min_differing:
        text = f"Only {differing} rows have another error; {rule.min_differing} are needed."
        return RuleResult("superiority", None, rule.margin, None, text)
    bounds = regression.paired_gain(metric, old, new, alpha=rule.alpha, resamples=rule.resamples, seed=seed)
    p = float(stdtr(len(old) - 1, -regression.t_statistic(metric, old, new, rule.margin)))
    shown = f"{metric} lower by {bounds.value:+.2%} (between {bounds.low:+.2%} and {bounds.high:+.2%})"
    passed: bool | None = None
    if bounds.high < 0.0:
        passed, text = False, f"The challenger is worse: {shown}."
    elif bounds.low <= rule.margin:
        text = f"No gain over {rule.margin:g} is shown: {shown}."
    elif p > rule.alpha:
        text = f"A few rows decide the gain (t test p = {p:.3g}): {shown}."
    else:
        passed, text = True, f"The challenger is better: {shown}."
    return RuleResult("superiority", bounds.value, rule.margin, passed, text)


def slices(policy: Policy, evidence: Evidence, seed: int) -> list[RuleResult]:
    """The mean absolute error on each large enough slice may not rise by the limit or more; required ones must be there.

    Absolute errors whatever the metric: on the few rows of a slice one outlier decides a mean of squares.
    """
    rule, results = policy.regression.slices, []
    old, new = _losses("mae", evidence)
    for name, mask in evidence.slices.items():
        n = int(mask.sum())
        if n < rule.min_rows:
            text = f"Slice {name} has {n} test rows; it is judged from {rule.min_rows} on."
            needed = name in rule.required
            results.append(
                RuleResult(f"slice:{name}", None, -rule.max_increase, None, text, advisory=not needed)
            )
        else:
            results.append(_slice(name, old[mask], new[mask], rule, policy, seed))
    absent = [name for name in rule.required if name not in evidence.slices]
    return results + [undecided(f"slice:{name}", f"The required slice {name} is missing.") for name in absent]


def _slice(name: str, old: Floats, new: Floats, rule: ValueSlices, policy: Policy, seed: int) -> RuleResult:
    change = float(regression.gain("mae", old.mean(keepdims=True), new.mean(keepdims=True))[0])
    what, limit = f"Absolute error on {name}", rule.max_increase
    if change > -limit:
        text = f"{what} changes by {-change:+.1%} on {len(old)} rows."
        return RuleResult(f"slice:{name}", change, -limit, True, text)
    resamples = policy.regression.superiority.resamples
    bounds = regression.paired_gain("mae", old, new, alpha=rule.alpha, resamples=resamples, seed=seed)
    text = (
        f"{what} rises by {-change:.1%} on {len(old)} rows, limit {limit:.0%}"
        f" (between {-bounds.high:+.1%} and {-bounds.low:+.1%})."
    )
    return RuleResult(f"slice:{name}", change, -limit, False if bounds.high < 0 else None, text)


def intervals(policy: Policy, evidence: Evidence) -> list[RuleResult]:
    """The challenger's intervals hold the truth as often as they say, within the stated bounds.

    A share outside them by less than chance alone gives on so few rows (exact binomial) is undecided.
    """
    rule = policy.regression.intervals
    if evidence.lower is None or evidence.upper is None:
        return [undecided("coverage", "The challenger has no intervals.")] if rule.required else []
    y, level = evidence.y, evidence.level
    share = regression.coverage(y, evidence.lower, evidence.upper)
    low, high = max(level - rule.max_under, 0.0), min(level + rule.max_over, 1.0)
    text = (
        f"{share:.1%} of the true values are in their {level:.0%} interval, between {low:.0%} and {high:.0%}"
        f" are allowed; mean width {regression.width(evidence.lower, evidence.upper):.4g}."
    )
    under = share < low
    passed: bool | None = low <= share <= high
    if not passed and not _shown(round(share * len(y)), len(y), low if under else high, rule, under=under):
        passed = None
    return [RuleResult("coverage", share, low if under else high, passed, text)]


def _shown(hits: int, n: int, bound: float, rule: Intervals, *, under: bool) -> bool:
    """Whether so few (``under``) or so many hits of n are improbable where the true rate is ``bound``."""
    from scipy.special import bdtr, bdtrc

    p = bdtr(hits, n, bound) if under else bdtrc(hits - 1, n, bound)
    return bool(p <= rule.alpha)


def floors(policy: Policy, evidence: Evidence, seed: int) -> list[RuleResult]:
    """Absolute floors of a first champion: variance surely explained, and intervals that hold what they say."""
    rule, how = policy.regression.first_champion, policy.regression.superiority
    y, v = evidence.y, evidence.challenger
    bounds = regression.r2_interval(y, v, alpha=how.alpha, resamples=how.resamples, seed=seed)
    if not np.isfinite(bounds.low):
        found = undecided("floor_metric", "The true values are all the same: nothing can be explained.")
    else:
        text = (
            f"R² is {bounds.value:.3f}, at least {bounds.low:.3f}; answering the mean gives 0"
            f" and {rule.min_r2:g} is needed."
        )
        found = RuleResult("floor_metric", bounds.low, rule.min_r2, bounds.low >= rule.min_r2, text)
    return [found, *intervals(policy, evidence)]


def _losses(metric: str, evidence: Evidence) -> tuple[Floats, Floats]:
    y: NDArray[np.float64] = evidence.y
    champion = evidence.challenger if evidence.champion is None else evidence.champion
    return regression.losses(metric, y, champion), regression.losses(metric, y, evidence.challenger)
