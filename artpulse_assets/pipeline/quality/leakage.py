"""Checks on leakage: knowledge a model could not have when it is asked.

Belongs here: what lies on both sides of the split, and columns that hold the target. Does not belong here: how rows
are divided (``pipeline.split``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from artpulse_assets.columns import separation
from artpulse_assets.pipeline.quality.finding import Example, Finding, counted, listed, verdict
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_assets.pipeline.split import TEST, TRAIN

MOST_KNOWN = 0.02
"""The share of the rows kept aside that may be known: more of them move a figure by more than chance does."""


def leakage_over_split(sample: Sample) -> Finding | None:
    """Nothing that is kept aside to judge with is known from the rows learned from."""
    if "side" not in sample.frame:
        return None
    seen: dict[str, Example] = {}  # a row is told once, by the first rule it breaks
    for example in (*_straddling(sample), *_near(sample), *_folds(sample)):
        seen.setdefault(example.path, example)
    aside = int((sample.frame["side"] == TEST).sum())
    few = (
        len(seen) <= MOST_KNOWN * aside
    )  # old rows never move, also when a later one ties both sides together
    told = (
        f" {counted(len(seen), sample.thing)} of {aside} kept aside are tied to the others since."
        if seen
        else ""
    )
    return verdict(
        () if few else seen.values(),
        f"Same content, near duplicates and groups are on one side of the split.{told}",
        lambda many: (
            f"{counted(many, f'{sample.thing}')} kept aside or held out in a fold {'is' if many == 1 else 'are'} "
            "known from the rows learned from, so every figure would be too good: remove the file of the split under "
            "<home>/splits to draw it anew, and check the groups."
        ),
        value=len(seen),
        limit=int(MOST_KNOWN * aside),
    )


def _straddling(sample: Sample) -> Iterator[Example]:
    """Test rows whose id, group, unit or (tables) fields and target occur among the train rows too."""
    import pandas as pd

    side = sample.frame["side"].to_numpy()
    keys = {name: sample.frame[name].astype(str) for name in ("id", "group", "unit") if name in sample.frame}
    keys["id"] = keys["id"].str.partition(":")[
        0
    ]  # behind a colon stands which repetition of the content it is
    if not sample.pictures and sample.names:
        told = pd.Series(sample.told, index=sample.frame.index, dtype=object)
        keys["fields"] = pd.Series(sample.content, index=sample.frame.index).astype(str) + "\x00" + told
    for name, key in keys.items():
        known = set(key[side == TRAIN]) - {""}
        for row in np.flatnonzero((side == TEST) & key.isin(known).to_numpy()):
            said = "all fields" if name == "fields" else f"{name} {key.iloc[row]}"[:80]
            yield Example(str(sample.paths[row]), said, f"same {name} among the rows learned from")


def _near(sample: Sample) -> Iterator[Example]:
    side = sample.frame["side"].to_numpy()
    for pair in sample.near_pairs:
        if {side[row] for row in pair} == {TRAIN, TEST}:
            held, learned = sorted(pair, key=lambda row: side[row] != TEST)
            yield Example(
                str(sample.paths[held]),
                str(sample.paths[learned]),
                "near duplicate among the rows learned from",
            )


def _folds(sample: Sample) -> Iterator[Example]:
    """Train rows whose unit is spread over folds: candidates would be compared on what they know."""
    if not {"fold", "unit"} <= set(sample.frame):
        return
    train = sample.frame[sample.frame["side"] == TRAIN]
    spread = train.groupby("unit")["fold"].transform("nunique").to_numpy() > 1
    for path, unit in zip(train["path"][spread], train["unit"][spread], strict=True):
        yield Example(str(path), f"unit {unit}"[:80], "same unit in another fold")


def target_leakage(sample: Sample) -> Finding:
    """No column is a copy of the target."""
    copies = list(_copies(sample))
    return verdict(
        copies,
        f"No column holds {sample.target_name} itself.",
        lambda many: (
            f"{listed(example.path for example in copies)} {'tells' if many == 1 else 'tell'} "
            f"{sample.target_name} outright: known only afterwards, it would be missing when the model is asked. Remove "
            f"{'the column' if many == 1 else 'the columns'} from [[fields]]."
        ),
        limit=sample.limits.copy_correlation,
    )


def _copies(sample: Sample) -> Iterator[Example]:
    limit = sample.limits.copy_correlation
    for place, column in enumerate(sample.present):
        values = sample.matrix[:, place]
        keep = np.isfinite(values) & np.isfinite(sample.target)
        values, target = values[keep], sample.target[keep]
        if len(values) < 10 or np.ptp(values) == 0 or np.ptp(target) == 0:
            continue
        if not sample.regression and _one_to_one(values, target):
            yield Example(column.name, "one value a label", "a column must not name the target")
            continue
        strength = _strength(values, target, column.kind == "category", sample.regression)
        if strength > limit:
            yield Example(column.name, round(strength, 6), f"correlation with the target at most {limit:g}")


def _one_to_one(values: np.ndarray, target: np.ndarray) -> bool:
    found, kinds = np.unique(values), np.unique(target)
    pairs = np.unique(np.stack([values, target], axis=1), axis=0) if len(found) == len(kinds) else found
    return len(found) == len(kinds) == len(pairs)


def _strength(values: np.ndarray, target: np.ndarray, category: bool, regression: bool) -> float:
    """|Pearson|, or the correlation ratio where one side is a category, 0–1."""
    if regression and category:
        levels = len(np.unique(values))
        return float(np.sqrt(separation(target, values))) if levels * 5 <= len(values) else 0.0
    if not regression:
        return float(np.sqrt(separation(values, target))) if not category else 0.0
    unit = [(part - part.mean()) / max(float(part.std()), 1e-300) for part in (values, target)]
    return abs(float(np.mean(unit[0] * unit[1])))
