"""The middle of a lane: candidates → leaderboard → challenger → champion.

Belongs here: thin assets over ``pipeline.candidates``, ``evaluate``, ``package`` and ``gate``, and the one call of
``control.promotion`` the graph may make: the first champion of an empty registry.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import orjson

from artpulse_assets import metric_names, report
from artpulse_assets.pipeline import candidates, estimators, evaluate, frames, parameters
from artpulse_assets.pipeline.candidates import Candidate
from artpulse_assets.resources import MlflowRuns, Workshop
from artpulse_core.data.problem import Problem

Common = Callable[[str, str, str, set[str]], dict[str, Any]]
ACTOR = "dagster"
SKIPPED = "left_out"  # the key of a candidate document that says why there is no candidate


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """The candidates (one asset each), the leaderboard, the challenger and the champion."""
    single = estimators.field(problem)
    fitted = [_candidate(problem, common, algorithm) for algorithm in single]
    mean = [_mean(problem, common, single)] if len(single) > 1 else []
    return [*fitted, *mean, _leaderboard(problem, common), *_governed(problem, common)]


def _field(problem: Problem) -> tuple[str, ...]:
    """All candidates of the lane, the mean of the others last."""
    single = estimators.field(problem)
    return (*single, estimators.together(problem)) if len(single) > 1 else single


def _inputs(problem: Problem, algorithms: tuple[str, ...]) -> dict[str, dg.AssetIn]:
    return {name: dg.AssetIn([problem.name, "candidates", name]) for name in algorithms}


def _fitted(made: Mapping[str, Any]) -> dict[str, Any]:
    """The candidate documents that are more than a note why there is none."""
    return {name: document for name, document in made.items() if SKIPPED not in document}


def _left_out(context: dg.AssetExecutionContext, reason: str) -> dg.Output[dict[str, Any]]:
    context.log.info(f"left out: {reason}")
    return dg.Output({SKIPPED: reason}, data_version=dg.DataVersion(reason), metadata={"left_out": reason})


def _candidate(problem: Problem, common: Common, algorithm: str) -> dg.AssetsDefinition:
    @dg.asset(
        **common(
            f"candidates/{algorithm}",
            f"A candidate: {algorithm.replace('_', ' ')}.",
            candidates.VERSION,
            {"sklearn", "onnx", "mlflow"},
        ),
        ins={"split": dg.AssetIn([problem.name, "split"])},
        deps=[dg.AssetKey([problem.name, "data_quality"])],
    )
    def candidate(
        context: dg.AssetExecutionContext, workshop: Workshop, runs: MlflowRuns, split: Any
    ) -> dg.Output[dict[str, Any]]:
        effort = workshop.effort(context.run.tags)
        rows = frames.train_rows(problem, split)
        if reason := estimators.left_out(problem, algorithm, effort, len(rows.y)):
            return _left_out(context, reason)
        with report.failures():
            parameters.judge(problem)  # the problem file may have changed since the data was read
            made = candidates.fit(
                rows, algorithm, training=problem.training, effort=effort, memo=workshop.memo
            )
        return _record(context, workshop, runs, problem, rows, made)

    return candidate


def _mean(problem: Problem, common: Common, single: tuple[str, ...]) -> dg.AssetsDefinition:
    name = estimators.together(problem)

    @dg.asset(
        **common(
            f"candidates/{name}",
            "The mean of the other candidates' answers.",
            candidates.VERSION,
            {"onnx", "mlflow"},
        ),
        ins={"split": dg.AssetIn([problem.name, "split"]), **_inputs(problem, single)},
    )
    def mean(
        context: dg.AssetExecutionContext, workshop: Workshop, runs: MlflowRuns, split: Any, **members: Any
    ) -> dg.Output[dict[str, Any]]:
        field = [Candidate.from_dict(document) for document in _fitted(members).values()]
        if len(field) < 2:
            return _left_out(context, "there is only one other candidate")
        rows = frames.train_rows(problem, split)
        with report.failures():
            made = candidates.vote(rows, name, field, memo=workshop.memo)
        return _record(context, workshop, runs, problem, rows, made)

    return mean


def _record(
    context: dg.AssetExecutionContext,
    workshop: Workshop,
    runs: MlflowRuns,
    problem: Problem,
    rows: Any,
    made: Candidate,
) -> dg.Output[dict[str, Any]]:
    """Show a fitted candidate and give it an MLflow run with its model, unless one holds it already."""
    from artpulse_assets.pipeline import tracking

    quick = evaluate.quick(rows, made.out_of_fold, problem.metric)
    run_id = runs.finished(made.key)
    if run_id is None:
        tags = {
            "artpulse.key": made.key,
            "artpulse.problem": problem.name,
            "artpulse.algorithm": made.algorithm,
            "artpulse.code_version": candidates.VERSION,
            "artpulse.data_version": rows.digest,
            "artpulse.git_commit": tracking.git_commit(),
        }
        with runs.run(context, f"{problem.name} {made.algorithm}", tags) as run_id:
            tracking.log_candidate(made, quick, rows)
    context.log.info(f"{made.algorithm}: {'taken from an equal earlier fit' if made.reused else 'fitted'}")
    return dg.Output(
        {**made.to_dict(), "run_id": run_id},
        data_version=dg.DataVersion(made.key),
        metadata={
            **{f"cv_{name}": value for name, value in quick.items()},
            "seconds": made.seconds,
            "reused": made.reused,
            "mlflow_run": run_id,
            "rows": len(rows.y),
        },
    )


def _leaderboard(problem: Problem, common: Common) -> dg.AssetsDefinition:
    field = _field(problem)

    @dg.asset(
        **common(
            "leaderboard",
            "The candidates compared on out-of-fold answers; chooses one.",
            evaluate.VERSION,
            {"matplotlib"},
        ),
        ins={"split": dg.AssetIn([problem.name, "split"]), **_inputs(problem, field)},
        check_specs=[
            dg.AssetCheckSpec(
                "beats_a_dummy",
                asset=[problem.name, "leaderboard"],
                description="The choice beats an answer that looks at no input.",
            )
        ],
    )
    def leaderboard(workshop: Workshop, split: Any, **made: Any) -> Iterator[Any]:
        from artpulse_assets.pipeline import eda, figures

        rows = frames.train_rows(problem, split)
        units = split.loc[split["side"] == "train", "unit"].to_numpy(str)
        metric = problem.metric
        present = [Candidate.from_dict(document) for document in _fitted(made).values()]
        board = evaluate.leaderboard(
            rows, units, present, metric, problem.training.seed, chosen=problem.training.chosen
        )
        drawn = figures.of_leaderboard(board, workshop.memo).pictures
        eda.write_figures(workshop.settings.artifacts(problem.name), drawn)
        best, dummy = board["rows"][0], board["baseline"][metric]
        shown = evaluate.shown_metrics(rows.task, metric)
        chosen = next(item for item in present if item.algorithm == board["chosen"])
        yield dg.Output(
            {**board, "candidate": chosen.to_dict()},
            data_version=dg.DataVersion(best["key"]),
            metadata={
                "chosen": board["chosen"],
                metric: best[metric]["value"],
                "candidates": report.table(
                    {name: row[name] for name in ("algorithm", *shown, "seconds", "chosen")}
                    for row in board["rows"]
                ),
                **{name: report.picture(png, name) for name, png in drawn.items()},
            },
        )
        worst = best[metric]["high" if metric_names.lower_is_better(metric) else "low"]
        yield dg.AssetCheckResult(
            check_name="beats_a_dummy",
            passed=metric_names.gain(metric, worst, dummy) > 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"dummy": dummy, "bound": worst},
        )

    return leaderboard


def _governed(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    field = _field(problem)

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
            **_inputs(problem, field),
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
                _fitted(made),
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
        from artpulse_assets.pipeline import govern

        with report.failures():
            served = govern.crown(
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

    return [challenger, champion]
