"""The alarm: all tests of a window against a profile, corrected over features, with a floor for effects.

Belongs here: how much of the false-alarm budget each kind of test gets, who is blamed, and the report. Does
not belong here: the tests (``marginal``, ``joint``) or their sentences (``report``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift import joint, marginal
from artpulse_core.drift.columns import Floats
from artpulse_core.drift.describe import describe
from artpulse_core.drift.marginal import Outcome
from artpulse_core.drift.profile import Profile
from artpulse_core.drift.report import DriftReport, explain
from artpulse_core.drift.window import Window, read_window

MIN_ROWS = 20
ALPHA = 0.006
# Share of the false-alarm budget and smallest effect that counts, for each kind of test. Effects: σ for
# location, spread (of the squared score) and "many"; distance for shape; share of rows for range and missing;
# Cohen's w for category; difference for correlation.
BUDGET = {
    "location": (0.24, 0.12),
    "many": (0.34, 0.12),
    "spread": (0.12, 0.12),
    "shape": (0.07, 0.06),
    "range": (0.04, 0.01),
    "missing": (0.05, 0.02),
    "category": (0.09, 0.12),
    "correlation": (0.05, 0.20),
}
_MOST = 99.0


@dataclass(frozen=True)
class _Family:
    """One kind of test over features: outcome and the places (in ``Profile.names``) it belongs to."""

    name: str
    outcome: Outcome
    places: NDArray[np.int64]
    scale: float = 1.0


def detect(reference: Any, current: Any, **options: Any) -> dict[str, Any]:
    """Compare two tables (DataFrames or mappings name → values); see ``compare`` for the answer and options.

    ``kinds`` and ``groups`` are options of the reference (``Profile.build``); the others go to ``compare``.
    """
    building = {key: options.pop(key) for key in ("kinds", "groups") if key in options}
    return compare(Profile.build(reference, **building), current, **options).to_dict()


def compare(
    profile: Profile, current: Any, *, ids: Any | None = None, alpha: float = ALPHA, min_rows: int = MIN_ROWS
) -> DriftReport:
    """Compare a window with the reference; never raises on odd data.

    ``ids`` (m,) names events, a repeated one counts once. ``alpha`` is the share of clean windows allowed to
    alarm; it is split over the kinds of test and, by Bonferroni, over features. Under ``min_rows`` distinct
    rows on either side the status is ``insufficient_data``.
    """
    with np.errstate(all="ignore"):
        window = read_window(profile, current, ids)
        notes = _notes(window)
        if min(profile.n, window.m) < min_rows:
            told = f"{window.m} distinct rows and {profile.n} reference rows: at least {min_rows} are needed."
            return DriftReport("insufficient_data", 0.0, profile.n, window.m, {}, (told, *notes))
        return _judge(profile, window, alpha, min_rows, notes)


def _judge(
    profile: Profile, window: Window, alpha: float, min_rows: int, notes: tuple[str, ...]
) -> DriftReport:
    ordered = np.sort(window.matrix, axis=1)
    valid = window.m - np.isnan(window.matrix).sum(axis=1)
    cells = marginal.count_cells(profile, ordered, valid)
    enough = (valid >= min_rows) & (profile.valid >= min_rows)
    details = describe(profile, window, ordered, cells)
    location, spread = marginal.rank_tests(cells, profile.inflation)
    used = np.flatnonzero(enough)
    families = [
        _Family("location", _pick(location, used), used),
        _Family("spread", _pick(spread, used), used),
        _Family("shape", _pick(marginal.shape_test(cells, profile.inflation), used), used),
        _Family("range", _pick(marginal.range_test(cells), used), used),
        _missing(profile, window),
        _categories(profile, window, cells, details),
    ]
    changed = joint.lost_correlations(window.matrix, window.hashes, profile.dependence, profile.inflation)
    p_many, _ = joint.shift_of_many(location.statistic, profile.dependence, enough)
    present = [f for f in families if len(f.places)]
    total = sum(BUDGET[f.name][0] for f in present)
    total += (BUDGET["many"][0] if len(used) > 1 else 0.0) + (
        BUDGET["correlation"][0] if len(changed.p) else 0.0
    )
    unit = alpha / max(total, 1e-9)
    found = {
        name: {"drift": False, "score": 0.0, "tests": {}, **details[j]}
        for j, name in enumerate(profile.names)
    }
    for family in present:
        _enter(found, profile.names, family, unit)
    _enter_pairs(found, profile, changed, unit)
    many = _score(
        p_many, unit * BUDGET["many"][0], float(np.abs(location.effect[used]).max(initial=0.0)), "many"
    )
    _blame(found, profile.names, _pick(location, used), used, many)
    for name in window.absent:
        found[name] |= {"drift": True, "score": _MOST, "test": "absent"}
        found[name] |= {"p_value": 0.0, "effect": 1.0, "statistic": 1.0}
        found[name]["explanation"] = f"{name}: the window has no such column."
    for name, entry in found.items():
        if "explanation" not in entry and entry.get("test"):
            entry["explanation"] = explain(name, entry)
    score = max((entry["score"] for entry in found.values()), default=0.0)
    drift = any(entry["drift"] for entry in found.values())
    report = DriftReport("drift" if drift else "ok", score, profile.n, window.m, found)
    told = tuple(found[name]["explanation"] for name in report.blamed if name not in window.absent)
    return DriftReport(report.status, score, profile.n, window.m, found, (*told, *notes))


def _notes(window: Window) -> tuple[str, ...]:
    notes = []
    if window.absent:
        notes.append(f"Missing columns: {', '.join(window.absent)}.")
    if window.extra:
        notes.append(f"Columns the reference does not have were left out: {', '.join(window.extra)}.")
    if window.m < window.rows:
        notes.append(f"{window.rows} rows hold {window.m} distinct events; each was counted once.")
    return tuple(notes)


def _pick(outcome: Outcome, places: NDArray[np.int64]) -> Outcome:
    return Outcome(outcome.p[places], outcome.effect[places], outcome.statistic[places])


def _missing(profile: Profile, window: Window) -> _Family:
    before = np.concatenate([profile.missing, profile.category_missing])
    after = np.concatenate(
        [
            np.isnan(window.matrix).sum(axis=1),
            np.asarray([flags.sum() for flags in window.gone], dtype=np.int64),
        ]
    )
    some = np.flatnonzero(before + after)
    outcome = marginal.missing_test(before[some], profile.n, after[some], window.m)
    return _Family("missing", outcome, some, scale=max(1.0, len(before) / max(len(some), 1)))


def _categories(
    profile: Profile, window: Window, cells: marginal.Cells, details: list[dict[str, Any]]
) -> _Family:
    """Category features, and numbers with few values, whose mix can change without a shift."""
    d = len(profile.numbers)
    results: list[tuple[dict[str, int], dict[str, int]]] = []
    places: list[int] = []
    few = (np.isfinite(profile.points).sum(axis=1) <= marginal.FEW_LEVELS) & (cells.m > 0)
    for j in np.flatnonzero(few).tolist():
        before, after = _levels_of_number(profile, cells, j)
        results.append((before, after))
        places.append(j)
    for j, (text, gone) in enumerate(zip(window.levels, window.gone, strict=True)):
        names, counts = np.unique(text[~gone], return_counts=True)
        results.append((profile.levels(j), dict(zip(names.tolist(), counts.tolist(), strict=True))))
        places.append(d + j)
    rows = [marginal.category_test(before, after) for before, after in results]
    for place, (before, after) in zip(places, results, strict=True):
        details[place] |= _largest_change(before, after)
    table = np.asarray(rows, dtype=float).reshape(-1, 3)
    return _Family(
        "category", Outcome(table[:, 0], table[:, 1], table[:, 2]), np.asarray(places, dtype=np.int64)
    )


def _levels_of_number(
    profile: Profile, cells: marginal.Cells, j: int
) -> tuple[dict[str, int], dict[str, int]]:
    points = profile.points[j][np.isfinite(profile.points[j])]
    held = (profile.upto[j] - profile.below[j])[: len(points)]
    pairs = cells.current[j].reshape(-1, 2)[: len(points)] * cells.m[j]
    seen = np.rint(pairs[:, 1] - pairs[:, 0]).astype(int)
    names = [f"{value:g}" for value in points]
    after = dict(zip(names, seen.tolist(), strict=True))
    return dict(zip(names, held.tolist(), strict=True)), {**after, "other": int(cells.m[j] - seen.sum())}


def _largest_change(before: dict[str, int], after: dict[str, int]) -> dict[str, Any]:
    n, m = max(sum(before.values()), 1), max(sum(after.values()), 1)
    change = {name: after.get(name, 0) / m - before.get(name, 0) / n for name in sorted({*before, *after})}
    if not change:
        return {}
    level = max(change, key=lambda name: abs(change[name]))
    return {"level": level, "change": change[level]}


def _score(p: float, limit: float, effect: float, kind: str) -> float:
    """Evidence over the alarm line, 0 to 99; 1 and more is an alarm."""
    strength = np.log(max(p, 1e-300)) / np.log(limit)
    return float(min(strength, abs(effect) / BUDGET[kind][1], _MOST))


def _enter(found: dict[str, dict[str, Any]], names: tuple[str, ...], family: _Family, unit: float) -> None:
    tested = len(family.places) * family.scale
    limit = unit * BUDGET[family.name][0] / tested
    outcome = family.outcome
    for i, place in enumerate(family.places):
        _keep(found[names[place]], family.name, float(outcome.p[i]), tested, float(outcome.effect[i]),
              float(outcome.statistic[i]), limit)  # fmt: skip


def _keep(
    entry: dict[str, Any], kind: str, p: float, tested: float, effect: float, statistic: float, limit: float
) -> None:
    """Add one test to a feature's entry and let the strongest one speak for it."""
    value = _score(p, limit, effect, kind)
    shown = {"p_value": min(1.0, p * tested), "effect": effect, "statistic": statistic}
    entry["tests"][kind] = {**shown, "score": value}
    if value >= entry["score"] or "test" not in entry:
        entry |= {"test": kind, "score": max(value, 0.0), "drift": value >= 1.0, **shown}


def _enter_pairs(found: dict[str, dict[str, Any]], profile: Profile, changed: Outcome, unit: float) -> None:
    """Enter the lost correlations at the features that explain them."""
    count = len(changed.p)
    if not count:
        return
    names, pairs = profile.names, profile.dependence.pairs
    limit = unit * BUDGET["correlation"][0] / count
    hits = (changed.p <= limit) & (np.abs(changed.effect) >= BUDGET["correlation"][1])
    for feature in joint.blame_pairs(pairs[hits], changed.statistic[hits]):
        mine = np.flatnonzero(hits & (pairs == feature).any(axis=1))
        worst = mine[np.abs(changed.statistic[mine]).argmax()]
        was, effect = float(profile.dependence.correlation[worst]), float(changed.effect[worst])
        entry = found[names[feature]]
        entry |= {"with": names[int(pairs[worst].sum()) - feature]}
        entry |= {"correlation_reference": was, "correlation_current": was + effect}
        row = (float(changed.p[worst]), count, effect, float(changed.statistic[worst]), limit)
        _keep(entry, "correlation", *row)


def _blame(
    found: dict[str, dict[str, Any]],
    names: tuple[str, ...],
    location: Outcome,
    used: NDArray[np.int64],
    many: float,
) -> None:
    """When only the features together alarm, name those that carry it (Benjamini & Hochberg 1995 at 0.05)."""
    if many < 1.0 or any(entry["drift"] for entry in found.values()):
        return
    order = np.argsort(location.p, kind="stable")
    passing = np.flatnonzero(location.p[order] <= 0.05 * np.arange(1, len(order) + 1) / len(order))
    count = int(passing.max()) + 1 if len(passing) else 1
    large: Floats = np.abs(location.effect[order[:count]])
    carriers = order[:count][large >= BUDGET["many"][1]]
    for i in carriers if len(carriers) else [int(np.abs(location.effect).argmax())]:
        entry = found[names[used[i]]]
        own = entry["tests"]["location"]
        entry |= {"test": "location", "drift": True, "score": max(many, entry["score"])}
        entry |= {key: own[key] for key in ("p_value", "effect", "statistic")}
