"""How often the shipped policy promotes and rejects, on simulated pairs of models, and how fast.

Run ``python benchmarks/gate.py [--simulations N]``. Champion and challenger are right on correlated rows:
``agree`` is the share of rows on which the challenger repeats the champion's answer before it is changed.
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


def main() -> None:
    """Print one line for each case, then the time for 10,000 rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=300)
    count = parser.parse_args().simulations
    policy = load_policy()
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
                    shares = "  ".join(
                        f"{d} {found[d] / count:6.1%}" for d in ("promote", "reject", "inconclusive")
                    )
                    print(f"{name:30s} n={n:5d} accuracy {base:.2f} agree {agree:.1f}:  {shares}")
    y, old, new = pair(np.random.default_rng(0), 10_000, base=0.8, agree=0.8, change=0.03, only=None)
    rng = np.random.default_rng(1)
    old_p, new_p = soft(old, rng, 0.5), soft(new, rng, 0.5)
    start = time.perf_counter()
    evidence = gathered(y, old_p, new_p)
    evaluate(policy, evidence, now=NOW, seed=0)
    print(f"10,000 rows, {policy.superiority.resamples} resamples: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
