"""``artpulse data add``: a folder or a CSV becomes a problem, without a line of code."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.data import adding, whole_table
from artpulse_core.data.adding import Draft
from artpulse_core.data.adding_images import from_images
from artpulse_core.data.adding_table import from_csv
from artpulse_core.data.looking import Wishes
from artpulse_core.data.validating import Finding, judge
from artpulse_core.errors import DataError
from artpulse_core.settings import Settings

PATH = click.Path(path_type=Path)


def _names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",")) if value else ()


def csv_options(function: Any) -> Any:
    """The options that say how a CSV is meant, for ``add`` and ``validate``."""
    for option in reversed((
        click.option("--images", type=PATH, help="A folder with one folder of pictures a label."),
        click.option("--csv", "csv_file", type=PATH, help="A CSV file, plain or gzip."),
        click.option("--target", default="", help="The column to predict."),
        click.option("--id", "id_column", default="", help="A column that names the rows; no feature."),
        click.option("--group", default="", help="A column whose rows stay on one side of every split; no feature."),
        click.option("--task", type=click.Choice(["classification", "regression"]), help="Default: found out."),
        click.option("--exclude", multiple=True, metavar="COLUMN", help="Leave this column out; may be repeated."),
        click.option("--missing", multiple=True, metavar="TEXT", help="Cells that mean not known; may be repeated."),
        click.option("--category", multiple=True, metavar="COLUMN", help="Numbers in this column are names; may be repeated."),
        click.option("--coding", default="", metavar="NAME", help="The coding of a file about a shipped problem: takes over its fields; none: it is about something else."),
        click.option("--columns", callback=_names, help="Names, joined with commas, where the file has no first line of names."),
    )):  # fmt: skip
        function = option(function)
    return function


def draft(name: str, options: Mapping[str, Any]) -> Draft:
    """Judge what the options of ``csv_options`` name. Raises ``DataError``; nothing is written."""
    images, path = options["images"], options["csv_file"]
    if (images is None) == (path is None):
        raise click.UsageError("Give either --images DIR or --csv FILE.")
    if images is not None:
        return from_images(name, images)
    wishes = Wishes(
        target=options["target"],
        id=options["id_column"],
        group=options["group"],
        task=options["task"] or "",
        exclude=options["exclude"],
        missing=options["missing"],
        columns=options["columns"],
        category=options["category"],
        coding=options["coding"],
    )
    return from_csv(name, path, wishes)


@click.command()
@click.argument("name")
@csv_options
@click.option("--replace", is_flag=True, help="Write over a problem of yours that has this name.")
@click.option("--train", is_flag=True, help="Train it, too.")
@click.option("--serve", is_flag=True, help="Train it and start serving.")
@answering
def add(settings: Settings, *, name: str, replace: bool, train: bool, serve: bool, **options: Any) -> Reply:
    """Make a problem called NAME of a folder of pictures or a CSV."""
    adding.judge_name(settings, name, replace=replace)
    drafted = draft(name, options)
    finding = None if drafted.input == "image" else _judged(drafted, settings)
    path = adding.write(settings, drafted)
    document = _document(drafted, path, finding)
    text = _told(drafted, path, finding)
    if train or serve:
        click.echo(text, err=True)
        document["trained"] = _train(name)
        text = "\n".join(f"{row['problem']}: {row['sentence']}" for row in document["trained"])
    ways = _next(settings, drafted, finding, trained=train or serve)
    return Reply(document | {"next": ways}, "\n".join([text, *ways]), then=_serve if serve else None)


def _judged(drafted: Draft, settings: Settings) -> Finding:
    finding = judge(adding.checked(drafted), settings)
    whole_table.refuse(finding.doubts)
    if finding.shortages:
        raise DataError(finding.shortages[0])
    return finding


def _document(drafted: Draft, path: Path, finding: Finding | None) -> dict[str, Any]:
    fields = [
        {key: item[key] for key in ("name", "kind", "levels", "nullable") if key in item}
        for item in drafted.document.get("fields", ())
    ]
    return {
        "problem": drafted.name,
        "file": str(path),
        "task": drafted.document["task"],
        "input": drafted.input,
        "rows": drafted.rows,
        "labels": dict(drafted.labels),
        "fields": fields,
        "quarantine": finding.reasons if finding else {},
        "warnings": list(drafted.warnings),
    }


def _told(drafted: Draft, path: Path, finding: Finding | None) -> str:
    what = "pictures" if drafted.input == "image" else "rows"
    lines = [f"{drafted.name}: {drafted.document['task']} from {drafted.rows:,} {what}."]
    if drafted.labels:
        rows = [{"label": label, what: count} for label, count in drafted.labels.items()]
        lines += ["", table(rows, ("label", what))]
    if fields := drafted.document.get("fields"):
        lines += [
            "",
            table([{"field": item["name"], "is": described(item)} for item in fields], ("field", "is")),
        ]
    if finding and finding.refused:
        reasons = ", ".join(f"{count} × {reason}" for reason, count in finding.reasons.items())
        lines += ["", f"{len(finding.refused):,} rows will go to quarantine: {reasons}."]
    if drafted.warnings:
        lines += ["", *(f"note: {warning}." for warning in drafted.warnings)]
    return "\n".join([*lines, "", f"Written: {path}"])


def described(item: Mapping[str, Any]) -> str:
    """One field of a problem in a few words."""
    if item["kind"] == "category":
        levels = ", ".join(map(str, item["levels"][:8])) + (" …" if len(item["levels"]) > 8 else "")
        said = f"one of {levels}"
    elif item.get("typical_minimum") is not None:
        said = f"a number, mostly {item['typical_minimum']:g} to {item['typical_maximum']:g}"
    else:
        said = "a number"
    return said + (", may be missing" if item.get("nullable") else "")


def _next(settings: Settings, drafted: Draft, finding: Finding | None, *, trained: bool) -> list[str]:
    base = f"http://{settings.host}:{settings.port}/predict/{drafted.name}"
    if drafted.input == "image":
        ask = f"curl -s {base}/image -H 'Content-Type: image/jpeg' --data-binary @PICTURE.jpg"
        local = f"artpulse predict --problem {drafted.name} PICTURE.jpg"
    else:
        row = shlex.quote(json.dumps(finding.example if finding else {}, ensure_ascii=False))
        ask = f"curl -s {base} -H 'Content-Type: application/json' -d {row}"
        local = f"artpulse predict --problem {drafted.name} --row {row}"
    first = [] if trained else [f"  artpulse train --problem {drafted.name}", "  artpulse serve"]
    return ["", "Next:", *first, f"  {ask}", f"  {local}"]


def _train(name: str) -> list[dict[str, Any]]:
    """What ``artpulse train`` says of the problem; it tells its progress on standard error meanwhile."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            _call("train", "--problem", name, "--json")
    except SystemExit:
        error = json.loads(said.getvalue() or "{}").get("error", {})
        raise DataError(
            f"{name} was added, but training failed: {error.get('message', 'see above')}"
        ) from None
    trained: list[dict[str, Any]] = json.loads(said.getvalue())["trained"]
    return trained


def _serve() -> None:
    _call("serve")


def _call(*words: str) -> None:
    from artpulse_core.cli import main  # by its name, because core knows no package above it

    main(list(words), prog_name="artpulse", standalone_mode=False)
