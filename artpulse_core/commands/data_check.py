"""``artpulse data validate``, ``layout`` and ``fetch``: data before anything is learned from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.data_add import csv_options, described, draft
from artpulse_core.data import adding, problems, table_files
from artpulse_core.data.adding_known import OPTION
from artpulse_core.data.problem import Images, Problem, TableFile
from artpulse_core.data.validating import Finding, judge, other_file, picture_folder, unread
from artpulse_core.errors import DataError
from artpulse_core.settings import Settings

STATED = {
    "target": "target",
    "missing": "missing",
    "coding": "coding",
    "id_column": "id",
    "group": "group",
}  # option → key of a source
LAYOUTS = Path(problems.__file__).resolve().parent / "layouts"


def layout_text(kind: str) -> str:
    """How ``images`` or ``tables`` must look; ``examples/`` holds the same text."""
    return (LAYOUTS / f"{kind}.txt").read_text(encoding="utf-8")


@click.command()
@click.argument("name", required=False)
@csv_options
@answering
def validate(settings: Settings, *, name: str | None, **options: Any) -> Reply:
    """Read the data of problem NAME (default: of every problem), of a folder or of a CSV; learns and writes nothing.

    With NAME and --csv, that file is judged against the contract of the problem.
    """
    given = options["images"] is not None or options["csv_file"] is not None
    if given and name:
        return _reply([_other(problems.get(settings, name), settings, options)], {})
    if given:
        drafted = draft("candidate", options)
        finding = judge(adding.checked(drafted), settings)
        return _reply([finding], {finding.problem: drafted.warnings})
    if name:
        return _reply([judge(problems.get(settings, name), settings)], {})
    return _reply([_each(problem, settings) for problem in problems.load(settings).values()], {})


def _other(problem: Problem, settings: Settings, options: Mapping[str, Any]) -> Finding:
    """Another file against the contract of ``problem``."""
    told = {"csv_file", *STATED}
    foreign = [f"--{key}" for key, value in options.items() if value and key not in told]
    if foreign:
        raise click.UsageError(f"{', '.join(foreign)} cannot be given with a NAME: the problem says it.")
    if isinstance(problem.source, Images):
        raise click.UsageError(f"{problem.name} learns from pictures; give --csv FILE without its name.")
    stated = {STATED[key]: options[key] for key in STATED if options[key]}
    return judge(other_file(problem, options["csv_file"], **stated), settings, stating=OPTION)


def _each(problem: Problem, settings: Settings) -> Finding:
    try:
        return judge(problem, settings)
    except DataError as error:
        return unread(problem, error)


def _reply(findings: list[Finding], warnings: dict[str, tuple[str, ...]]) -> Reply:
    documents = []
    lines: list[str] = []
    for finding in findings:
        notes = [*warnings.get(finding.problem, ()), *finding.notes]
        documents.append(finding.to_dict() | {"notes": notes})
        lines += [*_told(finding, notes), ""]
    good = all(finding.can_learn for finding in findings)
    return Reply({"validated": documents}, "\n".join(lines[:-1]), exit_code=0 if good else 65)


def _told(finding: Finding, notes: Iterable[str]) -> list[str]:
    lines = [f"{finding.problem}: {finding.usable:,} of {finding.rows:,} usable in {finding.source}"]
    if finding.labels:
        rows = [{"label": label, "usable": count} for label, count in finding.labels.items()]
        lines.append(table(rows, ("label", "usable")))
    if finding.refused:
        lines.append(f"{len(finding.refused):,} go to quarantine:")
        counts = finding.reasons
        lines += [
            f"  {counts[item.reason]:,} × {item.reason}, first {item.row}: {item.message}"
            for item in finding.examples()
        ]
    lines += [f"note: {note}." for note in notes]
    lines += [f"DOUBT: {issue.message}" for issue in finding.doubts]
    lines += [f"SHORTAGE: {sentence}" for sentence in finding.shortages]
    return lines if not finding.can_learn else [*lines, "Enough to learn from."]


@click.command()
@click.argument("name", required=False)
@answering
def layout(settings: Settings, *, name: str | None) -> Reply:
    """Show how a folder or a CSV must look; of problem NAME, also where its data is looked for and its columns."""
    if not name:
        folder = settings.dataset_dir or settings.data / "art"
        found = _labels(folder)
        document = {
            "folder": str(folder),
            "labels": found,
            "images": layout_text("images"),
            "tables": layout_text("tables"),
        }
        state = f"The shipped problems of pictures look in {folder}:\n{_listed(found)}"
        return Reply(document, f"{document['images']}\n{document['tables']}\n{state}")
    problem = problems.get(settings, name)
    if isinstance(problem.source, TableFile):
        return _table_layout(problem, problem.source, settings)
    source = problem.source
    folder = Path(source.folder) if source.folder else settings.dataset_dir or settings.data / source.dataset
    found = _labels(folder)
    return Reply(
        {"problem": name, "folder": str(folder), "labels": found, "images": layout_text("images")},
        f"{layout_text('images')}\n{name} looks in {folder}:\n{_listed(found)}",
    )


def _labels(folder: Path) -> dict[str, int]:
    if not folder.is_dir():
        return {}
    return {
        item.name: sum(1 for path in item.rglob("*") if path.is_file())
        for item in sorted(folder.iterdir())
        if item.is_dir()
    }


def _listed(found: dict[str, int]) -> str:
    rows = [{"label": label, "files": count} for label, count in found.items()]
    return table(rows, ("label", "files")) if rows else "There is nothing in it yet."


def _table_layout(problem: Problem, source: TableFile, settings: Settings) -> Reply:
    place = table_files.locate(source, settings.data)
    rows = [{"column": item.name, "is": described(item.model_dump())} for item in problem.fields]
    rows.append({"column": problem.target.name, "is": f"the target ({problem.task})"})
    where = (
        f"{problem.name} reads {place.path}" if place else table_files.missing(source, settings.data).message
    )
    document = {
        "problem": problem.name,
        "file": str(place.path) if place else None,
        "columns": rows,
        "tables": layout_text("tables"),
    }
    return Reply(document, f"{document['tables']}\n{where}\n{table(rows, ('column', 'is'))}")


@click.command()
@click.argument("name")
@answering
def fetch(settings: Settings, *, name: str) -> Reply:
    """Say where the data of problem NAME lies and check it; download it where the problem states an address."""
    problem = problems.get(settings, name)
    if isinstance(problem.source, Images):
        folder = picture_folder(problem.source, settings)
        document: dict[str, Any] = {"problem": name, "path": str(folder), "origin": "folder", "matches": None}
        return Reply(document, f"{name}: {folder} ({len(_labels(folder))} labels)")
    source = problem.source
    place = table_files.locate(source, settings.data)
    if place is None:
        place = table_files.Place(table_files.download(source, settings.data), "download", True)
    if place.matches is False and place.origin != "data folder":
        table_files.find_table(source, settings.data)  # raises, with the sentence for it
    size = place.path.stat().st_size
    document = {
        "problem": name,
        "path": str(place.path),
        "origin": place.origin,
        "bytes": size,
        "sha256": table_files.sha256(place.path),
        "matches": place.matches,
    }
    said = {
        True: "sha256 as stated",
        None: "no sha256 is stated",
        False: "NOT the published file: its sha256 differs",
    }
    return Reply(document, f"{name}: {place.path} ({place.origin}, {size:,} bytes, {said[place.matches]})")
