"""The look at the data of a lane: ``data_quality`` before the candidates, ``label_noise`` after them.

Belongs here: two thin assets over ``pipeline.quality``, with a Dagster check for each of its checks. Candidates wait
for the first, so that nothing is fitted on data a model would be wrong about. The second asks the chosen candidate
which labels it doubts, and writes report and page anew with them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import numpy as np

from artpulse_assets import report
from artpulse_assets.pipeline import dataset as dataset_module
from artpulse_assets.pipeline import frames, ingest, quality
from artpulse_assets.pipeline.candidates import Candidate
from artpulse_assets.resources import Workshop
from artpulse_core.data.problem import Problem

DATA_QUALITY, LABEL_NOISE = "data_quality", "label_noise"
Common = Callable[[str, str, str, set[str]], dict[str, Any]]


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """Both assets."""
    return [_data_quality(problem, common), _label_noise(problem, common)]


def _rows(problem: Problem) -> dict[str, dg.AssetIn]:
    sources = {"raw": "raw", "features": "features", "labelled": "labelled_events", "split": "split"}
    return {parameter: dg.AssetIn([problem.name, name]) for parameter, name in sources.items()}


def _data_quality(problem: Problem, common: Common) -> dg.AssetsDefinition:
    key = [problem.name, DATA_QUALITY]
    entries = quality.applicable(problem)

    @dg.asset(
        **common(
            DATA_QUALITY,
            "Named checks of the data: what blocks a training, what a person should look at. Also a page with pictures.",
            "1",
            {"pandas"},
        ),
        ins=_rows(problem),
        check_specs=[dg.AssetCheckSpec(item.name, asset=key, description=item.about) for item in entries],
    )
    def data_quality(
        context: dg.AssetExecutionContext,
        workshop: Workshop,
        raw: Any,
        features: Any,
        labelled: Any,
        split: Any,
    ) -> Iterator[Any]:
        skip = workshop.skips_quality(context.run.tags)
        found = _report(problem, workshop, raw, features, labelled, split, skip=skip)
        yield from (_result(found, item) for item in entries)
        context.log.info(quality.verdict(found))
        with report.failures():  # the page was written first: it is where a person sees why
            dataset_module.refuse(problem, found.issues)
        yield dg.Output(
            found.to_dict(),
            data_version=dg.DataVersion(frames.digest(split)),
            metadata=_told(problem, workshop, found),
        )

    return data_quality


def _label_noise(problem: Problem, common: Common) -> dg.AssetsDefinition:
    key = [problem.name, LABEL_NOISE]

    @dg.asset(
        **common(
            LABEL_NOISE,
            "Rows whose truth the chosen candidate doubts, answered by models that had not seen them.",
            "1",
            {"pandas"},
        ),
        ins={
            **_rows(problem),
            "leaderboard": dg.AssetIn([problem.name, "leaderboard"]),
        },
        check_specs=[dg.AssetCheckSpec(quality.NOISE.name, asset=key, description=quality.NOISE.about)],
    )
    def label_noise(
        workshop: Workshop,
        raw: Any,
        features: Any,
        labelled: Any,
        split: Any,
        leaderboard: Mapping[str, Any],
    ) -> Iterator[Any]:
        chosen = Candidate.from_dict(leaderboard["candidate"])
        found = _report(
            problem, workshop, raw, features, labelled, split, out_of_fold=chosen.out_of_fold, skip=True
        )
        yield _result(found, quality.NOISE)
        yield dg.Output(
            found.to_dict(),
            data_version=dg.DataVersion(chosen.key),
            metadata={
                **_told(problem, workshop, found),
                "doubted": report.table(found.label_noise),
            },
        )

    return label_noise


def _report(
    problem: Problem,
    workshop: Workshop,
    raw: Any,
    features: Any,
    labelled: Any,
    split: Any,
    *,
    out_of_fold: np.ndarray | None = None,
    skip: bool,
) -> quality.QualityReport:
    """Check the rows and write report and page."""
    with report.failures():
        root = ingest.place(problem, workshop.settings)
        files = list(zip(raw["file"], raw["path"], strict=True)) if "file" in raw else []
        looks = quality.kept(workshop.memo, root, files, raw.attrs["listing"]) if files else None
        found = quality.report(
            problem,
            split,
            dataset_module.assemble(features, labelled).quarantine,
            at=workshop.now(),
            synthetic=ingest.synthetic(root),
            names=frames.columns(problem),
            looks=looks,
            out_of_fold=out_of_fold,
            skip=skip,
        )
        thumbnails = quality.thumbnails(root, files, found) if files else {}
        quality.write(workshop.settings.artifacts(problem.name), found, thumbnails)
    return found


def _result(found: quality.QualityReport, entry: quality.Entry) -> dg.AssetCheckResult:
    check = next((item for item in found.checks if item.name == entry.name), None)
    if check is None:
        return dg.AssetCheckResult(
            check_name=entry.name,
            passed=True,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"said": "There is nothing to check here."},
        )
    return dg.AssetCheckResult(
        check_name=entry.name,
        passed=check.finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if check.severity == "block" else dg.AssetCheckSeverity.WARN,
        metadata={
            "said": check.finding.summary,
            "examples": report.table(vars(row) for row in check.finding.rows),
        },
    )


def _told(problem: Problem, workshop: Workshop, found: quality.QualityReport) -> dict[str, Any]:
    return {
        "status": found.status,
        "verdict": quality.verdict(found),
        "page": str(workshop.settings.artifacts(problem.name) / "data_quality_report.html"),
        "warnings": report.table(
            {"check": item.name, "said": item.finding.summary} for item in found.warnings
        ),
    }
