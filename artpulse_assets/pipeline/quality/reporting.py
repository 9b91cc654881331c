"""The data quality report: every check on one dataset, and what was left out of it.

Belongs here: gathering and the document ``data_quality_report.json``. Does not belong here: a rule, or the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from artpulse_assets.pipeline import expected, schema
from artpulse_assets.pipeline.quality import noise, registry
from artpulse_assets.pipeline.quality.finding import Check
from artpulse_assets.pipeline.quality.registry import Hook
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_core.data.problem import Problem
from artpulse_core.errors import Issue

if TYPE_CHECKING:
    import pandas as pd

MOST_QUARANTINE = 1000


@dataclass(frozen=True)
class QualityReport:
    """What is known about the quality of one dataset.

    ``counts``: label → rows, empty for regression. ``quarantine``: path, reason, message. ``label_noise``: the most
    doubtful rows first, ``noise_share`` the lower and upper estimate of how many there are. ``schema``: what breaks the table schema, grouped.
    """

    problem: str
    at: str
    synthetic: bool
    rows: int
    pictures: bool
    counts: Mapping[str, int]
    quarantine: tuple[Mapping[str, str], ...]
    checks: tuple[Check, ...]
    label_noise: tuple[Mapping[str, Any], ...] = ()
    noise_share: tuple[float, float] | None = None
    schema: tuple[Mapping[str, Any], ...] = ()

    @property
    def blocking(self) -> tuple[Check, ...]:
        """The checks for which the run must stop."""
        return tuple(check for check in self.checks if check.blocks)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The checks a person should look at."""
        return tuple(check for check in self.checks if not check.passed and not check.blocks)

    @property
    def status(self) -> Literal["blocked", "look", "good"]:
        """``blocked``: a model would be wrong; ``look``: a person should look; ``good``: nothing to do."""
        return "blocked" if self.blocking else "look" if self.warnings else "good"

    @property
    def quarantined(self) -> dict[str, int]:
        """Reason → how many were left out, the most frequent first."""
        return dict(Counter(str(row["reason"]) for row in self.quarantine).most_common())

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What stops the run, as ``dataset.refuse`` takes it: the code is the check's name."""
        return tuple(Issue(f"/{check.name}", check.name, check.finding.summary) for check in self.blocking)

    def to_dict(self) -> dict[str, Any]:
        """The document ``data_quality_report.json``; bytes of a file name that are no text are written out."""
        document: dict[str, Any] = _encodable(self._plain())
        return document

    def _plain(self) -> dict[str, Any]:
        return {
            "problem": self.problem,
            "at": self.at,
            "synthetic": self.synthetic,
            "status": self.status,
            "rows": self.rows,
            "labels": dict(self.counts),
            "quarantined": {"total": len(self.quarantine), "by_reason": self.quarantined},
            "quarantine": [dict(row) for row in self.quarantine[:MOST_QUARANTINE]],
            "checks": [check.to_dict() for check in self.checks],
            "label_noise": {
                "share": None
                if self.noise_share is None
                else dict(zip(("low", "high"), self.noise_share, strict=True)),
                "rows": [dict(row) for row in self.label_noise],
            },
            "schema": [dict(failure) for failure in self.schema],
        }


def report(
    problem: Problem,
    frame: pd.DataFrame,
    quarantine: pd.DataFrame,
    *,
    at: datetime,
    synthetic: bool = False,
    names: Sequence[str] | None = None,
    looks: pd.DataFrame | None = None,
    out_of_fold: np.ndarray | None = None,
    hooks: Mapping[str, Hook] | None = None,
    skip: bool = False,
) -> QualityReport:
    """Check a dataset; nothing is raised for bad data, so that the report can be written before the run stops.

    ``frame``: usable rows, best after the split; ``quarantine``: path, reason, message. ``names``: the feature
    columns, where they are not those of the problem's fields or feature set. ``looks``, ``out_of_fold``: see
    ``Sample``. ``hooks``: checks that live elsewhere, by name. ``skip``: what would block only warns, but for that
    without which nothing can be fitted.
    """
    sample = Sample(
        problem=problem,
        frame=frame.reset_index(drop=True),
        quarantine=quarantine,
        columns=expected.columns(problem, names),
        looks=looks,
        out_of_fold=out_of_fold,
    )
    doubts = noise.of_sample(sample) if len(frame) else None
    checks = registry.run(sample, hooks or {}, doubts)
    return QualityReport(
        problem=problem.name,
        at=at.isoformat(),
        synthetic=synthetic,
        rows=len(frame),
        pictures=sample.pictures,
        counts={} if sample.regression else dict(Counter(sample.labels.tolist()).most_common()),
        quarantine=tuple(
            {"path": str(path), "reason": str(reason), "message": str(message)}
            for path, reason, message in quarantine[["path", "reason", "message"]].itertuples(index=False)
        ),
        checks=tuple(_eased(check) for check in checks) if skip else checks,
        label_noise=tuple(noise.table(sample, doubts)),
        noise_share=None if doubts is None else (round(doubts.sure, 4), round(doubts.share, 4)),
        schema=tuple(schema.grouped(problem, sample.frame, names=names)) if len(frame) else (),
    )


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value


def _eased(check: Check) -> Check:
    """A check that would block and may be skipped, as a warning."""
    if check.severity == "warn" or check.essential:
        return check
    return replace(check, severity="warn", eased=not check.passed)
