"""The rules a secondary is judged by: each says value, limit, whether it passed, and why.

Belongs here: one function a rule, over the windows of a rollout. Does not belong here: what follows from the rules
(``advance``), the statistics themselves (``artpulse_core.gates.sequential``).

The error of a whole rollout is ``plan.alpha``, divided among what can go wrong by ``SPENT``. Increases are compared
within windows and then averaged by the secondary's answers, so that a base rate that changes between stages, while
the shares change too, is not mistaken for a difference (Simpson's paradox). A secondary may break at a larger share
only: a bet is also begun anew at each stage, with a part of the stake (``stakes``), and what passes must look well
in the present stage too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from artpulse_core.control.rollout import Counts, Plan, Window
from artpulse_core.gates.rules import RuleResult
from artpulse_core.gates.sequential import Floats, log_e_mix, log_e_rate, lower_rate, upper_rate

SPENT = {"errors": 0.7, "slow": 0.15, "labels": 0.1, "fewer_errors": 0.05}
FIRST = 0.85
_WORDS = {"errors": "failed", "slow": "were slow"}
_MOST = 1e7


def hard_stop(plan: Plan, windows: tuple[Window, ...]) -> RuleResult:
    """Broken when, in any stage, the secondary failed often enough and in a large enough share to stop at once."""
    worst = max((w.secondary for w in windows), key=lambda c: (_hard(plan, c), c.n), default=Counts())
    share = worst.errors / worst.n if worst.n else 0.0
    broken = _hard(plan, worst) >= 1.0
    text = f"{worst.errors} of {worst.n} answers of the secondary failed"
    text += f": stopped from {plan.hard_errors} failures and {plan.hard_share:.0%} on." if broken else "."
    return RuleResult("hard_stop", share, plan.hard_share, not broken, text)


def _hard(plan: Plan, counts: Counts) -> float:
    """How near a hard stop is: 1 and more is one."""
    if not counts.n:
        return 0.0
    return min(counts.errors / plan.hard_errors, counts.errors / counts.n / plan.hard_share)


def rate(plan: Plan, name: str, windows: tuple[Window, ...], goal: float) -> RuleResult:
    """Failures (``errors``) or slow answers (``slow``) of the secondary against the primary's.

    Broken: more are shown, and the increase seen is over the plan's limit. Passed: bounds that hold at any look leave
    the increase so small that at the percent ``goal`` it is below the limit among all requests. Else undecided.
    """
    limit = plan.max_error_increase if name == "errors" else plan.max_slow_increase
    allowed = limit * 100.0 / goal
    table = _table(name, windows)
    if not table.size:
        return RuleResult(name, None, allowed, None, "There are no answers of both slots to compare.")
    for start, stake in enumerate(stakes(table.shape[1])):
        part = table[:, start:]
        e = float(log_e_rate(part[2], part[2] + part[3], _share(part))) + math.log(stake)
        if e >= math.log(1.0 / (plan.alpha * SPENT[name])) and _increase(part) > limit:
            seen = f"{_seen(name, part)}: over the limit of {limit:.1%}, and no chance."
            return RuleResult(name, _increase(part), limit, False, seen)
    increase, worst, seen = _increase(table), float(_worst(table, plan.alpha)), _seen(name, table)
    present = _increase(table[:, -1:])
    if worst < allowed and present < allowed:
        return RuleResult(name, increase, allowed, True, f"{seen}, at most {worst:+.1%}.")
    room = f"{allowed:.1%} is allowed before {goal:g} %"
    if worst < allowed:
        text = f"{seen}, but {present:+.1%} in the present step, and {room}."
        return RuleResult(name, present, allowed, None, text)
    more = _missing(table, plan.alpha, allowed)
    need = (
        f"about {more:,} more answers of the secondary are needed"
        if more
        else "at these rates no number is enough"
    )
    text = f"{seen}, but {worst:+.1%} cannot be ruled out and {room}: {need}."
    return RuleResult(name, increase, allowed, None, text)


def stakes(stages: int) -> list[float]:
    """Parts of one stake: most for the whole rollout, and some for a beginning at each later stage."""
    return [FIRST] + [(1.0 - FIRST) / (turn * (turn + 1)) for turn in range(1, stages)]


def _seen(name: str, table: Floats) -> str:
    told = f"{int(table[2].sum())} of {int(table[0].sum())} answers of the secondary {_WORDS[name]}"
    return f"{told}, {_increase(table):+.1%} against the primary"


def fewer_errors(plan: Plan, windows: tuple[Window, ...]) -> RuleResult:
    """Whether the secondary is shown to fail less often; told, never required."""
    name, table = "fewer_errors", _table("errors", windows)
    need = math.log(1.0 / (plan.alpha * SPENT[name]))
    e = float(log_e_rate(table[2], table[2] + table[3], _share(table), worse=False)) if table.size else 0.0
    text = (
        "The secondary fails less often." if e >= need else "It is not shown that the secondary fails less."
    )
    return RuleResult(name, round(e, 6) + 0.0, need, True if e >= need else None, text, advisory=True)


def labels(plan: Plan, windows: tuple[Window, ...]) -> RuleResult:
    """The label mix of the slots: broken when a difference is shown and is over the limit (total variation)."""
    limit, pairs = plan.max_label_shift, []
    for window in windows:
        names = sorted({*window.primary.labels, *window.secondary.labels})
        mine, other = (
            np.array([slot.labels.get(name, 0) for name in names], dtype=np.float64)
            for slot in (window.secondary, window.primary)
        )
        if mine.sum() and other.sum():
            pairs.append((mine, other, names))
    if not pairs:
        return RuleResult("labels", None, limit, True, "There are no labels of both slots to compare.")
    bets = [float(log_e_mix(mine[None, :], (mine + other)[None, :])) for mine, other, _ in pairs]
    for start, stake in enumerate(stakes(len(pairs))):
        shift, seen = _shift(pairs[start:])
        e = sum(bets[start:]) + math.log(stake)
        if shift > limit and e >= math.log(1.0 / (plan.alpha * SPENT["labels"])):
            return RuleResult(
                "labels", shift, limit, False, f"{seen}: over the limit of {limit:.0%}, and no chance."
            )
    shift, seen = max(_shift(pairs), _shift(pairs[-1:]))
    if shift <= limit:
        return RuleResult("labels", shift, limit, True, f"{seen}.")
    return RuleResult("labels", shift, limit, None, f"{seen}; that may still be chance.")


def _shift(pairs: list[tuple[Floats, Floats, list[str]]]) -> tuple[float, str]:
    """Share of the secondary's answers with another label than the primary's mix gives them, in words too."""
    gaps: dict[str, float] = {}
    for mine, other, names in pairs:
        for name, gap in zip(names, mine - other * mine.sum() / other.sum(), strict=True):
            gaps[name] = gaps.get(name, 0.0) + float(gap)
    total = sum(float(mine.sum()) for mine, _, _ in pairs)
    most = max(sorted(gaps), key=lambda name: abs(gaps[name]))
    shift = 0.5 * sum(abs(gap) for gap in gaps.values()) / total
    return (
        shift,
        f"{shift:.0%} of the answers moved to other labels, most {most!r} ({gaps[most] / total:+.0%})",
    )


def samples(plan: Plan, counts: Counts) -> RuleResult:
    """Enough answers of the secondary in the present stage."""
    enough = counts.n >= plan.min_samples
    text = f"{counts.n} answers of the secondary in this step, at least {plan.min_samples} are needed."
    return RuleResult("samples", counts.n, plan.min_samples, True if enough else None, text)


def _table(name: str, windows: tuple[Window, ...]) -> Floats:
    """Rows (secondary n, primary n, secondary hits, primary hits), one column a window with answers of both."""
    rows = [
        (w.secondary.n, w.primary.n, getattr(w.secondary, name), getattr(w.primary, name))
        for w in windows
        if w.secondary.n and w.primary.n
    ]
    return np.array(rows, dtype=np.float64).T


def _share(table: Floats) -> Floats:
    return np.asarray(table[0] / (table[0] + table[1]), dtype=np.float64)


def _increase(table: Floats) -> float:
    """Rate of the secondary less the primary's, in the mix of windows that the secondary answered."""
    return float((table[2] - table[0] * table[3] / table[1]).sum() / table[0].sum())


def _worst(table: Floats, alpha: float, times: Any = 1.0) -> Floats:
    """Bound above the increase, at level ``alpha``; ``times`` (m, 1) scales the answers, for what-if.

    Half of alpha is for the secondary's rate, half for the primary's: window i gets 1 / (i (i + 1)) of it.
    """
    n2, n1, x2, x1 = (row * times for row in table)
    turn = np.arange(1, table.shape[1] + 1)
    low = lower_rate(x1, n1, 0.5 * alpha / (turn * (turn + 1.0)))
    high = upper_rate(x2.sum(axis=-1), n2.sum(axis=-1), 0.5 * alpha)
    return np.asarray(high - (n2 * low).sum(axis=-1) / n2.sum(axis=-1), dtype=np.float64)


def _missing(table: Floats, alpha: float, allowed: float) -> int:
    """About how many more answers like these decide, to two digits; 0 when no number would."""
    n = float(table[0].sum())
    times = np.geomspace(1.0, max(_MOST / n, 2.0), 80)
    enough = _worst(table, alpha, times[:, None]) < allowed
    if not enough.any():
        return 0
    more = n * (float(times[int(np.argmax(enough))]) - 1.0)
    digits = max(int(math.log10(max(more, 1.0))) - 1, 0)
    return int(max(round(more / 10**digits), 1) * 10**digits)
