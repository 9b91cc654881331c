"""False alarms, power and speed of the drift tests on simulated worlds.

Run ``python benchmarks/drift.py [--references R] [--windows W] [--seed S]``: R references of 1,000 rows
in each world, W windows of 300 rows against each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from artpulse_core.drift import Profile

Rng = np.random.Generator
World = Callable[[Rng, int], np.ndarray]


def normal(d: int) -> World:
    """Independent normal features."""
    return lambda rng, n: rng.normal(size=(n, d))


def heavy(d: int) -> World:
    """Student t with three degrees of freedom and lognormal features, unit variance for the t."""
    return lambda rng, n: np.where(
        np.arange(d) % 2 == 0, rng.standard_t(3, (n, d)) / np.sqrt(3), rng.lognormal(0, 1, (n, d)) / 2.16
    )


def discrete(d: int) -> World:
    """Poisson, coin and five-step features, scaled to unit variance."""

    def draw(rng: Rng, n: int) -> np.ndarray:
        kinds = [rng.poisson(2, n) / 1.414, (rng.random(n) < 0.3) / 0.458, rng.integers(0, 5, n) / 1.414]
        more = [rng.poisson(2, n) / 1.414 for _ in range(d - 3)]
        return np.column_stack([*kinds, *more])

    return draw


def correlated(d: int, rho: float) -> World:
    """One common factor behind every feature."""
    return lambda rng, n: np.sqrt(rho) * rng.normal(size=(n, 1)) + np.sqrt(1 - rho) * rng.normal(size=(n, d))


def factors(d: int, k: int) -> World:
    """k fixed factors behind d features, as image features have, some of them skewed."""
    loads = np.random.default_rng(d * 1000 + k).normal(size=(k, d)) / np.sqrt(k)

    def draw(rng: Rng, n: int) -> np.ndarray:
        x = rng.normal(size=(n, k)) @ loads + 0.3 * rng.normal(size=(n, d))
        return np.where(np.arange(d) % 3 == 0, np.exp(x), x)

    return draw


WORLDS: dict[str, World] = {
    "normal 5": normal(5),
    "normal 8": normal(8),
    "normal 50": normal(50),
    "normal 300": normal(300),
    "heavy 8": heavy(8),
    "heavy 50": heavy(50),
    "discrete 8": discrete(8),
    "discrete 3": discrete(3),
    "correlated 8, 0.7": correlated(8, 0.7),
    "correlated 30, 0.9": correlated(30, 0.9),
    "factors 60, 6": factors(60, 6),
    "factors 300, 12": factors(300, 12),
}


def table(x: np.ndarray) -> dict[str, np.ndarray]:
    """Columns f0, f1, … of a matrix."""
    return {f"f{j}": x[:, j] for j in range(x.shape[1])}


def shift(amount: float, only: int | None) -> Callable[[Rng, np.ndarray, np.ndarray], np.ndarray]:
    """Add ``amount`` standard deviations to all features or one."""

    def change(rng: Rng, x: np.ndarray, sd: np.ndarray) -> np.ndarray:
        moved = x.copy()
        moved[:, slice(None) if only is None else only] += amount * (sd if only is None else sd[only])
        return moved

    return change


def stretch(rng: Rng, x: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Variance times 1.5 in feature 2."""
    moved = x.copy()
    moved[:, 2] = x[:, 2].mean() + (x[:, 2] - x[:, 2].mean()) * np.sqrt(1.5)
    return moved


def lose(rng: Rng, x: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """5 % of feature 2 missing."""
    moved = x.astype(float).copy()
    moved[rng.random(len(x)) < 0.05, 2] = np.nan
    return moved


def untie(rng: Rng, x: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Feature 2 shuffled: same values, no correlation."""
    moved = x.copy()
    moved[:, 2] = rng.permutation(x[:, 2])
    return moved


def measure(
    world: World, change: Callable[..., np.ndarray] | None, *, references: int, windows: int, seed: int
) -> tuple[float, float, float]:
    """Share of windows that alarm, the worst reference's share, and of alarms those that blame f2 alone."""
    shares, named, alarms = [], 0, 0
    for r in range(references):
        rng = np.random.default_rng([seed, r])
        reference = world(rng, 1000)
        profile, sd = Profile.build(table(reference)), world(rng, 20000).std(axis=0)
        hits = 0
        for _ in range(windows):
            x = world(rng, 300)
            report = profile.compare(table(x if change is None else change(rng, x, sd)))
            hits += report.drift
            alarms += report.drift
            named += report.drift and "f2" in report.blamed[:1]
        shares.append(hits / windows)
    return float(np.mean(shares)), max(shares), named / max(alarms, 1)


def mix(references: int, windows: int, seed: int) -> float:
    """Power for a fifth of the rows moving from one class to another, labels alone."""
    hits = 0
    for r in range(references * windows):
        rng = np.random.default_rng([seed, r])
        before = rng.choice(list("abcde"), 1000)
        after = rng.choice(list("abcde"), 300, p=[0.4, 0.15, 0.15, 0.15, 0.15])
        hits += Profile.build({"label": before}).compare({"label": after}).drift
    return hits / (references * windows)


def speed() -> None:
    """CPU time of a wide window, and rows a second of long ones."""
    rng = np.random.default_rng(0)
    for n, d in ((5000, 300), (200_000, 8)):
        a, b = table(rng.normal(size=(n, d))), table(rng.normal(size=(n, d)))
        Profile.build(a).compare(b)
        times = []
        for _ in range(3):
            start = time.process_time()
            profile = Profile.build(a)
            middle = time.process_time()
            profile.compare(b)
            times.append((middle - start, time.process_time() - middle))
        build, compare = min(t[0] for t in times), min(t[1] for t in times)
        both = f"CPU: build {build * 1e3:.0f} ms, compare {compare * 1e3:.0f} ms"
        print(f"{n} x {d}: {both}, {n / (build + compare):,.0f} rows/s for both")


def main() -> None:
    """Print a line for each world and change."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--references", type=int, default=10)
    parser.add_argument("--windows", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    how = {"references": given.references, "windows": given.windows, "seed": given.seed}
    speed()
    total = []
    for name, world in WORLDS.items():
        mean, worst, _ = measure(world, None, **how)
        total.append(mean)
        shown = f"{mean * 100:5.2f} alarms per 100 windows, worst reference {worst * 100:.1f}"
        print(f"clean      {name:20s} {shown}")
    print(f"clean      {'all worlds':20s} {np.mean(total) * 100:5.2f} alarms per 100 windows")
    how["windows"] = max(5, given.windows // 5)
    changes: list[tuple[str, Callable[..., np.ndarray]]] = [
        ("0.3 sd all", shift(0.3, None)),
        ("0.5 sd one", shift(0.5, 2)),
        ("0.3 sd one", shift(0.3, 2)),
        ("variance 1.5", stretch),
        ("5 % missing", lose),
        ("untied", untie),
    ]
    for label, change in changes:
        for name, world in WORLDS.items():
            power, _, named = measure(world, change, **how)
            print(f"{label:14s} {name:20s} power {power:6.1%}, f2 named first {named:6.1%}")
    print(f"class mix 0.2: power {mix(given.references, 20, given.seed):.1%}")


if __name__ == "__main__":
    main()
