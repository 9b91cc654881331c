"""``artpulse evaluate``: how good a training is on rows it has not seen, without registering anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artpulse_assets import metric_names
from artpulse_assets.pipeline import trial
from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.finding import resolve
from artpulse_core.data.problems import with_features
from artpulse_core.settings import Settings

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--problem", help="Default: art with folders, else the default problem.")
@click.option("--train", "learn", type=FOLDER, help="Learn from this folder of labelled pictures …")
@click.option("--test", "judge", type=FOLDER, help="… and answer this one.")
@click.option("--images", type=FOLDER, help="Pictures of another folder than the problem's, cut by --split.")
@click.option(
    "--split", "kind", help="random:SEED, grouped (the default), spatial[:DEGREES], or repeated:KxN."
)
@click.option("--features", help="Another feature set than the problem's.")
@click.option("--effort", type=click.Choice(["quick", "full"]), help="Default: ARTPULSE_EFFORT.")
@answering
def evaluate(
    settings: Settings,
    *,
    problem: str | None,
    learn: Path | None,
    judge: Path | None,
    images: Path | None,
    kind: str | None,
    features: str | None,
    effort: str | None,
) -> Reply:
    """Train on one part of the data and measure on the other; nothing is registered."""
    if (learn is None) != (judge is None):
        raise click.UsageError("--train and --test go together: one folder to learn from, one to answer.")
    if learn is not None and (images is not None or kind is not None):
        raise click.UsageError("--train and --test are the split; leave --images and --split out.")
    chosen = resolve(settings, problem or ("art" if learn or images else settings.default_problem))
    chosen = with_features(chosen, features) if features else chosen
    how: Any = effort or settings.effort

    def say(line: str) -> None:
        click.echo(line, err=True)

    if learn is not None and judge is not None:
        document = trial.of_folders(chosen, learn, judge, settings, how, say)
    else:
        document = trial.of_split(chosen, kind or "grouped", settings, how, say, images)
    return Reply(document, _text(document))


def _text(document: dict[str, Any]) -> str:
    head = (
        f"{document['problem']}, {document['features']}, split {document['split']}, effort {document['effort']}: "
        f"{document['algorithm']} learned from {document['n_train']} rows and answered {document['n_test']} "
        f"in {document['seconds']:.0f} s"
    )
    lines = [
        head,
        "",
        table(
            _rows(document["metrics"], document["baseline"]), ("metric", "value", "95 % interval", "baseline")
        ),
    ]
    for name, metrics in document.get("cv", {}).items():
        lines += [
            "",
            f"Out of fold on the rows learned from, {name} folds:",
            table(_rows(metrics, {}), ("metric", "value", "95 % interval")),
        ]
    if "per_label" in document:
        rows = [{"label": label, **row} for label, row in document["per_label"].items()]
        lines += ["", table(rows, ("label", "n", "f1", "precision", "recall"))]
    return "\n".join(lines)


def _rows(metrics: dict[str, Any], baseline: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "metric": metric_names.readable(name),
            "value": f"{found['value']:.4f}",
            "95 % interval": f"{found['low']:.4f} to {found['high']:.4f}",
            "baseline": f"{baseline[name]:.4f}" if name in baseline else None,
        }
        for name, found in metrics.items()
    ]
