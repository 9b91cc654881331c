"""The middle of a lane: candidates → leaderboard.

Belongs here: thin assets over ``pipeline.candidates`` and ``evaluate``. Does not belong here: what becomes of the chosen
one (``lane_champion``).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from artpulse_assets import metric_names, report
from artpulse_assets.pipeline import candidates, estimators, evaluate, frames, parameters
from artpulse_assets.pipeline.candidates import Candidate
from artpulse_assets.resources import MlflowRuns, Workshop
from artpulse_core.data.problem import Problem

Common = Callable[[str, str, str, set[str]], dict[str, Any]]
SKIPPED = "left_out"  # the key of a candidate document that says why there is no candidate


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """The candidates (one asset each) and the leaderboard."""
    single = estimators.field(problem)
    fitted = [_candidate(problem, common, algorithm) for algorithm in single]
    mean = [_mean(problem, common, single)] if len(single) > 1 else []
    return [*fitted, *mean, _leaderboard(problem, common)]


def competing(problem: Problem) -> tuple[str, ...]:
    """All candidates of the lane, the mean of the others last."""
    single = estimators.field(problem)
    return (*single, estimators.together(problem)) if len(single) > 1 else single


def inputs(problem: Problem, algorithms: tuple[str, ...]) -> dict[str, dg.AssetIn]:
    """The documents of candidates as inputs of an asset."""
    return {name: dg.AssetIn([problem.name, "candidates", name]) for name in algorithms}


def fitted(made: Mapping[str, Any]) -> dict[str, Any]:
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
        ins={"split": dg.AssetIn([problem.name, "split"]), **inputs(problem, single)},
    )
    def mean(
        context: dg.AssetExecutionContext, workshop: Workshop, runs: MlflowRuns, split: Any, **members: Any
    ) -> dg.Output[dict[str, Any]]:
        field = [Candidate.from_dict(document) for document in fitted(members).values()]
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
    field = competing(problem)

    @dg.asset(
        **common(
            "leaderboard",
            "The candidates compared on out-of-fold answers; chooses one.",
            evaluate.VERSION,
            {"matplotlib"},
        ),
        ins={"split": dg.AssetIn([problem.name, "split"]), **inputs(problem, field)},
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
        present = [Candidate.from_dict(document) for document in fitted(made).values()]
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
