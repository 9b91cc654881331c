"""Which rows are learned from and which are kept aside for the gate.

Belongs here: the assignment of rows to ``train`` and ``test`` and to cross-validation folds. Three promises: an
old row never moves; rows of one group, or near duplicates, never straddle; the result does not depend on the
order of the rows. A new row that would tie both sides together is left out and named.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError, Issue
from artpulse_core.exchange.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

VERSION = "1"
NEAR_DUPLICATE_BITS = 4
TRAIN, TEST, EXCLUDED = "train", "test", "excluded"


@dataclass(frozen=True)
class Assignment:
    """One entry a row, in the order given: ``side``, cross-validation ``fold`` (-1 outside train), ``unit``.

    ``unit`` is the smallest id of the rows that must stay together; an excluded row ties nothing.
    """

    side: tuple[str, ...]
    fold: tuple[int, ...]
    unit: tuple[str, ...]


def assign(
    ids: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str],
    hashes: Sequence[int],
    *,
    kept: Mapping[str, str],
    wanted: Sequence[str | None],
    test_fraction: float,
    folds: int,
    seed: int,
) -> Assignment:
    """Assign every row.

    ``ids`` are content digests (equal up to a colon: equal content), ``hashes`` 64-bit difference hashes (0: none), ``kept`` maps the id of every
    row assigned earlier to its side, ``wanted`` is the side a manifest asks for, used for new rows only.
    """
    units = group_units(ids, groups, hashes)
    side = [""] * len(ids)
    fresh: list[str] = []
    members = _members(units)
    for unit, rows in members.items():
        known = {kept[ids[row]] for row in rows if kept.get(ids[row]) in (TRAIN, TEST)}
        asked = {wanted[row] for row in rows if wanted[row] in (TRAIN, TEST)}
        if not known and len(asked) != 1:
            fresh.append(unit)
            continue
        choice = next(iter(known or asked)) if len(known or asked) == 1 else EXCLUDED
        for row in rows:
            side[row] = kept[ids[row]] if kept.get(ids[row]) in (TRAIN, TEST) else str(choice)
    _place(fresh, members, labels, side, test_fraction, seed)
    _reach_test(fresh, members, labels, side, seed)
    if EXCLUDED in side:  # what a left-out row tied together is apart again
        inside = [row for row, place in enumerate(side) if place != EXCLUDED]
        apart = group_units(
            [ids[row] for row in inside], [groups[row] for row in inside], [hashes[row] for row in inside]
        )
        units = list(ids)
        for row, unit in zip(inside, apart, strict=True):
            units[row] = unit
    fold = unit_folds(units, labels, folds, seed, side=side)
    return Assignment(tuple(side), fold, tuple(units))


def _members(units: Sequence[str]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = defaultdict(list)
    for row, unit in enumerate(units):
        members[unit].append(row)
    return members


def group_units(ids: Sequence[str], groups: Sequence[str], hashes: Sequence[int]) -> list[str]:
    """For each row the smallest id of the rows that must stay together with it: content, group, near duplicates."""
    parent = list(range(len(ids)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(first: int, second: int) -> None:
        parent[find(first)] = find(second)

    first_of: dict[tuple[str, str], int] = {}
    for row, (identity, group) in enumerate(zip(ids, groups, strict=True)):
        for key in (("id", identity.partition(":")[0]), ("group", group)):
            if key[1]:
                join(row, first_of.setdefault(key, row))
    for first, second in near_duplicates(hashes):
        join(first, second)
    smallest: dict[int, str] = {}
    for row, identity in enumerate(ids):
        root = find(row)
        smallest[root] = min(smallest.get(root, identity), identity)
    return [smallest[find(row)] for row in range(len(ids))]


def near_duplicates(hashes: Sequence[int], bits: int = NEAR_DUPLICATE_BITS) -> list[tuple[int, int]]:
    """Pairs of rows whose hashes differ in at most ``bits`` bits; hash 0 (flat picture, or none) never pairs."""
    values = np.asarray(hashes, dtype=np.uint64)
    rows = np.flatnonzero(values != 0)
    pairs: list[tuple[int, int]] = []
    for place, row in enumerate(rows):
        later = rows[place + 1 :]
        close = later[np.bitwise_count(values[later] ^ values[row]) <= bits]
        pairs.extend((int(row), int(other)) for other in close)
    return pairs


def _order(unit: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{unit}".encode()).hexdigest()


def _place(
    fresh: Sequence[str],
    members: Mapping[str, Sequence[int]],
    labels: Sequence[str],
    side: list[str],
    test_fraction: float,
    seed: int,
) -> None:
    """Give each new unit the side that brings every label nearest to ``test_fraction``, large units first."""
    names = {label: place for place, label in enumerate(sorted(set(labels)))}
    totals = np.zeros(len(names))
    held = np.zeros(len(names))
    for row, label in enumerate(labels):
        totals[names[label]] += side[row] != EXCLUDED
        held[names[label]] += side[row] == TEST
    goal = totals * test_fraction
    for unit in sorted(fresh, key=lambda name: (-len(members[name]), _order(name, seed))):
        counts = np.zeros(len(names))
        for row in members[unit]:
            counts[names[labels[row]]] += 1
        weight = 1 / np.maximum(totals, 1)
        gain = np.sum((np.abs(held - goal) - np.abs(held + counts - goal)) * weight)
        if gain > 0:
            held += counts
        for row in members[unit]:
            side[row] = TEST if gain > 0 else TRAIN


def _reach_test(
    fresh: Sequence[str],
    members: Mapping[str, Sequence[int]],
    labels: Sequence[str],
    side: list[str],
    seed: int,
) -> None:
    """Move the smallest new unit of a label without test rows to the test side, where others are left to train.

    Two groups of equal size are as far from any fraction below a half on either side, so ``_place`` leaves both.
    """
    for label in sorted(set(labels)):
        mine = [row for row, name in enumerate(labels) if name == label]
        if any(side[row] == TEST for row in mine):
            continue
        units = [unit for unit in fresh if any(labels[row] == label for row in members[unit])]
        for unit in sorted(units, key=lambda name: (len(members[name]), _order(name, seed))):
            moved = set(members[unit])
            names = {labels[row] for row in moved}
            left = {labels[row] for row, place in enumerate(side) if place == TRAIN and row not in moved}
            if names <= left:
                for row in moved:
                    side[row] = TEST
                break


def unit_folds(
    units: Sequence[str], labels: Sequence[str], folds: int, seed: int, *, side: Sequence[str] | None = None
) -> tuple[int, ...]:
    """A fold for each train row (all of them without ``side``), -1 for the others: a unit goes whole to the fold where
    its labels are scarcest.
    """
    members = _members(units)
    side = [TRAIN] * len(units) if side is None else side
    names = {label: place for place, label in enumerate(sorted(set(labels)))}
    totals = np.zeros((folds, len(names)))
    fold_of: dict[str, int] = {}
    train = {unit for unit, place in zip(units, side, strict=True) if place == TRAIN}
    for unit in sorted(train, key=lambda name: (-len(members[name]), _order(name, seed))):
        counts = np.zeros(len(names))
        for row in members[unit]:
            counts[names[labels[row]]] += side[row] == TRAIN
        crowding = (totals * counts).sum(axis=1)
        choice = int(np.lexsort((np.arange(folds), totals.sum(axis=1), crowding))[0])
        fold_of[unit] = choice
        totals[choice] += counts
    return tuple(fold_of[unit] if side[row] == TRAIN else -1 for row, unit in enumerate(units))


def keep(problem: Problem, frame: pd.DataFrame, path: Path, *, least: int = 1) -> pd.DataFrame:
    """``frame`` with ``side``, ``fold`` and ``unit``; the assignment is kept in the JSON file ``path``.

    Raises ``DataError`` when a label has no row on one side, or all its train rows in one fold: it could not be
    learned, compared or judged; or when fewer than ``least`` rows are kept aside, so that no verdict could come of
    a training. Nothing is written then.
    """
    kept = _kept(path)
    rules = problem.training
    found = assign(
        frame["id"].tolist(),
        frame["label"].tolist(),
        frame["group"].tolist(),
        frame["dhash"].tolist(),
        kept=kept,
        wanted=frame["wanted"].tolist(),
        test_fraction=rules.test_fraction,
        folds=rules.folds,
        seed=rules.seed,
    )
    noun, where = problem.noun, " in manifest.csv" if problem.noun == "picture" else ""
    result = frame.assign(side=list(found.side), fold=list(found.fold), unit=list(found.unit))
    issues = [
        *(
            Issue(
                f"/{label}",
                "one_sided_label",
                f"All {noun}s of label {label!r} are on one side of the split, so none is left to {purpose}: add "
                f"{noun}s of another group, or name smaller groups{where}.",
            )
            for label, part in result.groupby("label")
            for side, purpose in ((TRAIN, "learn from"), (TEST, "judge with"))
            if side not in set(part["side"])
        ),
        *(
            Issue(
                f"/{label}",
                "one_fold_label",
                f"The {noun}s of label {label!r} to learn from are one group, so there is none to compare "
                f"candidates by: add {noun}s of another group, or name smaller groups{where}.",
            )
            for label, part in result.groupby("label")
            if {TRAIN, TEST} <= set(part["side"]) and part.loc[part["side"] == TRAIN, "fold"].nunique() < 2
        ),
    ]
    aside = found.side.count(TEST)
    if not issues and aside < least:
        issues.append(
            Issue(
                "/",
                "too_few_to_judge",
                f"Of {len(frame)} usable {noun}s {aside} are kept aside to judge with, and the promotion policy asks "
                f"for at least {least}: about {math.ceil(least * len(frame) / max(aside, 1))} {noun}s are needed.",
            )
        )
    if issues:
        raise DataError(f"{problem.name}: {issues[0].message}", tuple(issues))
    sides = {
        identity: side for identity, side in zip(frame["id"], found.side, strict=True) if side != EXCLUDED
    }
    write_whole(path, orjson.dumps({**kept, **sides}, option=orjson.OPT_SORT_KEYS))
    return result


def _kept(path: Path) -> dict[str, str]:
    """The sides given earlier: id → side; raises ``DataError`` for a file that is not what was written."""
    try:
        document = orjson.loads(path.read_bytes()) if path.exists() else {}
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or not all(isinstance(side, str) for side in document.values()):
        raise DataError(
            f"{path}, which holds what is kept aside, is damaged: put it back from a copy. Removing it draws the "
            "split anew, and the champion may then be judged on what it learned from."
        )
    return document
