"""The alarm: all tests of a window against a profile, corrected over features, with a floor for effects.

Belongs here: how much of the false-alarm budget each kind of test gets, who is blamed, and the report. Does
not belong here: the tests (``marginal``, ``joint``) or their sentences (``report``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artpulse_core.drift import joint, marginal
from artpulse_core.drift.columns import Floats
from artpulse_core.drift.describe import describe
from artpulse_core.drift.families import Family, families
from artpulse_core.drift.marginal import Outcome
from artpulse_core.drift.profile import Profile
from artpulse_core.drift.report import DriftReport, Status, explain
from artpulse_core.drift.window import Window, read_window

MIN_ROWS = 20
ALPHA = 0.006
# Share of the false-alarm budget and smallest effect that counts, for each kind of test. Effects: σ for
# location, answers (of the mean), spread (of the squared score) and "many"; distance for shape; share of rows for range and missing;
# Cohen's w for category; difference for correlation.
BUDGET = {
    "answers": (0.30, 0.12),
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
    used = np.flatnonzero(enough)
    singles, location = families(profile, window, cells, used, details)
    used = used[~profile.answers[used]]
    changed = joint.lost_correlations(window.matrix, window.hashes, profile.dependence, profile.inflation)
    p_many, _ = joint.shift_of_many(location.statistic, profile.dependence, enough)
    together = [name for name, there in (("many", len(used) > 1), ("correlation", len(changed.p))) if there]
    shares = sum(BUDGET[name][0] for name in [*(family.name for family in singles), *together])
    unit = alpha / max(shares, 0.01)
    found: dict[str, dict[str, Any]] = {
        name: {"drift": False, "score": 0.0, "tests": {}, **detail}
        for name, detail in zip(profile.names, details, strict=True)
    }
    for family in singles:
        _enter(found, profile.names, family, unit)
    _enter_pairs(found, profile, changed, unit)
    largest = float(np.abs(location.effect[used]).max(initial=0.0))
    many = _score(p_many, unit * BUDGET["many"][0], largest, "many")
    _blame(found, profile.names, location.pick(used), used, many)
    for name in window.absent:
        found[name] |= {"drift": True, "score": _MOST, "test": "absent"}
        found[name] |= {"p_value": 0.0, "effect": 1.0, "statistic": 1.0}
    return _report(profile, window, found, notes)


def _report(
    profile: Profile, window: Window, found: dict[str, dict[str, Any]], notes: tuple[str, ...]
) -> DriftReport:
    for name, entry in found.items():
        if "test" in entry:
            entry["explanation"] = explain(name, entry)
    score = max((entry["score"] for entry in found.values()), default=0.0)
    status: Status = "drift" if any(entry["drift"] for entry in found.values()) else "ok"
    report = DriftReport(status, score, profile.n, window.m, found)
    told = tuple(found[name]["explanation"] for name in report.blamed if name not in window.absent)
    return replace(report, reasons=(*told, *notes))


def _notes(window: Window) -> tuple[str, ...]:
    notes = []
    if window.absent:
        notes.append(f"Missing columns: {', '.join(window.absent)}.")
    if window.extra:
        notes.append(f"Columns the reference does not have were left out: {', '.join(window.extra)}.")
    if window.m < window.rows:
        notes.append(f"{window.rows} rows hold {window.m} distinct events; each was counted once.")
    return tuple(notes)


def _score(p: float, limit: float, effect: float, kind: str) -> float:
    """Evidence over the alarm line, 0 to 99; 1 and more is an alarm."""
    strength = np.log(max(p, 1e-300)) / np.log(limit)
    return float(min(strength, abs(effect) / BUDGET[kind][1], _MOST))


def _enter(found: dict[str, dict[str, Any]], names: tuple[str, ...], family: Family, unit: float) -> None:
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
