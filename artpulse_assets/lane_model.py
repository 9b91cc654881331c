"""The middle of a lane: candidates → leaderboard → challenger → champion.

Belongs here: thin assets over ``pipeline.candidates``, ``evaluate``, ``package`` and ``gate``, and the one call of
``control.promotion`` the graph may make: the first champion of an empty registry.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import orjson

from artpulse_assets import report
from artpulse_assets.pipeline import candidates, dataset, evaluate
from artpulse_assets.pipeline.candidates import ALGORITHMS, SOFT_VOTE, Candidate
from artpulse_assets.resources import MlflowRuns, Workshop
from artpulse_core.data.problems import Problem

Common = Callable[[str, str, str, set[str]], dict[str, Any]]
ACTOR = "dagster"


def assets(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    """The candidates (one asset each), the leaderboard, the challenger and the champion."""
    fitted = [_candidate(problem, common, algorithm) for algorithm in ALGORITHMS]
    return [*fitted, _vote(problem, common), _leaderboard(problem, common), *_governed(problem, common)]


def _inputs(problem: Problem, algorithms: tuple[str, ...]) -> dict[str, dg.AssetIn]:
    return {name: dg.AssetIn([problem.name, "candidates", name]) for name in algorithms}


def _candidate(problem: Problem, common: Common, algorithm: str) -> dg.AssetsDefinition:
    @dg.asset(
        **common(
            f"candidates/{algorithm}",
            f"A candidate: {algorithm.replace('_', ' ')}.",
            candidates.VERSION,
            {"sklearn", "onnx", "mlflow"},
        ),
        ins={"split": dg.AssetIn([problem.name, "split"])},
    )
    def candidate(
        context: dg.AssetExecutionContext, workshop: Workshop, runs: MlflowRuns, split: Any
    ) -> dg.Output[dict[str, Any]]:
        rows = dataset.train_rows(problem, split)
        with report.failures():
            made = candidates.fit(rows, algorithm, seed=problem.training.seed, memo=workshop.memo)
        return _record(context, workshop, runs, problem, rows, made)

    return candidate


def _vote(problem: Problem, common: Common) -> dg.AssetsDefinition:
    @dg.asset(
        **common(
            f"candidates/{SOFT_VOTE}",
            "The mean of the other candidates' probabilities.",
            candidates.VERSION,
            {"onnx", "mlflow"},
        ),
        ins={"split": dg.AssetIn([problem.name, "split"]), **_inputs(problem, tuple(ALGORITHMS))},
    )
    def soft_vote(
        context: dg.AssetExecutionContext, workshop: Workshop, runs: MlflowRuns, split: Any, **members: Any
    ) -> dg.Output[dict[str, Any]]:
        rows = dataset.train_rows(problem, split)
        with report.failures():
            field = [Candidate.from_dict(members[name]) for name in ALGORITHMS]
            made = candidates.vote(rows, field, memo=workshop.memo)
        return _record(context, workshop, runs, problem, rows, made)

    return soft_vote


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

    k = len(rows.labels)
    quick = evaluate.quick(rows.y, made.out_of_fold, k)
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
    field = (*ALGORITHMS, SOFT_VOTE)

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
                description="The choice beats always answering the most frequent label.",
            )
        ],
    )
    def leaderboard(workshop: Workshop, split: Any, **made: Any) -> Iterator[Any]:
        from artpulse_assets.pipeline import eda, figures

        rows = dataset.train_rows(problem, split)
        units = split.loc[split["side"] == "train", "unit"].to_numpy(str)
        training = problem.training
        board = evaluate.leaderboard(
            rows, units, [Candidate.from_dict(made[name]) for name in field], training.metric, training.seed
        )
        drawn = figures.of_leaderboard(board, workshop.memo).pictures
        eda.write_figures(workshop.settings.artifacts(problem.name), drawn)
        best = board["rows"][0]
        yield dg.Output(
            board,
            data_version=dg.DataVersion(best["key"]),
            metadata={
                "chosen": board["chosen"],
                training.metric: best[training.metric]["value"],
                "candidates": report.table(
                    {name: row[name] for name in ("algorithm", "macro_f1", "accuracy", "seconds", "chosen")}
                    for row in board["rows"]
                ),
                **{name: report.picture(png, name) for name, png in drawn.items()},
            },
        )
        yield dg.AssetCheckResult(
            check_name="beats_a_dummy",
            passed=best[training.metric]["low"] > board["baseline"][training.metric],
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "dummy": board["baseline"][training.metric],
                "lower_bound": best[training.metric]["low"],
            },
        )

    return leaderboard


def _governed(problem: Problem, common: Common) -> list[dg.AssetsDefinition]:
    field = (*ALGORITHMS, SOFT_VOTE)

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
                made,
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
                    {"label": label, **row} for label, row in done.evaluation["per_label"].items()
                ),
                "cv_grouped_macro_f1": report.interval(done.evaluation["cv"]["grouped"]["macro_f1"]),
                "cv_random_macro_f1": report.interval(done.evaluation["cv"]["random"]["macro_f1"]),
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
