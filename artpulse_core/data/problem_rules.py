"""What must hold between the parts of a problem file.

Belongs here: rules that need more than one part, each a sentence. Does not belong here: rules within a part
(``problem_source``, ``problem_fields``), what only an installation can tell (``problems``: feature sets;
``artpulse_assets.pipeline.estimators``: algorithms).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from artpulse_core.data.problem_source import Images, TableFile, repeated

if TYPE_CHECKING:
    from artpulse_core.data.problem import Problem

CLASSIFICATION_METRICS = ("macro_f1", "accuracy", "auc", "log_loss", "brier")
REGRESSION_METRICS = ("rmse", "mae")


def faults(problem: Problem) -> Iterator[str]:
    """A sentence for each thing that does not fit, the plainest first."""
    for part in (_kinds, _names, _target, _codings):
        yield from part(problem)


def _kinds(problem: Problem) -> Iterator[str]:
    if (problem.input == "table") != bool(problem.fields):
        yield 'input = "table" needs [[fields]]; input = "image" has none'
    if problem.input == "image" and isinstance(problem.source, TableFile):
        yield 'input = "image" needs [source] kind = "images"'
    if problem.task == "regression" and isinstance(problem.source, Images):
        yield 'task = "regression" needs [source] kind = "table"'
    known = CLASSIFICATION_METRICS if problem.task == "classification" else REGRESSION_METRICS
    if problem.training.metric and problem.training.metric not in known:
        yield f"training.metric of a {problem.task} is one of {', '.join(known)}"


def _names(problem: Problem) -> Iterator[str]:
    names = [item.name for item in problem.fields]
    if twice := repeated(names):
        yield f"the field {twice!r} is named twice"
    source = problem.source
    others = {problem.target.name: "the target"}
    if isinstance(source, TableFile):
        others |= {
            name: f"the {key} of [source]"
            for key, name in (("id", source.id), ("group", source.group))
            if name
        }
    for name in names:
        if name in others:
            yield f"the field {name!r} is {others[name]}; it cannot be learned from, so remove it from [[fields]]"
    if isinstance(source, TableFile) and problem.target.name in (source.id, source.group):
        yield f"the target {problem.target.name!r} is id or group of [source] too; name another column there"
    numbers = {item.name for item in problem.fields if item.kind == "number"}
    for rule in problem.rules:
        for side in (rule.left, rule.right):
            if side not in numbers:
                yield f"a rule names {side!r}, which is no number field"
    for name in problem.quality.directions:
        if names and name not in names:
            yield f"quality.directions names {name!r}, which is no field"


def _target(problem: Problem) -> Iterator[str]:
    target = problem.target
    labels = set(target.values.values())
    if problem.task == "regression":
        for key in ("values", "codes", "positive_label"):
            if getattr(target, key):
                yield f'target.{key} belongs to task = "classification"; a regression learns the number itself'
        return
    if labels and len(labels) < 2:
        yield f"target.values has only the label {next(iter(labels))!r}; there is nothing to tell apart"
    if target.positive_label and labels:
        if target.positive_label not in labels:
            yield f"target.positive_label is {target.positive_label!r}, which is no label of target.values"
        if len(labels) > 2:
            yield f"target.positive_label is for two labels; target.values has {len(labels)}"
    for coding, words in target.codes.items():
        foreign = [label for label in words.values() if label not in labels]
        if foreign:
            yield f"target.codes.{coding} names {foreign[0]!r}, which is no label of target.values"


def _codings(problem: Problem) -> Iterator[str]:
    others = list(
        dict.fromkeys([*(name for item in problem.fields for name in item.codes), *problem.target.codes])
    )
    if others and not problem.coding:
        yield f"there are codes of {others[0]!r}, but no name for the levels' own; add coding = its name beside task"
    if others and "coding" in {item.name for item in problem.fields}:
        yield "a field is called 'coding', by which a row states its coding; rename it"
    if problem.coding in others:
        yield f"coding = {problem.coding!r} is that of the levels themselves; fields.codes has others"
    stated = problem.source.coding if isinstance(problem.source, TableFile) else ""
    if stated and stated not in (problem.coding, *others):
        known = ", ".join(filter(None, (problem.coding, *others)))
        yield f"source.coding is {stated!r}; there {f'are {known}' if known else 'is no coding here'}"
