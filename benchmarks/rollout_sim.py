"""How often a rollout stops an equal secondary, and how soon a worse one: simulated, looked at after every answer.

Run ``make rollout-sim`` (or ``python -m benchmarks.rollout_sim [--runs N]``). Each row is one world with its own
seed; a row that must hold something says whether it did, and the exit code is 1 if one did not. Counts of one step
are simulated for all runs at once; whole plans and samples of the single steps go through ``advance`` itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from artpulse_core.control.advance import advance
from artpulse_core.control.judging import SPENT
from artpulse_core.control.rollout import Counts, Evidence, Plan, Rollout, Stage, Window
from artpulse_core.gates.sequential import log_e_mix, log_e_rate, lower_rate, upper_rate
from artpulse_core.store.clock import stamp

Array = np.ndarray[Any, Any]
PLAN = Plan()
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = BEGAN + timedelta(days=1)
SHARES = (0.01, 0.10, 0.25, 0.50)
NEVER = 10**9
MOST_WRONG = 0.05
MOST_REQUESTS = 600
NEAR = 1.75  # times the least number of requests any test of this level can need


class Table:
    """Rows with their verdicts."""

    def __init__(self) -> None:
        self.claims: list[bool] = []

    def add(self, what: str, seen: str, held: bool | None) -> None:
        """Print a row; ``held`` None claims nothing."""
        if held is not None:
            self.claims.append(held)
        print(f"{what:49s} {seen:75s} {'' if held is None else 'held' if held else 'NOT HELD'}", flush=True)

    def close(self) -> int:
        """Print the count and return the exit code."""
        print(f"\n{sum(self.claims)} of {len(self.claims)} held")
        return 0 if all(self.claims) else 1


def grow(
    rng: np.random.Generator, runs: int, looks: int, every: int, share: float, p1: float, p2: float
) -> Iterator[tuple[Array, ...]]:
    """Running counts (runs, looks) in parts: answers of secondary and primary, hits of secondary and primary."""
    part = max(1, 1_000_000 // looks)
    for start in range(0, runs, part):
        size = (min(part, runs - start), looks)
        n2 = (rng.random(size) < share).astype(int) if every == 1 else rng.binomial(every, share, size)
        x2, x1 = rng.binomial(n2, p2), rng.binomial(every - n2, p1)
        yield tuple(counts.cumsum(axis=1) for counts in (n2, every - n2, x2, x1))


def shown(counts: tuple[Array, ...], alpha: float, *, worse: bool = True) -> Array:
    """At which looks the e-value shows a difference (runs, looks).

    The likelihood ratio of the best ratio bounds the mixture, and saves computing it almost everywhere.
    """
    n2, n1, x2, x1 = counts
    m, q, need = x2 + x1, n2 / (n2 + n1), np.log(1.0 / alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(x2 > 0, x2 * np.log(x2 / (m * q)), 0) + np.where(
            x1 > 0, x1 * np.log(x1 / (m * (1 - q))), 0
        )
    at = (best >= need) & ((x2 > m * q) == worse)
    found = np.zeros(n2.shape, bool)
    found[at] = log_e_rate(x2[at][:, None], m[at][:, None], q[at][:, None], worse=worse) >= need
    return found


def first(found: Array) -> Array:
    """Index of the first look that is True in each run, ``NEVER`` without one."""
    return np.where(found.any(axis=1), found.argmax(axis=1), NEVER)


def stopped(name: str, counts: tuple[Array, ...]) -> Array:
    """The look at which each run is stopped by ``errors`` or ``slow``."""
    n2, n1, x2, x1 = counts
    limit = PLAN.max_error_increase if name == "errors" else PLAN.max_slow_increase
    more = x2 / np.maximum(n2, 1) - x1 / np.maximum(n1, 1) > limit
    over = more & (n1 > 0) & shown(counts, PLAN.alpha * SPENT[name])
    hard = (x2 >= PLAN.hard_errors) & (x2 >= PLAN.hard_share * n2) & (name == "errors")
    return first(over | hard)


def agrees(name: str, counts: tuple[Array, ...], at: Array, sample: int = 8) -> bool:
    """Whether ``advance`` aborts exactly at those looks: not at the one before, and then."""
    for run in np.flatnonzero(at < NEVER)[:sample]:
        for look in (at[run] - 1, at[run]):
            n2, n1, x2, x1 = (int(column[run, look]) if look >= 0 else 0 for column in counts)
            slots = [
                Counts(n, x, 0) if name == "errors" else Counts(n, 0, x) for n, x in ((n1, x1), (n2, x2))
            ]
            step = advance(at_percent(50.0), Evidence((Window(50.0, *slots),)), LATER)
            if (step.decision == "abort") != (look == at[run]):
                return False
    return True


def at_percent(percent: float) -> Rollout:
    """A canary in its step of ``percent``."""
    stages = (Stage(percent, stamp(BEGAN)),)
    return Rollout("canary", primary=1, secondary=2, percent=percent, plan=PLAN, stages=stages)


def least(share: float, p1: float, p2: float, alpha: float = PLAN.alpha) -> float:
    """Requests that any test of level ``alpha`` needs on average, even one that knows both rates (Wald 1945)."""

    from scipy.special import kl_div

    both = share * p2 + (1 - share) * p1
    told = [kl_div(p, both) + kl_div(1 - p, 1 - both) for p in (p1, p2)]
    return float(np.log(1 / alpha) / (share * told[1] + (1 - share) * told[0]))


def equal(table: Table, runs: int, name: str, base: float, share: float, seed: int) -> None:
    """A secondary like the primary: shown worse or better, ever, at looks after every 1, 10 and 100 answers."""
    rng, wrong = np.random.default_rng(seed), np.zeros(6)
    for counts in grow(rng, runs, 10_000 if share < 0.05 else 5_000, 1, share, base, base):
        for worse in (True, False):
            spent = SPENT[name] if worse else SPENT["fewer_errors"]
            found = shown(counts, PLAN.alpha * spent, worse=worse)
            wrong[0 if worse else 1 :: 2] += [found[:, n - 1 :: n].any(axis=1).sum() for n in (1, 10, 100)]
    r = wrong / runs
    seen = "  ".join(f"every {n}: {r[2 * i]:.1%} {r[2 * i + 1]:.1%}" for i, n in enumerate((1, 10, 100)))
    what = f"{name} {base:.1%}, share {share:.0%}"
    table.add(what, f"worse, better {seen}", bool(r[0] + r[1] <= MOST_WRONG))


def worse(table: Table, runs: int, name: str, base: float, more: float, share: float, seed: int) -> None:
    """A secondary with ``more`` hits: requests until it is stopped, and how often it passed before."""
    rng, every = np.random.default_rng(seed), 1 if share > 0.05 else 10
    total, own, passed, exact = [], [], 0, True
    limit = PLAN.max_error_increase if name == "errors" else PLAN.max_slow_increase
    for counts in grow(rng, runs, 6_000, every, share, base, base + more):
        n2, n1, x2, x1 = counts
        at = stopped(name, counts)
        exact &= agrees(name, counts, at, 2)
        last = np.minimum(at, n2.shape[1] - 1)
        total += list(np.where(at < NEVER, (last + 1) * every, NEVER))
        own += list(np.where(at < NEVER, n2[np.arange(len(at)), last], NEVER))
        some = np.arange(49, n2.shape[1], 50)
        bound = upper_rate(x2[:, some], n2[:, some], 0.5 * PLAN.alpha) - lower_rate(
            x1[:, some], n1[:, some], 0.25 * PLAN.alpha
        )
        fine = (bound < limit) & (n2[:, some] >= PLAN.min_samples) & (some < at[:, None])
        passed += int(fine.any(axis=1).sum())
    requests, answers, need = np.median(total), np.median(own), least(share, base, base + more)
    seen = (
        f"median {shorter(requests)} requests, {shorter(answers)} its own; the least is {need:.0f}; "
        f"passed {passed / runs:.1%}"
    )
    soon = requests <= max(MOST_REQUESTS, NEAR * need)
    what = f"{name} {base:.1%} and {more:+.0%}, share {share:.0%}"
    table.add(what, seen, bool(exact and soon and passed / runs <= MOST_WRONG))


def shorter(value: float) -> str:
    """A count, or that more than half of the runs had none."""
    return "no" if value >= NEVER else f"{value:.0f}"


def mix(table: Table, runs: int, moved: float, share: float, seed: int, every: int = 10) -> None:
    """Five labels of which the secondary moves ``moved`` of the answers to the first."""
    rng, looks = np.random.default_rng(seed), 1000 if share < 0.05 else 300
    p1 = np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    p2 = p1 * (1 - moved / 0.9) + np.eye(5)[0] * moved / 0.9
    stops: list[Array] = []
    for _ in range(0, runs, 100):
        n2 = rng.binomial(every, share, (100, looks))
        mine = rng.multinomial(n2, p2).cumsum(axis=1)
        other = rng.multinomial(every - n2, p1).cumsum(axis=1)
        a, b = (np.maximum(side.sum(axis=-1, keepdims=True), 1) for side in (mine, other))
        shift = 0.5 * np.abs(mine / a - other / b).sum(axis=-1)
        at = shift > (PLAN.max_label_shift if moved else 0.0)
        found = np.zeros(at.shape, bool)
        found[at] = log_e_mix(mine[at][:, None], (mine + other)[at][:, None]) >= np.log(
            1 / (PLAN.alpha * SPENT["labels"])
        )
        stops.append(first(found))
    all_stops = np.concatenate(stops)
    rate, middle = float((all_stops < NEVER).mean()), float(np.median(all_stops))
    if moved:
        requests = (middle + 1) * every if middle < NEVER else float(NEVER)
        seen = f"median {shorter(requests)} requests, {shorter(requests * share)} its own"
        table.add(f"labels {moved:.0%} moved, share {share:.0%}", seen, rate >= 1 - MOST_WRONG)
    else:
        table.add(f"labels equal, share {share:.0%}", f"shown to differ {rate:.1%}", rate <= MOST_WRONG)


def walk(
    rng: np.random.Generator, base: Callable[[int], float], more: float, slower: float
) -> tuple[str, float, int, int]:
    """One rollout by the default plan through ``advance``: decision, highest percent, requests, own answers."""
    state, windows, requests, own, highest = at_percent(PLAN.steps[0]), [Window(1.0)], 0, 0, 1.0
    for _ in range(400):
        stage, share, now = len(windows) - 1, state.percent / 100, windows[-1]
        size = max(20, int(20 / share), (now.primary.n + now.secondary.n) // 3)
        n2 = int(rng.binomial(size, share))
        first_slot = add(rng, now.primary, size - n2, base(stage), 0.05)
        windows[-1] = Window(
            state.percent, first_slot, add(rng, now.secondary, n2, base(stage) + more, 0.05 + slower)
        )
        requests, own, highest = requests + size, own + n2, max(highest, state.percent)
        step = advance(state, Evidence(tuple(windows)), LATER)
        if step.decision in {"abort", "finish"}:
            return step.decision, highest, requests, own
        if step.decision == "advance":
            state = replace(state, percent=step.percent)
            windows.append(Window(step.percent))
    return "hold", highest, requests, own


def add(rng: np.random.Generator, counts: Counts, n: int, p: float, s: float) -> Counts:
    """Counts with ``n`` more answers."""
    return Counts(
        counts.n + n, counts.errors + int(rng.binomial(n, p)), counts.slow + int(rng.binomial(n, s))
    )


def plans(table: Table, runs: int, what: str, more: float, slower: float, seed: int) -> None:
    """Whole rollouts by the default plan, with a base rate that changes from stage to stage."""
    rng = np.random.default_rng(seed)
    ends = [
        walk(rng, lambda stage: (0.01, 0.04, 0.005, 0.02, 0.01)[stage], more, slower) for _ in range(runs)
    ]
    share = {name: sum(end[0] == name for end in ends) / runs for name in ("abort", "finish", "hold")}
    high = sum(end[1] > 25 for end in ends) / runs
    requests, own = (np.median([end[i] for end in ends]) for i in (2, 3))
    seen = f"stopped {share['abort']:.1%}, over 25 % ever {high:.1%}, finished {share['finish']:.1%}; "
    seen += f"median {requests:.0f} requests, {own:.0f} its own"
    good = share["abort"] <= MOST_WRONG and share["finish"] >= 0.95
    bad = high <= MOST_WRONG and own <= MOST_REQUESTS
    table.add(what, seen, good if more == slower == 0 else bad)


def sticky(table: Table, runs: int, share: float, seed: int, *, sick: float) -> None:
    """Keys that ask by Zipf's law (exponent 1.1), each with one slot for ever; ``sick`` keys fail in either slot."""
    rng, keys, looks = np.random.default_rng(seed), 2_000, 5_000
    weight = 1.0 / np.arange(1, keys + 1) ** 1.1
    wrong = 0
    for _ in range(0, runs, 100):
        who = rng.choice(keys, (100, looks), p=weight / weight.sum())
        slot = np.take_along_axis(rng.random((100, keys)) < share, who, axis=1)
        ill = np.take_along_axis(rng.random((100, keys)) < sick, who, axis=1)
        hit = rng.random(who.shape) < (ill * 0.5 if sick else 0.01)
        counts = tuple(part.cumsum(axis=1) for part in (slot, ~slot, slot & hit, ~slot & hit))
        wrong += int((stopped("errors", counts) < NEVER).sum())
    what = f"{'2 % of keys fail half the time' if sick else 'errors 1.0%'}, share {share:.0%}"
    rate = wrong / runs
    table.add(what, f"stopped {rate:.1%}", None if sick else rate <= MOST_WRONG)


def main() -> int:
    """Print the table; the exit code says whether everything held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    table = Table()
    print(f"{runs} runs a row, seeds 100 to 803, alpha {PLAN.alpha:g} for a whole rollout")
    bases = (0.001, 0.01, 0.05)
    print(
        f"\nAn equal secondary, looked at for 5,000 answers (10,000 at 1 %): at most {MOST_WRONG:.0%} in all"
    )
    for i, (base, share) in enumerate((base, share) for base in bases for share in SHARES):
        equal(table, runs, "errors", base, share, 100 + i)
    for i, (base, share) in enumerate(((0.02, 0.1), (0.02, 0.5), (0.2, 0.1), (0.2, 0.5))):
        equal(table, runs, "slow", base, share, 200 + i)
    for i, share in enumerate((0.01, 0.1, 0.5)):
        mix(table, runs, 0.0, share, 300 + i)
    print(
        f"\nA worse one: stopped after {MOST_REQUESTS} requests, or {NEAR:g} times the least any test needs"
    )
    for i, (base, share) in enumerate((base, share) for base in bases for share in SHARES):
        worse(table, runs, "errors", base, 0.04, share, 400 + i)
    for i, share in enumerate((0.1, 0.5)):
        worse(table, runs, "slow", 0.05, 0.25, share, 500 + i)
    worse(table, runs, "errors", 0.01, 0.9, 0.01, 510)
    for i, share in enumerate((0.01, 0.1, 0.5)):
        mix(table, runs, 0.3, share, 600 + i)
    print("\nThe default plan, base rate 1, 4, 0.5, 2 and 1 % in its stages; stopped by its own 600 answers")
    plans(table, runs, "equal", 0.0, 0.0, 700)
    plans(table, runs, "errors +4 points", 0.04, 0.0, 701)
    plans(table, runs, "slow +25 points", 0.0, 0.25, 702)
    print("\nSticky keys of very different traffic, equal secondary (the last two are told, not claimed)")
    for i, (share, sick) in enumerate(((0.1, 0.0), (0.5, 0.0), (0.1, 0.02), (0.5, 0.02))):
        sticky(table, runs, share, 800 + i, sick=sick)
    return table.close()


if __name__ == "__main__":
    sys.exit(main())
