"""What the figures of an evaluation say about a model's weak points, as sentences.

Belongs here: comparisons that follow from the evaluation document alone; the limits they use stand beside them. Does
not belong here: the words of a problem's owner (``[card]``), and the form of the card. Sentences are Markdown; names
of users go through ``cell``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.metric_names import gain, lower_is_better, readable
from artpulse_assets.pipeline.slices import weaker
from artpulse_assets.pipeline.wording import cell, figure, interval, listed, percent

WEAK_F1 = 0.5
MOST_SLICES = 5
COVERAGE_SLACK = 0.02  # a 90 % interval is as claimed at 88–92 %
LEAST_BIN = 20
FEW_ROWS = 100


def weak_points(evaluation: Mapping[str, Any], labels: Sequence[str] = ()) -> list[str]:
    """One sentence a weak point, the gravest kinds first; empty when nothing stands out.

    ``labels`` in index order name the cells of the confusion matrix (a stored document sorts its keys).
    """
    return [
        *_baseline(evaluation),
        *_labels(evaluation),
        *_mistake(evaluation, labels),
        *_slices(evaluation),
        *_coverage(evaluation),
        *_confidence(evaluation),
        *_rows(evaluation),
    ]


def selection_metric(evaluation: Mapping[str, Any]) -> str | None:
    """The metric candidates were compared by: as stated, else the first the leaderboard or the metrics have."""
    if evaluation.get("metric"):
        return str(evaluation["metric"])
    board = evaluation.get("leaderboard") or [{}]
    names = [*board[0], *(evaluation.get("metrics") or {})]
    return next((name for name in ("macro_f1", "rmse", "accuracy") if name in names), None)


def flattery(cv: Mapping[str, Mapping[str, Any]], metric: str | None) -> Iterator[tuple[str, float]]:
    """How much better a random split looks than each honest one, by kind; only where it does."""
    easy = _value((cv.get("random") or {}).get(metric or ""))
    for kind in ("grouped", "spatial"):
        hard = _value((cv.get(kind) or {}).get(metric or ""))
        if easy is not None and hard is not None and (gap := gain(str(metric), easy, hard)) > 0:
            yield kind, gap


def level_with(evaluation: Mapping[str, Any]) -> list[str]:
    """Candidates whose paired difference to the chosen one may be chance: its interval holds zero."""
    rows = evaluation.get("leaderboard") or ()
    known = [(row["algorithm"], row.get("difference")) for row in rows]
    return [str(name) for name, gap in known if gap and gap["low"] <= 0 <= gap["high"]]


def _baseline(evaluation: Mapping[str, Any]) -> Iterator[str]:
    metrics, baseline = evaluation.get("metrics") or {}, evaluation.get("baseline") or {}
    for name in metrics:
        entry, dummy = metrics[name], baseline.get(name)
        near = entry.get("high" if lower_is_better(name) else "low") if isinstance(entry, Mapping) else None
        if near is not None and dummy is not None and gain(name, float(near), float(dummy)) <= 0:
            yield (
                f"Its {readable(name)} of {interval(entry)} on the test rows is not clearly better than the "
                f"{figure(dummy)} of the baseline."
            )


def _labels(evaluation: Mapping[str, Any]) -> Iterator[str]:
    per_label = evaluation.get("per_label") or {}
    known = sorted(
        (float(row["f1"]), str(label)) for label, row in per_label.items() if row.get("f1") is not None
    )
    for place, (f1, label) in enumerate(known):
        row = per_label[label]
        if f1 < WEAK_F1 or (place == 0 and f1 < known[-1][0]):
            below = ", below one half" if f1 < WEAK_F1 else ", the lowest of all labels"
            yield (
                f"{cell(label)}: F1 is {figure(f1)}{below} (precision {figure(row.get('precision'))}, recall "
                f"{figure(row.get('recall'))}, {figure(row.get('n'))} test rows)."
            )


def _mistake(evaluation: Mapping[str, Any], labels: Sequence[str]) -> Iterator[str]:
    counts = np.array(evaluation.get("confusion") or [], dtype=float)
    if counts.ndim == 2 and counts.shape == (len(labels), len(labels)):
        mistakes = counts - np.diag(np.diag(counts))
        row, column = divmod(int(mistakes.argmax()), len(labels))
        if mistakes[row, column] > 0:
            yield (
                f"Most frequent mistake: {cell(labels[row])} taken for {cell(labels[column])}, "
                f"{mistakes[row, column]:,.0f} of {counts[row].sum():,.0f} test rows of that label."
            )


def _slices(evaluation: Mapping[str, Any]) -> Iterator[str]:
    rows = evaluation.get("slices") or ()
    overall = {name: _value(entry) for name, entry in (evaluation.get("metrics") or {}).items()}
    found = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        whole = overall.get(metric)
        if whole is not None:
            found += weaker([row for row in rows if row["metric"] == metric], whole)
    for row in found[:MOST_SLICES]:
        yield (
            f"{cell(row['by'])} {cell(row['slice'])}: {readable(row['metric'])} {interval(row)} over "
            f"{figure(row['n'])} rows, {figure(overall[row['metric']])} over all."
        )
    if len(found) > MOST_SLICES:
        yield f"{len(found) - MOST_SLICES} more slices are clearly worse than the whole; the table of slices has them."


def _coverage(evaluation: Mapping[str, Any]) -> Iterator[str]:
    table = evaluation.get("interval") or {}
    level, whole = table.get("level"), table.get("coverage")
    if level is None or whole is None:
        return
    claim = f"{100 * level:.0f} % intervals"
    if abs(whole - level) > COVERAGE_SLACK:
        yield f"The {claim} hold {percent(whole)} of the test rows."
    for band in table.get("bands") or ():
        if band["low"] > level or band["high"] < level:
            yield (
                f"Predictions from {figure(band['from'])} to {figure(band['to'])}: the {claim} hold "
                f"{percent(band['share'])} ({percent(band['low'])} to {percent(band['high'])}) of {figure(band['n'])} rows."
            )
    for row in evaluation.get("slices") or ():
        share = row.get("coverage")
        if share is None or row["by"] != "region":
            continue
        chance = 2 * (level * (1 - level) / row["n"]) ** 0.5  # two standard errors: few rows stray
        if abs(share - level) > COVERAGE_SLACK + chance:
            yield (
                f"Region {cell(row['slice'])}: the {claim} hold {percent(share)} of {figure(row['n'])} rows."
            )


def _confidence(evaluation: Mapping[str, Any]) -> Iterator[str]:
    table = evaluation.get("calibration") or {}
    for row in table.get("bins") or ():
        if row["n"] >= LEAST_BIN and not row["low"] <= row["confidence"] <= row["high"]:
            yield (
                f"Where it says {percent(row['from'])} to {percent(row['to'])} ({percent(row['confidence'])} on average), "
                f"{percent(row['share'])} ({percent(row['low'])} to {percent(row['high'])}) of {figure(row['n'])} rows "
                "are so."
            )
    said, is_so, rows = table.get("confidence"), table.get("share"), evaluation.get("n_test")
    if said is None or is_so is None or not rows:
        return
    gap = said - is_so
    if abs(gap) > max(0.03, 1.96 * (is_so * (1 - is_so) / rows) ** 0.5):
        side = "more" if gap > 0 else "less"
        yield f"It says {percent(said)} on average where {percent(is_so)} is so: {side} than it should."


def _rows(evaluation: Mapping[str, Any]) -> Iterator[str]:
    n, metric = evaluation.get("n_test"), selection_metric(evaluation)
    if n is not None and n < FEW_ROWS:
        entry = (evaluation.get("metrics") or {}).get(metric or "")
        wide = f": {readable(str(metric))} is known as {interval(entry)}" if entry else ""
        yield f"There are {figure(n)} test rows alone{wide}."
    level = level_with(evaluation)
    if level:
        verb = "is" if len(level) == 1 else "are"
        yield f"{listed([cell(name) for name in level])} {verb} not clearly worse than the chosen algorithm."


def _value(entry: Any) -> float | None:
    found = entry.get("value") if isinstance(entry, Mapping) else entry
    return None if found is None or not np.isfinite(found) else float(found)
