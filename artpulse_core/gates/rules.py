"""The single rules of the gate for classes: each looks at one thing and says value, limit, passed and why.

Belongs here: one function a rule. Does not belong here: rules for numbers (``values``), the order of rules and the
decision (``evaluate``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.gates.evidence import Evidence
from artpulse_core.gates.paired import Pair, interval, mcnemar_worse, paired_bootstrap, score
from artpulse_core.gates.policy import PerClass, Policy, Slices
from artpulse_core.gates.statistics import Floats, Ints, bootstrap_interval, ece, ece_noise


@dataclass(frozen=True)
class RuleResult:
    """One rule: ``passed`` is True, False (breaks a limit) or None (cannot be said).

    ``advisory`` rules are shown and never block.
    """

    name: str
    value: float | None
    limit: float | None
    passed: bool | None
    reason: str
    advisory: bool = False

    @property
    def blocks(self) -> bool:
        """Whether this rule stands against a promotion."""
        return self.passed is not True and not self.advisory

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a value that is no number is null."""
        return {
            "name": self.name,
            "value": _finite(self.value),
            "limit": _finite(self.limit),
            "passed": self.passed,
            "reason": self.reason,
            "advisory": self.advisory,
        }


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def undecided(name: str, reason: str) -> RuleResult:
    """A rule that cannot be judged."""
    return RuleResult(name, None, None, None, reason)


def failed(name: str, reason: str) -> RuleResult:
    """A rule that is broken without a number."""
    return RuleResult(name, None, None, False, reason)


def compare(policy: Policy, evidence: Evidence, seed: int) -> list[RuleResult]:
    """Every rule between a champion and a challenger that answered the same rows."""
    y, new = evidence.y, evidence.challenger
    old = new if evidence.champion is None else evidence.champion
    pair = Pair(y, old.argmax(axis=1), new.argmax(axis=1), len(evidence.classes))
    return [
        superiority(policy, pair, seed),
        mcnemar(policy, pair),
        *classes(policy, pair, evidence.classes),
        calibration(policy, y, old, new),
        *slices(policy, pair, evidence.slices),
    ]


def superiority(policy: Policy, pair: Pair, seed: int) -> RuleResult:
    """Better: lower bound of the paired bootstrap over the margin. Broken: upper bound below zero."""
    rule, name = policy.superiority, policy.metric
    differing, gain = sum(pair.discordant()), pair.gain(policy.metric)
    if differing < rule.min_discordant:
        text = f"Only {differing} rows are right in one model alone; {rule.min_discordant} are needed."
        return RuleResult("superiority", gain, rule.margin, None, text)
    draws = paired_bootstrap(pair, metric=name, resamples=rule.resamples, seed=seed)
    bounds = interval(gain, draws, rule.alpha)
    shown = f"{name} {gain:+.3f} (between {bounds.low:+.3f} and {bounds.high:+.3f})"
    if bounds.low > rule.margin:
        return RuleResult("superiority", gain, rule.margin, True, f"The challenger is better: {shown}.")
    if bounds.high < 0.0:
        return RuleResult("superiority", gain, rule.margin, False, f"The challenger is worse: {shown}.")
    return RuleResult(
        "superiority", gain, rule.margin, None, f"No gain over {rule.margin:g} is shown: {shown}."
    )


def mcnemar(policy: Policy, pair: Pair) -> RuleResult:
    """Not significantly more rows lost than gained, whatever the metric says."""
    gained, lost = pair.discordant()
    p, alpha = mcnemar_worse(gained, lost), policy.superiority.alpha
    text = f"{gained} rows gained, {lost} lost (McNemar p = {p:.3g} for worse)."
    return RuleResult("mcnemar", p, alpha, p > alpha, text)


def classes(policy: Policy, pair: Pair, names: tuple[str, ...]) -> list[RuleResult]:
    """Recall of each class may not drop by the limit or more."""
    rule, results = policy.per_class, []
    for i, name in enumerate(names):
        part = pair.part(pair.y == i)
        if len(part.y) < rule.min_rows:
            text = f"Class {name} has {len(part.y)} test rows; at least {rule.min_rows} are needed."
            results.append(RuleResult(f"class:{name}", None, -rule.max_drop, None, text))
        else:
            results.append(_drop(f"class:{name}", f"Recall of {name}", part, rule))
    return results


def slices(policy: Policy, pair: Pair, masks: Mapping[str, NDArray[np.bool_]]) -> list[RuleResult]:
    """Accuracy on each large enough slice may not drop by the limit or more; required ones must be there."""
    rule, results = policy.slices, []
    for name, mask in masks.items():
        part = pair.part(mask)
        if len(part.y) < rule.min_rows:
            text = f"Slice {name} has {len(part.y)} test rows; it is judged from {rule.min_rows} on."
            needed = name in rule.required
            results.append(RuleResult(f"slice:{name}", None, -rule.max_drop, None, text, advisory=not needed))
        else:
            results.append(_drop(f"slice:{name}", f"Accuracy on {name}", part, rule))
    absent = [name for name in rule.required if name not in masks]
    return results + [undecided(f"slice:{name}", f"The required slice {name} is missing.") for name in absent]


def _drop(name: str, what: str, part: Pair, rule: PerClass | Slices) -> RuleResult:
    y, limit = part.y, rule.max_drop
    gained, lost = part.discordant()
    change = (gained - lost) / len(y)
    if change > -limit:
        return RuleResult(name, change, -limit, True, f"{what} changes by {change:+.3f} on {len(y)} rows.")
    p = mcnemar_worse(gained, lost)
    text = f"{what} drops by {-change:.3f} on {len(y)} rows, limit {limit:g} (McNemar p = {p:.3g})."
    return RuleResult(name, change, -limit, False if p <= rule.alpha else None, text)


def calibration(policy: Policy, y: Ints, champion: Floats, challenger: Floats) -> RuleResult:
    """The calibration error stays under the limit, or close to the champion's where that is over it.

    An error over the limit by less than chance alone gives on so few rows is undecided.
    """
    rule = policy.calibration
    before, after = ece(y, champion), ece(y, challenger)
    limit = max(rule.max_ece, before + rule.max_increase)
    text = f"Calibration error {after:.3f} (champion {before:.3f}), limit {limit:.3f}."
    passed = True if after <= limit else None if after - ece_noise(challenger) <= limit else False
    return RuleResult("calibration", after, limit, passed, text)


def floors(policy: Policy, evidence: Evidence, seed: int) -> list[RuleResult]:
    """Absolute floors of a first champion: the metric, the gain over the best guess, the calibration."""
    y, p = evidence.y, evidence.challenger
    rule, name, k = policy.first_champion, policy.metric, p.shape[1]
    predicted = p.argmax(axis=1)
    guess = baseline(name, y, k)

    def measure(truth: Ints, labels: Ints) -> float:
        return score(name, truth, labels, k)

    bounds = bootstrap_interval(
        measure,
        y,
        predicted,
        seed=seed,
        resamples=policy.superiority.resamples,
        level=1 - 2 * policy.superiority.alpha,
    )
    error = max(ece(y, p) - ece_noise(p), 0.0)
    value, low, need = bounds.value, bounds.low, guess + rule.min_gain
    return [
        RuleResult(
            "floor_metric",
            value,
            rule.min_metric,
            value >= rule.min_metric,
            f"{name} is {value:.3f}, floor {rule.min_metric:g}.",
        ),
        RuleResult(
            "floor_gain",
            low,
            need,
            low >= need,
            f"{name} is at least {low:.3f}; a guess reaches {guess:.3f} and {need:.3f} is needed.",
        ),
        RuleResult(
            "floor_calibration",
            error,
            rule.max_ece,
            error <= rule.max_ece,
            f"Calibration error beyond chance {error:.3f}, limit {rule.max_ece:g}.",
        ),
    ]


def baseline(metric: str, y: Ints, k: int) -> float:
    """What a model that knows nothing reaches: the best constant answer, or a uniform guess."""
    constant = np.full(len(y), np.bincount(y, minlength=k).argmax())
    return max(score(metric, y, constant, k), 1.0 / k)
