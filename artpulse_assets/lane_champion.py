"""The end of a training: challenger → champion.

Belongs here: thin assets over ``pipeline.govern``, and the one call of ``control.promotion`` the graph may make: the
first champion of an empty registry.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import orjson

from artpulse_assets import report
from artpulse_assets.lane_model import competing, fitted, inputs
from artpulse_assets.resources import MlflowRuns, Workshop
from artpulse_core.data.problem import Problem

Common = Callable[[str, str, str, set[str]], dict[str, Any]]
ACTOR = "dagster"


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """Both assets."""
    return [_challenger(problem, common), _champion(problem, common)]


def _challenger(problem: Problem, common: Common) -> dg.AssetsDefinition:

    @dg.asset(
        **common(
            "challenger",
            "The chosen candidate as a registered, verified bundle, and the gate's verdict on it.",
            "1",
            {"onnx", "mlflow"},
        ),
        ins={
            "raw": dg.AssetIn([problem.name, "raw"]),
            "split": dg.AssetIn([problem.name, "split"]),
            "leaderboard": dg.AssetIn([problem.name, "leaderboard"]),
            **inputs(problem, competing(problem)),
        },
        check_specs=[
            dg.AssetCheckSpec(
                "gate", asset=[problem.name, "challenger"], description="The promotion policy's verdict."
            ),
            dg.AssetCheckSpec(
                "golden_answers",
                asset=[problem.name, "challenger"],
                description="The bundle loads and gives its recorded answers.",
            ),
        ],
    )
    def challenger(
        context: dg.AssetExecutionContext,
        workshop: Workshop,
        runs: MlflowRuns,
        raw: Any,
        split: Any,
        leaderboard: Any,
        **made: Any,
    ) -> Iterator[Any]:
        from artpulse_assets.pipeline import govern  # brings SQLAlchemy

        with report.failures():
            done = govern.challenge(
                problem,
                raw,
                split,
                leaderboard,
                fitted(made),
                effort=workshop.effort(context.run.tags),
                settings=workshop.settings,
                database=workshop.database,
                registry=workshop.registry,
                memo=workshop.memo,
                now=workshop.now(),
                actor=f"{ACTOR} run {context.run.run_id}",
            )
        context.log.info(done.sentence)
        yield dg.AssetCheckResult(
            check_name="golden_answers", passed=done.golden > 0, metadata={"answers": done.golden}
        )
        yield dg.AssetCheckResult(
            check_name="gate",
            passed=done.verdict["decision"] == "promote",
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "decision": done.verdict["decision"],
                "summary": done.verdict["summary"],
                "rules": report.table(done.verdict["rules"]),
            },
        )
        yield dg.Output(
            done.to_dict(),
            data_version=dg.DataVersion(done.digest),
            metadata={
                "version": done.version,
                "registered_now": done.registered,
                "digest": done.digest,
                "decision": done.verdict["decision"],
                "rules": report.table(done.verdict["rules"]),
                **{name: metric["value"] for name, metric in done.evaluation["metrics"].items()},
                "per_label": report.table(
                    {"label": label, **row} for label, row in done.evaluation.get("per_label", {}).items()
                ),
                **{
                    f"cv_{kind}_{problem.metric}": report.interval(figures_of[problem.metric])
                    for kind, figures_of in done.evaluation["cv"].items()
                    if problem.metric in figures_of
                },
                **{name: report.picture(png, name) for name, png in done.pictures.items()},
                "model_card": dg.MetadataValue.md(done.card),
            },
        )

    return challenger


def _champion(problem: Problem, common: Common) -> dg.AssetsDefinition:
    @dg.asset(
        **common(
            "champion",
            "The version that counts. The graph promotes only the first; people promote later ones.",
            "1",
            {"mlflow"},
        ),
        ins={"challenger": dg.AssetIn([problem.name, "challenger"])},
    )
    def champion(
        context: dg.AssetExecutionContext, workshop: Workshop, challenger: Mapping[str, Any]
    ) -> dg.Output[dict[str, Any]]:
        from artpulse_assets.pipeline import crowning  # brings SQLAlchemy

        with report.failures():
            served = crowning.crown(
                problem,
                challenger,
                settings=workshop.settings,
                database=workshop.database,
                registry=workshop.registry,
                now=workshop.now(),
                actor=f"{ACTOR} run {context.run.run_id}",
            )
        context.log.info(served["sentence"])
        return dg.Output(
            served,
            data_version=dg.DataVersion(f"{served['version']}:{served['digest']}"),
            metadata={
                **{key: value for key, value in served.items() if value is not None},
                "document": orjson.dumps(served).decode(),
            },
        )

    return champion
