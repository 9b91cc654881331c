"""Drift of three other hospitals against Cleveland, and of Cleveland against itself.

Run: ``python -m benchmarks.drift_heart --data DIR [--halves 1000]``. DIR holds ``processed.<hospital>.data`` as UCI
gives them; ``chol`` and ``trestbps`` of 0 count as missing. Without DIR only the shipped Cleveland file is cut in
halves.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data.problem import Problem
from artpulse_core.drift import Profile, compare
from benchmarks._heart_rows import HOSPITALS, load, problem, shipped

WINDOWS = (20, 50)
DRAWS = 200


def columns(given: Problem, x: np.ndarray) -> dict[str, np.ndarray]:
    """The input matrix as named columns: numbers with NaN, categories as their levels with None."""
    found: dict[str, np.ndarray] = {}
    for place, field in enumerate(given.contract.fields):
        values = x[:, place]
        found[field.name] = (
            values
            if field.kind == "number"
            else np.array([field.shown(value) for value in values], dtype=object)
        )
    return found


def picked(table: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Some rows of each column."""
    return {name: values[rows] for name, values in table.items()}


def main() -> None:
    """Print the table of hospitals, and how often a half of Cleveland alarms against the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--halves", type=int, default=1000)
    given = parser.parse_args()
    heart = problem()
    kinds = {field.name: field.kind for field in heart.contract.fields}
    cleveland = columns(heart, load(shipped(), heart)[0])
    n = len(cleveland["age"])
    rng = np.random.default_rng(0)
    if given.data:
        profile = Profile.build(cleveland, kinds=kinds)
        print(f"Against all {n} patients of Cleveland; windows: share of {DRAWS} random ones that alarm")
        for name, place in HOSPITALS.items():
            other = columns(heart, load(given.data / f"processed.{name}.data", heart)[0])
            m = len(other["age"])
            report = compare(profile, other)
            shares = [
                np.mean(
                    [compare(profile, picked(other, rng.permutation(m)[:size])).drift for _ in range(DRAWS)]
                )
                for size in WINDOWS
            ]
            told = ", ".join(f"{size} rows {share:.0%}" for size, share in zip(WINDOWS, shares, strict=True))
            print(f"\n{place}: {m} patients, {report.status}, score {report.score:.1f}; {told}")
            for reason in report.reasons:
                print(f"  {reason}")
    alarms: list[bool] = []
    blamed: Counter[Any] = Counter()
    for _ in range(given.halves):
        order = rng.permutation(n)
        report = compare(
            Profile.build(picked(cleveland, order[: n // 2]), kinds=kinds), picked(cleveland, order[n // 2 :])
        )
        alarms.append(report.drift)
        blamed.update((name, report.features[name]["test"]) for name in report.blamed)
    print(
        f"\nHalf of Cleveland against the other half: {np.mean(alarms):.1%} of {given.halves} alarm {dict(blamed) or ''}"
    )


if __name__ == "__main__":
    main()
