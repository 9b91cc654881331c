"""What the data of a problem holds, and whether anything can be learned from it.

Belongs here: reading everything a problem learns from without writing, and the one document about it. Does not belong
here: the checks of the graph on a finished data set, which need features and a split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data import tables, whole_table
from artpulse_core.data.adding_images import shown
from artpulse_core.data.doubts import IN_FILE
from artpulse_core.data.images import check
from artpulse_core.data.manifest import read_manifest
from artpulse_core.data.picture import REASONS
from artpulse_core.data.problem import Images, Problem, TableFile
from artpulse_core.data.sources import find_images, find_table
from artpulse_core.data.table_rows import Refused, to_rows
from artpulse_core.errors import DataError, Issue
from artpulse_core.settings import Settings

EXAMPLES = 5
NO_LABEL = "The picture lies in no label's folder; move it into <folder>/<label>/."


@dataclass(frozen=True)
class Finding:
    """What was read: ``rows`` of which ``usable``, ``labels`` of these, what is refused, what is too few.

    ``doubts`` speak against the table as a whole and forbid learning, as do the sentences of ``shortages``; ``notes``
    are sentences a person should read; ``example`` is the first usable row as a caller would send it.
    """

    problem: str
    source: Path
    rows: int
    usable: int
    labels: Mapping[str, int]
    refused: Sequence[Refused]
    shortages: tuple[str, ...]
    notes: tuple[str, ...] = ()
    example: Mapping[str, Any] | None = None
    doubts: tuple[Issue, ...] = ()

    @property
    def can_learn(self) -> bool:
        """Whether nothing forbids learning from it."""
        return not self.shortages and not self.doubts

    @property
    def reasons(self) -> dict[str, int]:
        """Reason code → how many rows or pictures, the most frequent first."""
        return dict(Counter(item.reason for item in self.refused).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for ``--json``."""
        return {
            "problem": self.problem,
            "source": str(self.source),
            "rows": self.rows,
            "usable": self.usable,
            "labels": dict(self.labels),
            "quarantine": {
                "count": len(self.refused),
                "reasons": self.reasons,
                "examples": [item._asdict() for item in self.examples()],
            },
            "doubts": [issue.to_dict() for issue in self.doubts],
            "shortages": list(self.shortages),
            "notes": list(self.notes),
            "can_learn": self.can_learn,
        }

    def examples(self) -> list[Refused]:
        """The first refused row of each reason."""
        first: dict[str, Refused] = {}
        for item in self.refused:
            first.setdefault(item.reason, item)
        return list(first.values())


def judge(problem: Problem, settings: Settings, *, stating: str = IN_FILE) -> Finding:
    """Read the data of ``problem`` whole; raises ``DataError`` when it cannot be read at all.

    ``stating`` is how a person states the coding of this file. The one place to add a check of data before training: a sentence in ``shortages`` forbids, one in ``notes`` warns.
    """
    source = problem.source
    return (
        _table(problem, source, settings, stating)
        if isinstance(source, TableFile)
        else _pictures(problem, source, settings)
    )


def other_file(problem: Problem, path: Path, **stated: Any) -> Problem:
    """``problem`` reading the table at ``path`` instead of its own, to judge that against the same contract.

    ``stated`` replaces keys of its source (``missing`` adds to it), and ``target`` the name of the target's column. A file with a first line of
    names is read by these where the problem's own has none. Raises ``DataError`` for a problem of pictures, a coding
    it does not have, a file that cannot be read.
    """
    source = problem.source
    if not isinstance(source, TableFile):
        raise DataError(
            f"{problem.name} learns from pictures, which no CSV holds; give --images DIR without a name."
        )
    coding = stated.get("coding", "")
    having = (problem.coding, *problem.contract.codings)
    if coding and coding not in having:
        raise DataError(
            f"{problem.name} has no coding {coding!r}; it has {', '.join(having) if having[0] else 'none'}."
        )
    target = stated.pop("target", "") or problem.target.name
    stated["missing"] = (*source.missing, *stated.get("missing", ()))
    changed = {"file": str(path.resolve()), "sha256": "", "url": "", **stated}
    if source.columns and (names := _named(path, source, problem)):
        changed["columns"] = ()
        if target not in names:
            raise DataError(
                f"{path.name} has no column {target!r}; name the one to predict with --target COLUMN."
            )
    return problem.model_copy(
        update={
            "source": source.model_copy(update=changed),
            "target": problem.target.model_copy(update={"name": target}),
        }
    )


def _named(path: Path, source: TableFile, problem: Problem) -> tuple[str, ...]:
    """The first line of a file if it names columns that the problem reads, in whatever order; else nothing."""
    names = tables.read_names(path, separator=source.separator)
    derived = {ratio.name for ratio in source.ratios}
    wanted = {item.name for item in problem.fields} - derived
    for ratio in source.ratios:
        wanted |= {name for name in (ratio.of, ratio.by) if isinstance(name, str)}
    return names if len(wanted & set(names)) > len(wanted) // 2 else ()


def unread(problem: Problem, error: DataError) -> Finding:
    """The finding of a problem whose data cannot be read at all: one shortage, the sentence of ``error``."""
    source = problem.source
    named = source.file if isinstance(source, TableFile) else source.folder or source.dataset
    return Finding(problem.name, Path(named), 0, 0, {}, (), (error.message,))


def picture_folder(source: Images, settings: Settings) -> Path:
    """Where the pictures of a problem lie; raises ``DataError`` naming what is missing."""
    if source.folder:
        folder = Path(source.folder)
        if not folder.is_dir():
            raise DataError(
                f"The folder {source.folder!r} is not there any more; put it back, or add the problem again with --replace."
            )
        return folder
    return find_images(source.dataset, dataset_dir=settings.dataset_dir, data_dir=settings.data)


def _table(problem: Problem, source: TableFile, settings: Settings, stating: str) -> Finding:
    path = find_table(source, settings.data)
    contract = problem.contract
    raw = tables.read(source, path)
    judged = to_rows(raw, contract.fields, problem.target, task=problem.task)
    matrix, refused = judged.matrix, list(judged.quarantine)
    good = np.ones(len(matrix), dtype=bool)
    for rule, rows in contract.broken_rules(matrix):
        refused += [
            Refused(judged.names[row], "rule_broken", rule.sentence) for row in np.flatnonzero(rows & good)
        ]
        good &= ~rows
    usable = int(good.sum())
    counts: dict[str, int] = {}
    if problem.task == "classification" and judged.target is not None:
        counts = dict(Counter(judged.target[good].tolist()).most_common())
    shortages = []
    if usable < problem.quality.min_rows:
        shortages.append(
            f"There are {usable} usable rows; at least {problem.quality.min_rows} are needed: add rows."
        )
    notes = [
        f"{field.name} is missing in {share:.0%} of the rows"
        for field, share in zip(
            contract.fields, np.isnan(matrix[good]).mean(axis=0) if usable else (), strict=False
        )
        if share >= 0.3
    ]
    return Finding(
        problem.name,
        path,
        usable + len(refused),
        usable,
        counts,
        refused,
        (*shortages, *_few(problem, counts, "rows")),
        tuple(notes),
        contract.shown(matrix[good][0]) if usable else None,
        tuple(whole_table.of_problem(problem, raw, stating=stating)),
    )


def _pictures(problem: Problem, source: Images, settings: Settings) -> Finding:
    root = picture_folder(source, settings)
    manifest = read_manifest(root)
    document = check([root])
    counts: Counter[str] = Counter()
    refused: list[Refused] = []
    for row in document["files"]:
        path = row["path"]
        label = manifest[path].label if path in manifest else (path.split("/", 1)[0] if "/" in path else "")
        if not row["accepted"]:
            refused.append(Refused(shown(path), row["reason"], REASONS[row["reason"]]))
        elif not label:
            refused.append(Refused(shown(path), "no_label", NO_LABEL))
        else:
            counts[shown(label)] += 1
    left = Counter(item["reason"] for item in document["skipped"])
    notes = [f"{count} × {reason} passed over" for reason, count in sorted(left.items())]
    usable = sum(counts.values())
    shortages = () if usable else (f"The folder {str(root)!r} holds no usable picture.",)
    return Finding(
        problem.name,
        root,
        len(document["files"]),
        usable,
        dict(counts.most_common()),
        refused,
        (*shortages, *_few(problem, counts, "pictures")),
        tuple(notes),
    )


def _few(problem: Problem, counts: Mapping[str, int], what: str) -> list[str]:
    if problem.task != "classification" or not counts:
        return []
    rules = problem.quality
    found = [
        f"Label {label!r} has {count} usable {what}; at least {rules.min_per_label} are needed: add some, or remove it."
        for label, count in sorted(counts.items())
        if count < rules.min_per_label
    ]
    if len(counts) < rules.min_labels:
        found.append(
            f"There is only the label {next(iter(counts))!r}; at least {rules.min_labels} are needed."
        )
    return found
