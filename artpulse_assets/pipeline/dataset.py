"""The dataset: rows that may be learned from, validated before anything is written.

Belongs here: joining features and feedback, quarantining duplicates and contradictions, the pandera schema made
from the contract, and the rules on how much data is enough. Everything that would make a model wrong raises
``DataError`` here; everything a person should look at goes to quarantine with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError, Issue

if TYPE_CHECKING:
    import pandas as pd

VERSION = "1"
QUARANTINE = ["path", "reason", "message"]


@dataclass(frozen=True)
class Assembled:
    """``frame``: one row a picture, row or labelled event; ``quarantine``: path, reason, message of what was left out."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame


def assemble(rows: pd.DataFrame, labelled: pd.DataFrame) -> Assembled:
    """Join ``rows`` of the data and labelled events into rows with unique ids, in the order of the ids.

    Rows that carry a reason already go to quarantine with it. The same content under two labels is a
    contradiction and both go there; under one label the first path stays. Feedback on what
    the data holds never unseats it: who may ask must not be able to shrink the dataset.
    """
    import pandas as pd

    known = labelled["id"].isin(rows.loc[rows["reason"] == "", "id"])
    told = labelled.assign(
        reason=labelled["reason"].mask(known, "known_picture"),
        message=labelled["message"].mask(known, "The data holds this content; its own truth counts."),
    )
    parts = [part for part in (rows, told) if len(part)]
    everything = pd.concat(parts, ignore_index=True) if parts else rows
    refused = everything[everything["reason"] != ""]
    frame = everything[everything["reason"] == ""].sort_values(["id", "path"], kind="stable")
    labels = frame.groupby("id")["label"].transform("nunique")
    conflicts = frame[labels > 1]
    agreed = frame[labels == 1]
    repeats = agreed[agreed.duplicated("id")]
    left_out = [
        *refused[QUARANTINE].itertuples(index=False, name=None),
        *(
            (
                path,
                "label_conflict",
                "The same content stands under another label too; decide which is right.",
            )
            for path in conflicts["path"]
        ),
        *((path, "duplicate", "The same content is in the dataset already.") for path in repeats["path"]),
    ]
    kept = agreed.drop_duplicates("id").drop(columns=["reason", "message"]).reset_index(drop=True)
    return Assembled(kept, pd.DataFrame(left_out, columns=QUARANTINE))


def shortages(problem: Problem, labels: pd.Series, refused: Mapping[Any, int]) -> list[Issue]:
    """What there is too little of to learn from: ``labels`` of the usable rows, ``refused`` reason → count."""
    counts = labels.value_counts()
    rules, noun = problem.quality, problem.noun
    if not len(labels):
        reasons = ", ".join(f"{count} × {reason}" for reason, count in sorted(refused.items()))
        return [
            Issue(
                "/",
                "empty",
                f"There is no usable {noun} ({reasons or 'none was found'}); quarantine.csv among the artifacts of "
                f"{problem.name} names each and what to do.",
            )
        ]
    if problem.task == "regression":
        if len(labels) >= rules.min_rows:
            return []
        text = f"There are {len(labels)} usable rows; at least {rules.min_rows} are needed: add rows."
        return [Issue("/", "too_few_rows", text)]
    issues = []
    where = "folders with pictures" if noun == "picture" else f"labels in the column {problem.target.name!r}"
    if len(counts) < rules.min_labels:
        text = f"There is only the label {counts.index[0]!r}; at least {rules.min_labels} {where} are needed."
        issues.append(Issue("/label", "too_few_labels", text))
    remedy = "add pictures or remove the folder" if noun == "picture" else "add rows or remove the label"
    issues.extend(
        Issue(
            f"/{label}",
            f"too_few_{noun}s",
            f"Label {label!r} has {count} usable {noun}s; at least {rules.min_per_label} are needed: {remedy}.",
        )
        for label, count in sorted(counts.items())
        if count < rules.min_per_label
    )
    return issues


def refuse(problem: Problem, issues: Sequence[Issue]) -> None:
    """Raise ``DataError`` with every shortage and schema failure; return when there is none."""
    if issues:
        more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
        raise DataError(f"{problem.name}: {issues[0].message}{more}", tuple(issues))
