"""Permutation importance: how much worse the answers get when one input tells nothing.

Belongs here: shuffling fields, or groups of feature numbers, and measuring the loss. Does not belong here: explaining
one prediction, and drawing. Correlated fields stand in for each other, so each of them looks less important than both
together: that is why the many numbers of a picture are shuffled as groups.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets import metric_names
from artpulse_assets.pipeline import measures
from artpulse_assets.pipeline.measures import Answered

REPEATS = 5
MOST_ROWS = 2000
LEAST_ROWS = 100
MOST_UNITS = 30
BUDGET = 10.0
OTHERS = "others"


def permutation(
    predict: Callable[[np.ndarray], Answered],
    x: np.ndarray,
    y: np.ndarray,
    units: Mapping[str, Sequence[int]],
    *,
    metric: str,
    seed: int,
    repeats: int = REPEATS,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Loss of ``metric`` when the columns of a unit are shuffled over the rows together (Breiman 2001, section 10).

    ``{"metric", "rows", "repeats", "whole", "fields": [{"name", "value", "low", "high"}]}``, the most important
    first. ``whole`` is the metric untouched; ``value`` the mean loss over repeats (positive: the unit is used),
    ``low`` and ``high`` the smallest and largest of the repeats. Rows must be ones ``predict`` was not fitted on. At
    most 2,000 rows are drawn; fewer, and then fewer repeats, when the first answer shows that ``budget`` seconds would
    not do.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    started = clock()
    chosen = np.sort(order[:MOST_ROWS])
    answers = predict(x[chosen])
    wanted = (clock() - started) * len(units) * repeats
    if wanted > budget:
        kept = int(len(chosen) * budget / wanted)
        chosen = np.sort(order[: min(len(chosen), max(kept, LEAST_ROWS))])
        answers = predict(x[chosen])
    rows, truth = x[chosen], np.asarray(y)[chosen]
    whole = measures.value(metric, truth, answers)
    losses: list[list[float]] = []
    for _ in range(repeats):
        if losses and (clock() - started) * (len(losses) + 1) / len(losses) > budget:
            break
        losses.append(
            [_loss(predict, rows, truth, columns, metric, whole, rng) for columns in units.values()]
        )
    table = np.array(losses)
    fields: list[dict[str, Any]] = [
        {
            "name": name,
            "value": float(table[:, place].mean()),
            "low": float(table[:, place].min()),
            "high": float(table[:, place].max()),
        }
        for place, name in enumerate(units)
    ]
    fields.sort(key=lambda item: (-item["value"], item["name"]))
    return {
        "metric": metric,
        "rows": len(truth),
        "repeats": len(losses),
        "whole": whole,
        "fields": fields,
    }


def _loss(
    predict: Callable[[np.ndarray], Answered],
    rows: np.ndarray,
    truth: np.ndarray,
    columns: Sequence[int],
    metric: str,
    whole: float,
    rng: np.random.Generator,
) -> float:
    shuffled = rows.copy()
    place = np.asarray(columns, dtype=np.int64)
    shuffled[:, place] = rows[rng.permutation(len(rows))][:, place]
    return metric_names.gain(metric, whole, measures.value(metric, truth, predict(shuffled)))


def units_of_fields(names: Sequence[str]) -> dict[str, list[int]]:
    """Each field for itself."""
    return {str(name): [place] for place, name in enumerate(names)}


def units_of_features(sets: Mapping[str, Sequence[str]], most: int = MOST_UNITS) -> dict[str, list[int]]:
    """Feature numbers of pictures grouped by set and by the first word of their name without its number.

    ``sets``: name of a feature set → its names, in the order in which they are joined. The largest groups stay, the
    others of a set are shuffled together, so that at most ``most`` units remain.
    """
    blocks: dict[tuple[str, str], list[int]] = {}
    place = 0
    for name, features in sets.items():
        for feature in features:
            blocks.setdefault((name, _block(feature)), []).append(place)
            place += 1
    if len(blocks) > most:
        room = max(most - len(sets), 0)
        largest = set(sorted(blocks, key=lambda key: (-len(blocks[key]), key))[:room])
        merged: dict[tuple[str, str], list[int]] = {}
        for key, places in blocks.items():
            merged.setdefault(key if key in largest else (key[0], OTHERS), []).extend(places)
        blocks = merged
    alone = len(sets) == 1
    return {block if alone else f"{name} {block}": places for (name, block), places in blocks.items()}


def _block(feature: str) -> str:
    first = re.split(r"[_.:]", feature, maxsplit=1)[0]
    return re.sub(r"\d+$", "", first) or first
