"""The table of all checks: name, severity, function, and to which data each applies.

Belongs here: the list, and running it. Does not belong here: any rule. A new check is a function in one of the
modules beside this and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artpulse_assets.pipeline.quality import (
    amounts,
    leakage,
    noise,
    outlying,
    pictures,
    ranges,
    repeats,
    targets,
    values,
)
from artpulse_assets.pipeline.quality.finding import Check, Example, Finding, Severity, listed, verdict
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_core.data.problem import Problem
from artpulse_core.errors import Issue

if TYPE_CHECKING:
    import pandas as pd

Rule = Callable[[Sample], Finding | None]
Hook = Callable[[Problem, "pd.DataFrame"], Sequence[Issue]]
"""A check that lives elsewhere: problem and frame in, what is wrong out (nothing: passed)."""


@dataclass(frozen=True)
class Entry:
    """One check. ``rows``: only for ``picture`` or ``table`` rows; ``task``: only for that task.

    ``essential``: without it nothing can be fitted, so ``--skip-quality-checks`` does not ease it.
    """

    name: str
    severity: Severity
    rule: Rule
    rows: str = ""
    task: str = ""
    essential: bool = False

    @property
    def about(self) -> str:
        """The first sentence of the rule's docstring."""
        return (self.rule.__doc__ or "").strip().splitlines()[0]

    def applies(self, problem: Problem) -> bool:
        """Whether this check is for such data."""
        kind = "picture" if problem.noun == "picture" else "table"
        return self.rows in ("", kind) and self.task in ("", problem.task)


CHECKS: tuple[Entry, ...] = (
    Entry("minimum_samples", "block", amounts.minimum_samples, essential=True),
    Entry("minimum_labels", "block", amounts.minimum_labels, task="classification", essential=True),
    Entry("minimum_per_label", "block", amounts.minimum_per_label, task="classification"),
    Entry("constant_target", "block", targets.constant_target, task="regression", essential=True),
    Entry("finite_target", "block", targets.finite_target, task="regression", essential=True),
    Entry("finiteness", "block", values.finiteness, essential=True),
    Entry("range", "block", ranges.value_range),
    Entry("left_out", "block", amounts.left_out),
    Entry("leakage_over_split", "block", leakage.leakage_over_split),
    Entry("target_leakage", "block", leakage.target_leakage, rows="table"),
    Entry("inverted_target", "block", targets.inverted_target, rows="table"),
    Entry("unreadable_pictures", "warn", pictures.unreadable_pictures, rows="picture"),
    Entry("label_conflicts", "warn", repeats.label_conflicts),
    Entry("imbalance", "warn", amounts.imbalance, task="classification"),
    Entry("duplicates", "warn", repeats.duplicates),
    Entry("near_duplicates", "warn", repeats.near_duplicates),
    Entry("odd_pictures", "warn", pictures.odd_pictures, rows="picture"),
    Entry("telling_files", "warn", pictures.telling_files, rows="picture"),
    Entry("rules", "warn", ranges.rules),
    Entry("typical_range", "warn", ranges.typical_range),
    Entry("missing_values", "warn", values.missing_values),
    Entry("constant_columns", "warn", values.constant_columns),
    Entry("category_levels", "warn", values.category_levels, rows="table"),
    Entry("row_numbers", "warn", values.row_numbers, rows="table"),
    Entry("outliers", "warn", outlying.outliers),
    Entry("capped_target", "warn", targets.capped_target, task="regression"),
)
"""Every check but ``label_noise`` and the hooks, those that stop a run first."""

NOISE = Entry("label_noise", "warn", noise.label_noise)
"""Last, because it is asked only when there are answers out of fold."""


def applicable(problem: Problem) -> tuple[Entry, ...]:
    """The checks of a problem before anything was trained."""
    return tuple(entry for entry in CHECKS if entry.applies(problem))


def run(sample: Sample, hooks: Mapping[str, Hook], doubts: noise.Noise | None) -> tuple[Check, ...]:
    """Every check that applies to ``sample``; one without anything to check is left out.

    Without a usable row only the amounts are told. A hook of the name of a check takes its place; hooks block.
    """
    entries = [entry for entry in CHECKS if entry.applies(sample.problem) and entry.name not in hooks]
    if not len(sample.frame):
        entries = [entry for entry in entries if entry.rule.__module__ == amounts.__name__]
        entries += [
            entry for entry in CHECKS if entry.name == "unreadable_pictures" and entry.applies(sample.problem)
        ]
        hooks = {}
    found: list[Check] = []
    for entry in entries:
        finding = entry.rule(sample)
        if finding is not None:
            found.append(Check(entry.name, entry.severity, entry.about, finding, entry.essential))
    found += [Check(name, "block", _first(hook), _asked(sample, hook)) for name, hook in hooks.items()]
    finding = noise.label_noise(sample, doubts) if doubts is not None else None
    if finding is not None:
        found.append(Check(NOISE.name, NOISE.severity, NOISE.about, finding))
    return tuple(found)


def _first(hook: Hook) -> str:
    return (hook.__doc__ or "").strip().split("\n", 1)[0]


def _asked(sample: Sample, hook: Hook) -> Finding:
    issues = list(hook(sample.problem, sample.frame))
    return verdict(
        (Example(issue.pointer, issue.code, issue.message) for issue in issues),
        "Nothing is wrong.",
        lambda many: (
            issues[0].message
            if many == 1
            else f"{issues[0].message} So with {listed(i.pointer for i in issues[1:])}."
        ),
        limit=0,
    )
