"""``artpulse train``, ``retrain`` and ``drift``: running the jobs of the lanes from a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from artpulse_assets.instance import Say, run_job
from artpulse_assets.jobs import monitor_name, train_name
from artpulse_assets.pipeline.watch import WINDOW
from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.finding import opened, resolve
from artpulse_core.data import problems
from artpulse_core.settings import Settings
from artpulse_core.store import reports


def _say(line: str) -> None:
    click.echo(line, err=True)


def _chosen(settings: Settings, problem: str | None) -> list[str]:
    return [resolve(settings, problem).name] if problem else list(problems.load(settings))


def run_training(
    settings: Settings,
    problem: str,
    say: Say,
    trigger: str,
    *,
    effort: str | None = None,
    skip_quality: bool = False,
) -> dict[str, Any]:
    """Run the training job of one problem; what came of it as plain data. Raises ``RunFailed``."""
    tags = {"trigger": trigger, "effort": effort or settings.effort}
    if skip_quality:
        tags["skip_quality_checks"] = "true"
    result = run_job(train_name(problem), settings, say, tags=tags)
    challenger = result.output_for_node(f"{problem}__challenger")
    champion = result.output_for_node(f"{problem}__champion")
    return {
        "problem": problem,
        "run": result.run_id,
        "version": challenger["version"],
        "decision": challenger["verdict"]["decision"],
        "summary": challenger["verdict"]["summary"],
        "champion": champion["version"],
        "rejected": champion["rejected"],
        "sentence": champion["sentence"],
    }


def run_monitoring(settings: Settings, problem: str, say: Say, rows: int) -> dict[str, Any]:
    """Run the monitoring job on the newest ``rows`` answers; its drift report. Raises ``RunFailed``."""
    result = run_job(
        monitor_name(problem), settings, say, config={f"{problem}__drift_report": {"rows": rows}}
    )
    document: dict[str, Any] = result.output_for_node(f"{problem}__drift_report")
    return document


def _training(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that ``train`` and ``retrain`` have in common."""
    for option in (
        click.option("--problem", help="Default: every problem of this installation."),
        click.option("--effort", type=click.Choice(["quick", "full"]), help="Default: ARTPULSE_EFFORT."),
        click.option(
            "--skip-quality-checks",
            "skip_quality",
            is_flag=True,
            help="Go on where a check of the data would stop; what nothing can be fitted without still stops.",
        ),
    ):
        function = option(function)
    return function


@click.command()
@_training
@answering
def train(settings: Settings, *, problem: str | None, effort: str | None, skip_quality: bool) -> Reply:
    """Run the lane: data to a challenger with a verdict; the first model becomes champion."""
    return _trained(settings, problem, "train", effort, skip_quality)


@click.command()
@_training
@answering
def retrain(settings: Settings, *, problem: str | None, effort: str | None, skip_quality: bool) -> Reply:
    """Train a challenger and judge it against the champion, which stays."""
    return _trained(settings, problem, "retrain", effort, skip_quality)


def _trained(
    settings: Settings, problem: str | None, trigger: str, effort: str | None, skip_quality: bool
) -> Reply:
    rows = [
        run_training(settings, name, _say, trigger, effort=effort, skip_quality=skip_quality)
        for name in _chosen(settings, problem)
    ]
    return Reply({"trained": rows}, _outcome(rows))


def _outcome(rows: Iterable[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        lines.append(f"{row['problem']}: {row['sentence']}")
        if row["version"] != row["champion"]:
            lines.append(f"  reasons: artpulse models show {row['problem']}   next: {_next(row)}")
    return "\n".join(lines)


def _next(row: dict[str, Any]) -> str:
    """What a person can do about a challenger that waits, by the verdict on it."""
    if row["rejected"] or row["decision"] == "reject":
        return "add data, then artpulse retrain"
    meant = f"{row['problem']} --version {row['version']}"
    other = f"artpulse promote {meant}" if row["decision"] == "promote" else "add data"
    return f"{other}, or artpulse rollout start {meant}"


@click.group()
def drift() -> None:
    """Compare what is asked with what was learned from."""


@drift.command(name="run")
@click.option("--problem", help="Default: every problem of this installation.")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=WINDOW,
    show_default=True,
    help="The newest answers to compare.",
)
@answering
def run_drift(settings: Settings, *, problem: str | None, rows: int) -> Reply:
    """Compare the latest events with the champion's profile and keep the report."""
    documents = [run_monitoring(settings, name, _say, rows) for name in _chosen(settings, problem)]
    lines = []
    for document in documents:
        lines.append(f"{document['problem']}: {document['status']} ({document['n_current']} rows)")
        lines += [f"  {reason}" for reason in document["reasons"]]
        lines.append(f"  {settings.artifacts(document['problem']) / 'drift_report.html'}")
    return Reply({"reports": documents}, "\n".join(lines))


@drift.command()
@click.option("--problem", help="Default: every problem of this installation.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@answering
def history(settings: Settings, *, problem: str | None, limit: int) -> Reply:
    """Earlier drift reports, newest first."""
    database, _ = opened(settings)
    rows = [
        {
            "problem": name,
            **{
                key: row["document"][key]
                for key in ("at", "version", "status", "score", "n_current", "episode")
            },
        }
        for name in _chosen(settings, problem)
        for row in reports.history(database, "drift", name, limit)
    ]
    return Reply(
        {"history": rows},
        table(rows, ("problem", "at", "version", "status", "score", "n_current", "episode")),
    )
