"""Where a model is better and worse: the same metric over parts of the rows.

Belongs here: which parts are looked at, and one line of figures for each. Does not belong here: the verdict about a
part (``card_facts``), drawing (``artpulse_assets.plots``), and groups the gate protects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artpulse_assets import metric_names
from artpulse_assets.binning import bands
from artpulse_assets.pipeline import measures
from artpulse_assets.pipeline.measures import Answered

LEAST_ROWS = 20
MOST_FIELDS = 12
MOST_LEVELS = 20
BANDS = 5
REGION_SIDE = 3
RESAMPLES = 200
GROUP_SIZES = ((1, 1), (2, 5), (6, 20), (21, None))


@dataclass(frozen=True)
class Rows:
    """The rows a table is made of.

    ``y`` n; ``x`` n × f input matrix (a category is the index of its level, missing is NaN) in the order of
    ``fields``, which are as in ``contract.json``: ``name``, and where they have them ``kind``, ``levels``, ``unit``.
    Pictures have no fields. ``groups`` n names or None. ``target``: name of the target. ``capped_at``: truth from here
    on is "at least this".
    """

    y: np.ndarray
    x: np.ndarray | None = None
    fields: Sequence[Mapping[str, Any]] = ()
    groups: np.ndarray | None = None
    target: str = "target"
    capped_at: float | None = None


def table(
    rows: Rows, answers: Answered, *, metric: str, seed: int, resamples: int = RESAMPLES
) -> list[dict[str, Any]]:
    """One entry a slice of at least 20 rows.

    ``{"by", "slice", "n", "metric", "value", "low", "high"}``, and ``coverage`` (share inside the interval) and
    ``bias`` (mean of prediction less truth) for regression. ``low`` and ``high`` are the 95 % bootstrap over groups. A
    metric that is not defined within one slice (AUC where one label occurs) gives no entry. Slices by truth show where
    errors lie; a model that hedges is worse at both ends of the truth by nature. For classification a metric over
    labels says little within a slice: use ``accuracy`` or ``log_loss``.
    """
    out = []
    numeric = answers.values is not None
    for by, name, mask in _masks(rows, answers):
        n = int(mask.sum())
        if n < LEAST_ROWS or n == len(rows.y):
            continue
        y, inside = rows.y[mask], measures.part(answers, mask)
        groups = None if rows.groups is None else rows.groups[mask]
        if metric not in measures.names_for(y, inside):
            continue
        found = measures.measure(y, inside, seed=seed, groups=groups, only=[metric], resamples=resamples)
        entry: dict[str, Any] = {"by": by, "slice": name, "n": n, "metric": metric, **found[metric]}
        if numeric:
            entry["bias"] = float(np.mean(np.asarray(inside.values) - y))
            if inside.lower is not None:
                entry["coverage"] = measures.value("interval_coverage", y, inside)
        out.append(entry)
    return out


def by_answer(rows: Rows, values: np.ndarray) -> dict[str, np.ndarray]:
    """Name → (n,) booleans: bands of ``values`` (n answers), and regions where the fields have a place."""
    found = {f"{by}: {name}": mask for by, name, mask in _banded(f"{rows.target}, predicted", values, BANDS)}
    places = _places(rows)
    if rows.x is not None and places is not None:
        found |= {f"{by}: {name}": mask for by, name, mask in _regions(*rows.x[:, list(places)].T)}
    return found


def _places(rows: Rows) -> tuple[int, int] | None:
    """The columns of latitude and longitude, where there are both."""
    names = [str(field["name"]).casefold() for field in rows.fields]
    if "latitude" not in names or "longitude" not in names:
        return None
    return names.index("latitude"), names.index("longitude")


def weaker(slices: Sequence[Mapping[str, Any]], overall: float) -> list[Mapping[str, Any]]:
    """The slices whose whole interval is on the worse side of the figure over all rows, the worst first."""

    def gap(entry: Mapping[str, Any]) -> float:
        return metric_names.gain(entry["metric"], float(entry["value"]), overall)

    def sure(entry: Mapping[str, Any]) -> bool:
        near = entry["low"] if metric_names.lower_is_better(entry["metric"]) else entry["high"]
        return metric_names.gain(entry["metric"], float(near), overall) < 0

    return sorted((entry for entry in slices if sure(entry)), key=gap)


def _masks(rows: Rows, answers: Answered) -> Iterator[tuple[str, str, np.ndarray]]:
    n = len(rows.y)
    if answers.values is not None:
        yield from _banded(f"{rows.target}, true", np.asarray(rows.y, dtype=float), BANDS)
        yield from _banded(f"{rows.target}, predicted", np.asarray(answers.values, dtype=float), BANDS)
        if rows.capped_at is not None:
            capped = np.asarray(rows.y) >= rows.capped_at
            yield f"{rows.target}, cap", f"at the cap ({_short(rows.capped_at)})", capped
            yield f"{rows.target}, cap", "under the cap", ~capped
    if rows.groups is not None:
        _, member, sizes = np.unique(rows.groups, return_inverse=True, return_counts=True)
        if sizes.max() > 1:
            mine = sizes[member]
            for least, most in GROUP_SIZES:
                name = str(least) if least == most else f"{least} to {most}" if most else f"{least} or more"
                yield "rows of the same group", name, (mine >= least) & (mine <= (most or n))
    if rows.x is None or not rows.fields:
        return
    places = _places(rows)
    if places is not None:
        yield from _regions(*rows.x[:, list(places)].T)
    for place, field in enumerate(rows.fields[:MOST_FIELDS]):
        if str(field["name"]).casefold() not in ("latitude", "longitude"):
            yield from _field(field, rows.x[:, place])


def _field(field: Mapping[str, Any], column: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    name = str(field["name"])
    if field.get("kind") == "category":
        for index, level in enumerate(list(field.get("levels") or ())[:MOST_LEVELS]):
            yield name, str(level), column == index
    else:
        yield from _banded(name, column, 3, str(field.get("unit") or ""))
    missing = ~np.isfinite(column)
    if missing.any():
        yield name, "missing", missing


def _banded(by: str, column: np.ndarray, count: int, unit: str = "") -> Iterator[tuple[str, str, np.ndarray]]:
    place, edges = bands(column, count)
    shown = _apart(edges)
    for index in range(len(edges) - 1):
        name = f"{shown[index]} to {shown[index + 1]}" if edges[index] < edges[index + 1] else shown[index]
        yield by, f"{name} {unit}".rstrip(), place == index


def _regions(latitude: np.ndarray, longitude: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Blocks of about equal rows: latitude in three bands, each cut in three by longitude."""
    row, across = bands(latitude, REGION_SIDE)
    north = _apart(across)
    for index in range(len(across) - 1):
        inside = row == index
        column, down = bands(np.where(inside, longitude, np.nan), REGION_SIDE)
        east = _apart(down)
        for other in range(len(down) - 1):
            where = f"lat {north[index]} to {north[index + 1]}, lon {east[other]} to {east[other + 1]}"
            yield "region", where, inside & (column == other)


def _short(value: float) -> str:
    return f"{value:.4g}"


def _apart(edges: np.ndarray) -> list[str]:
    """Edges as text with as few digits as keep neighbours apart."""
    for digits in range(3, 9):
        texts = [f"{edge:,.0f}" if abs(edge) >= 1000 else f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(set(edges.tolist())):
            return texts
    return [repr(float(edge)) for edge in edges]
