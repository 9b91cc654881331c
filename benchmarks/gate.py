"""How often the shipped policy promotes and rejects, on simulated pairs of models, and how fast.

Run ``python benchmarks/gate.py [--simulations N] [--task classification|regression]``. Classes: champion and challenger
are right on correlated rows; ``agree`` is the share of rows on which the challenger repeats the champion's answer before
it is changed. Numbers: the errors of the two correlate by ``agree``, the challenger's are ``change`` larger, and both are
normal or of heavy tails. ``t3``: as Student's t with 3 degrees of freedom, whose squares have no variance. ``rare p``: the
challenger is 3 % better on most rows and far off on a share p of them, so that both have the same expected RMSE; what
is hardly ever in the test rows cannot be judged by them. Slices: four regions and five price bands.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from datetime import UTC, datetime

import numpy as np

from artpulse_core.gates import Evidence, Policy, evaluate, load_policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
K = 5


def soft(labels: np.ndarray, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Probability rows whose largest entry is at ``labels``."""
    raw = rng.dirichlet(np.ones(K), len(labels)) * spread
    raw[np.arange(len(labels)), labels] += 1.0
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def pair(
    rng: np.random.Generator, n: int, *, base: float, agree: float, change: float, only: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True, champion and challenger labels; accuracy moves by ``change`` on class ``only`` or on all."""
    y = rng.integers(0, K, n)

    def answers(accuracy: np.ndarray) -> np.ndarray:
        return np.where(rng.random(n) < accuracy, y, (y + rng.integers(1, K, n)) % K)

    champion = answers(np.full(n, base))
    fresh = answers(np.full(n, base))
    challenger = np.where(rng.random(n) < agree, champion, fresh)
    touched = np.ones(n, bool) if only is None else y == only
    right = challenger == y
    rate = abs(change) / (base if change < 0 else 1.0 - base)
    flip = touched & (rng.random(n) < rate) & (right if change < 0 else ~right)
    wrong = (y + rng.integers(1, K, n)) % K
    return y, champion, np.where(flip, wrong if change < 0 else y, challenger)


def gathered(y: np.ndarray, champion: np.ndarray, challenger: np.ndarray) -> Evidence:
    """Fresh evidence of two models on the same rows."""
    names = [f"c{j}" for j in range(K)]
    return Evidence.from_predictions(
        y, champion, challenger, names, test_hash="t", champion_test_hash="t", generated_at=NOW
    )


def rates(policy: Policy, count: int, seed: int, n: int, **how: object) -> Counter[str]:
    """Decisions over ``count`` simulated evidences."""
    found: Counter[str] = Counter()
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        y, old, new = pair(rng, n, **how)  # type: ignore[arg-type]  # options of a world pass through
        evidence = gathered(y, soft(old, rng, 0.5), soft(new, rng, 0.5))
        found[evaluate(policy, evidence, now=NOW, seed=i).decision] += 1
    return found


def errors(
    rng: np.random.Generator, n: int, *, agree: float, change: float, tail: str
) -> tuple[np.ndarray, np.ndarray]:
    """Errors of champion and challenger on n rows."""
    shared, first, second = rng.normal(0.0, 0.4, (3, n))
    old, new = (np.sqrt(agree) * shared + np.sqrt(1.0 - agree) * own for own in (first, second))
    if tail.startswith("t"):
        scale = np.sqrt(float(tail[1:]) / rng.chisquare(float(tail[1:]), n))
        old, new = old * scale, new * scale
    elif tail.startswith("rare"):
        p, bulk = float(tail.split()[1]), 0.97
        off = np.sqrt((1.0 - bulk**2 * (1.0 - p)) / p)
        new = np.where(rng.random(n) < p, off * second, bulk * new)
    return old, new * (1.0 + change)


def numbers(rng: np.random.Generator, n: int, **how: object) -> Evidence:
    """Fresh evidence of two models that answer numbers, with intervals set on as many other rows."""
    y = rng.gamma(3.0, 0.7, n)
    old, new = errors(rng, n, **how)  # type: ignore[arg-type]  # options of a world pass through
    half = np.quantile(np.abs(errors(rng, n, **how)[1]), 0.9)  # type: ignore[arg-type]  # likewise
    bands = np.searchsorted(np.quantile(y, [0.2, 0.4, 0.6, 0.8]), y)
    return Evidence.from_values(
        y,
        y + old,
        y + new,
        test_hash="t",
        champion_test_hash="t",
        generated_at=NOW,
        intervals=(y + new - half, y + new + half),
        slices={"region": rng.integers(0, 4, n), "band": bands},
    )


def value_cases(policy: Policy, count: int) -> None:
    """One line for each case of models that answer numbers, then the time for 10,000 rows."""
    cases: list[tuple[str, float, tuple[int, ...], tuple[str, ...]]] = [
        (
            "equal",
            0.0,
            (300, 4000),
            ("normal", "t5", "t3", "t2.2", "rare 0.05", "rare 0.01", "rare 0.002"),
        ),
        ("3 % worse", 0.03, (4000,), ("normal", "t5", "t3")),
        ("3 % better", -0.03, (4000,), ("normal", "t5", "t3")),
        ("6 % better", -0.06, (1000,), ("normal", "t5", "t3")),
    ]
    rule = policy.regression.superiority.model_copy(
        update={"resamples": 500}
    )  # a verdict in a quarter of the time
    section = policy.regression.model_copy(update={"superiority": rule})
    fewer = policy.model_copy(update={"regression": section})
    for name, change, sizes, tails in cases:
        for n in sizes:
            for tail in tails:
                for agree in (0.95, 0.8):
                    found: Counter[str] = Counter()
                    for i in range(count):
                        evidence = numbers(
                            np.random.default_rng([11, i]), n, agree=agree, change=change, tail=tail
                        )
                        found[evaluate(fewer, evidence, now=NOW, seed=i).decision] += 1
                    print(f"{name:12s} n={n:5d} {tail:10s} agree {agree:.2f}:  {shares(found, count)}")
    evidence = numbers(np.random.default_rng(0), 10_000, agree=0.9, change=-0.03, tail="normal")
    start = time.perf_counter()
    evaluate(policy, evidence, now=NOW, seed=0)
    took = time.perf_counter() - start
    print(f"10,000 rows, {policy.regression.superiority.resamples} resamples: {took:.2f} s")


def shares(found: Counter[str], count: int) -> str:
    """The decisions as shares of ``count``."""
    return "  ".join(f"{d} {found[d] / count:6.1%}" for d in ("promote", "reject", "inconclusive"))


def main() -> None:
    """Print one line for each case, then the time for 10,000 rows, for each task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--task", choices=("classification", "regression"))
    options = parser.parse_args()
    policy = load_policy()
    if options.task != "regression":
        class_cases(policy, options.simulations)
    if options.task != "classification":
        value_cases(policy, options.simulations)


def class_cases(policy: Policy, count: int) -> None:
    """One line for each case of models that answer classes, then the time for 10,000 rows."""
    cases: list[tuple[str, float, int | None, tuple[int, ...]]] = [
        ("equal", 0.0, None, (60, 300, 1000, 2000)),
        ("3 points worse on one class", -0.03, 0, (1000, 2000)),
        ("12 points worse on one class", -0.12, 0, (2000,)),
        ("3 points better", 0.03, None, (1000,)),
    ]
    for name, change, only, sizes in cases:
        for n in sizes:
            for base in (0.6, 0.8):
                for agree in (1.0, 0.9, 0.8, 0.0):
                    found = rates(policy, count, 7, n, base=base, agree=agree, change=change, only=only)
                    print(
                        f"{name:30s} n={n:5d} accuracy {base:.2f} agree {agree:.1f}:  {shares(found, count)}"
                    )
    y, old, new = pair(np.random.default_rng(0), 10_000, base=0.8, agree=0.8, change=0.03, only=None)
    rng = np.random.default_rng(1)
    old_p, new_p = soft(old, rng, 0.5), soft(new, rng, 0.5)
    start = time.perf_counter()
    evidence = gathered(y, old_p, new_p)
    evaluate(policy, evidence, now=NOW, seed=0)
    print(f"10,000 rows, {policy.superiority.resamples} resamples: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
