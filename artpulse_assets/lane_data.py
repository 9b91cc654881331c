"""The first half of a lane: raw → features → dataset → split → eda.

Belongs here: thin assets over ``pipeline.ingest``, ``dataset``, ``split`` and ``eda``, and what they show.
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from artpulse_assets import report
from artpulse_assets.lane_watch import feedback
from artpulse_assets.pipeline import dataset as dataset_module
from artpulse_assets.pipeline import frames, ingest, parameters, schema
from artpulse_assets.pipeline import split as split_module
from artpulse_assets.resources import Workshop
from artpulse_core.data.problem import Problem
from artpulse_core.exchange.files import write_whole

LISTING = "listing"  # travels with the tables, in Parquet too: the folder a dataset was made from, whatever was listed since
Common = Callable[[str, str, str, set[str]], dict[str, Any]]


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """The five assets, in order."""
    name = problem.name

    @dg.asset(
        **common(
            "raw",
            "The pictures: path, label, group. Reads names, not bytes."
            if problem.noun == "picture"
            else "The rows of the table: fields and target as the contract reads them.",
            ingest.VERSION,
            {"image"} if problem.noun == "picture" else {"csv"},
        ),
        check_specs=[
            dg.AssetCheckSpec(
                "every_file_counts",
                asset=[name, "raw"],
                description=f"No {'file' if problem.noun == 'picture' else 'row'} had to be left out.",
            )
        ],
    )
    def raw(context: dg.AssetExecutionContext, workshop: Workshop) -> Iterator[Any]:
        with report.failures():
            parameters.judge(problem)  # what cannot be fitted is told before anything is read
            listing = ingest.list_data(problem, workshop.settings)
            frame = listing.frame
            refused = frame[frame["reason"] != ""]
            _enough(problem, workshop, frame.loc[frame["reason"] == "", "label"])
        frame.attrs[LISTING] = listing.digest
        skipped = [{"path": path, "reason": reason} for path, reason in listing.skipped]
        yield dg.Output(
            frame,
            data_version=dg.DataVersion(listing.digest),
            metadata={
                "source": str(listing.root),
                "listing": listing.digest,
                "synthetic": listing.synthetic,
                f"{problem.noun}s": len(frame) - len(refused),
                "labels": int(frame["label"].replace("", None).nunique()),
                "groups": int(frame["group"].replace("", None).nunique()),
                "refused": report.table(refused[["path", "reason", "message"]].to_dict("records")),
                "skipped": report.table(skipped),
            },
        )
        yield dg.AssetCheckResult(
            check_name="every_file_counts",
            passed=not len(refused),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"refused": len(refused), "skipped": len(skipped)},
        )

    @dg.asset(
        **common(
            "features",
            f"Numbers of every picture: the feature set {problem.features}."
            if problem.noun == "picture"
            else "The fields of every row with the digest of its content.",
            ingest.VERSION,
            {"parquet", "numpy"},
        ),
        ins={"raw": dg.AssetIn([name, "raw"])},
        check_specs=[
            dg.AssetCheckSpec(
                f"every_{problem.noun}_read",
                asset=[name, "features"],
                description=f"No {problem.noun} was refused.",
            )
        ],
    )
    def features(context: dg.AssetExecutionContext, workshop: Workshop, raw: Any) -> Iterator[Any]:
        with report.failures():
            root = ingest.place(problem, workshop.settings)
            found = ingest.extract(
                problem,
                raw,
                root,
                workshop.settings.cache / "features",
                report.progress(context, f"{problem.noun}s read"),
            )
        found.frame.attrs[LISTING] = raw.attrs.get(LISTING, "")
        refused = found.frame[found.frame["reason"] != ""]
        context.log.info(f"{found.computed} {problem.noun}s computed, {found.reused} taken from the cache")
        yield dg.Output(
            found.frame,
            data_version=dg.DataVersion(frames.digest(found.frame)),
            metadata={
                "feature_set": problem.features,
                "computed": found.computed,
                "reused": found.reused,
                "refused": report.table(refused[["path", "reason", "message"]].to_dict("records")),
            },
        )
        yield dg.AssetCheckResult(
            check_name=f"every_{problem.noun}_read",
            passed=not len(refused),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"refused": report.table(refused[["path", "reason", "message"]].to_dict("records"))},
        )

    @dg.asset(
        **common(
            "dataset",
            "Rows that may be learned from; the rest is in quarantine with a reason.",
            dataset_module.VERSION,
            {"parquet", "pandera"},
        ),
        ins={"features": dg.AssetIn([name, "features"]), "labelled": dg.AssetIn([name, "labelled_events"])},
        check_specs=[
            dg.AssetCheckSpec("schema", asset=[name, "dataset"], description="pandera, from the contract."),
            dg.AssetCheckSpec(
                "enough_to_learn_from", asset=[name, "dataset"], description="Labels, and examples of each."
            ),
            dg.AssetCheckSpec("nothing_in_quarantine", asset=[name, "dataset"]),
        ],
    )
    def dataset(
        context: dg.AssetExecutionContext, workshop: Workshop, features: Any, labelled: Any
    ) -> Iterator[Any]:
        assembled = dataset_module.assemble(features, labelled)
        frame, quarantine = assembled.frame, assembled.quarantine
        write_whole(
            workshop.settings.artifacts(name) / "quarantine.csv",
            quarantine.to_csv(index=False).encode("utf-8", "backslashreplace"),
        )
        reasons = {str(key): int(count) for key, count in quarantine["reason"].value_counts().items()}
        shortages = dataset_module.shortages(problem, frame["label"], reasons)
        broken = schema.failures(problem, frame, names=frames.columns(problem)) if len(frame) else []
        for check, issues in (("enough_to_learn_from", shortages), ("schema", broken)):
            yield dg.AssetCheckResult(
                check_name=check,
                passed=not issues,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"issues": report.table(issue.to_dict() for issue in issues)},
            )
        yield dg.AssetCheckResult(
            check_name="nothing_in_quarantine",
            passed=not len(quarantine),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "reasons": report.table({"reason": key, "files": count} for key, count in reasons.items())
            },
        )
        with (
            report.failures()
        ):  # before the value is written: a failed check alone would not protect the old one
            dataset_module.refuse(problem, [*shortages, *broken])
        yield dg.Output(
            frame,
            data_version=dg.DataVersion(frames.digest(frame)),
            metadata={
                "rows": len(frame),
                "feedback_rows": len(labelled),
                "feedback": frames.digest(labelled),
                LISTING: features.attrs.get(LISTING, ""),
                "quarantined": len(quarantine),
                "quarantine": report.table(quarantine.to_dict("records")),
                "labels": report.table(
                    {"label": label, f"{problem.noun}s": count}
                    for label, count in frame["label"].value_counts().items()
                ),
            },
        )

    @dg.asset(
        **common(
            "split",
            "Which rows are learned from and which are kept for the gate; old rows never move.",
            split_module.VERSION,
            {"parquet"},
        ),
        ins={"dataset": dg.AssetIn([name, "dataset"])},
        check_specs=[
            dg.AssetCheckSpec(
                "no_group_straddles",
                asset=[name, "split"],
                description="Groups and near duplicates stay on one side.",
            )
        ],
    )
    def split(context: dg.AssetExecutionContext, workshop: Workshop, dataset: Any) -> Iterator[Any]:
        from artpulse_assets.pipeline import gate
        from artpulse_assets.pipeline.govern import policy_file

        with report.failures():
            frame = split_module.keep(
                problem,
                dataset,
                workshop.settings.home / "splits" / f"{name}.json",
                least=gate.least_rows(policy_file(), problem.task),
            )
        counts = frame.groupby(["label", "side"]).size().unstack(fill_value=0)
        sides = frame[frame["side"] != split_module.EXCLUDED].groupby("unit")["side"].nunique()
        yield dg.Output(
            frame,
            data_version=dg.DataVersion(frames.digest(frame[["id", "side", "fold"]])),
            metadata={
                **{side: int((frame["side"] == side).sum()) for side in ("train", "test", "excluded")},
                "units": int(frame["unit"].nunique()),
                "balance": report.table(
                    {"label": label, **row} for label, row in counts.to_dict("index").items()
                ),
            },
        )
        yield dg.AssetCheckResult(
            check_name="no_group_straddles",
            passed=bool((sides <= 1).all()),
            metadata={
                "excluded": report.table(
                    {"path": path, "reason": "ties rows of both sides together"}
                    for path in frame.loc[frame["side"] == split_module.EXCLUDED, "path"]
                )
            },
        )

    @dg.asset(
        **common("eda", "What the data looks like: balance, histograms, correlation.", "1", {"matplotlib"}),
        ins={"split": dg.AssetIn([name, "split"])},
    )
    def eda(workshop: Workshop, split: Any) -> dg.MaterializeResult[None]:
        from artpulse_assets.pipeline import eda as eda_module
        from artpulse_assets.pipeline import figures

        made = figures.of_dataset(problem, split, workshop.memo)
        folder = workshop.settings.artifacts(name)
        eda_module.write_figures(folder, made.pictures)
        write_whole(folder / "data_summary.csv", eda_module.data_summary_csv(split))
        return dg.MaterializeResult(
            metadata={
                **{key: report.picture(png, key) for key, png in made.pictures.items()},
                "constant_features": len(made.numbers["constant"]),
                "outliers": report.table(
                    {"feature": key, "rows": count} for key, count in made.numbers["outliers"].items()
                ),
            }
        )

    return [raw, features, dataset, split, eda]


def _enough(problem: Problem, workshop: Workshop, labels: Any) -> None:
    """Refuse a folder that cannot suffice whatever its pictures hold, before anything of it is read or written.

    A folder in which nothing has a label goes on: the quarantine is what tells its owner why.
    """
    import pandas as pd

    if not len(labels) or not dataset_module.shortages(problem, labels, {}):
        return
    told = feedback(problem, workshop)[
        "label"
    ]  # joins the dataset later, and may make up for what is missing
    dataset_module.refuse(problem, dataset_module.shortages(problem, pd.concat([labels, told]), {}))
