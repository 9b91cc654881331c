"""``artpulse predict``: answers of the champion, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from artpulse_core.commands import reasons as shown
from artpulse_core.commands.answer import Reply, answering
from artpulse_core.commands.data import each_picture
from artpulse_core.commands.finding import opened, resolve
from artpulse_core.control import served
from artpulse_core.control.registry import Registry
from artpulse_core.data.images import read
from artpulse_core.data.problems import Problem
from artpulse_core.errors import ContractViolation, RegistryError
from artpulse_core.model import bundle, reasons
from artpulse_core.model.predictor import Prediction, Predictor
from artpulse_core.settings import Settings


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--row", help="One row of fields as JSON, for a problem of fields.")
@click.option("--problem", help="Default: art for pictures, the default problem for a row.")
@click.option("--explain", is_flag=True, help="Say why: contributions, palette, nearest training examples.")
@answering
def predict(
    settings: Settings, *, files: tuple[Path, ...], row: str | None, problem: str | None, explain: bool
) -> Reply:
    """Answer picture FILES, or one --row of fields, with the champion of the registry."""
    if bool(files) == bool(row):
        raise click.UsageError("Give picture files, or one --row.")
    chosen = resolve(
        settings, problem or ("art" if files and "art" in settings.problems else settings.default_problem)
    )
    if row is not None and chosen.input == "image":
        raise ContractViolation(
            f"{chosen.name} takes picture files, not a row of fields: artpulse predict --problem {chosen.name} FILE"
        )
    _, registry = opened(settings)
    version, predictor = champion(settings, registry, chosen)
    if explain:
        reasons.check(predictor)
    refused: list[dict[str, str]] = []
    if row is not None:
        names, matrix = ["row"], predictor.bundle.contract.validate([_parsed(row)], "").matrix
    else:
        found, refused = each_picture(files, predictor.features_of)
        names = [path for path, _ in found]
        matrix = np.array([numbers for _, numbers in found]).reshape(
            len(found), len(predictor.pictures.names)
        )
    answered = predictor.predict(matrix)
    answers = [{"input": name, **said} for name, said in zip(names, _said(predictor, answered), strict=True)]
    if explain:
        for item, numbers in zip(answers, matrix, strict=True):
            item.update(_reasons(predictor, item["input"], numbers, picture=row is None))
    document = {
        "problem": chosen.name,
        "model": chosen.model,
        "version": version,
        "synthetic": predictor.bundle.manifest.synthetic,
        "answers": answers,
        "refused": refused,
    }
    unit = predictor.bundle.contract.target.unit
    lines = [
        line
        for item in answers
        for line in (f"{item['input']}: {_line(item, unit)}", *(shown.lines(item, unit) if explain else ()))
    ]
    note = ", learned from synthetic pictures" if document["synthetic"] else ""
    lines = [*lines, f"{chosen.model} version {version}{note}"] if lines else []
    return Reply(document, "\n".join(lines), 65 if refused else 0, [row["message"] for row in refused])


def _said(predictor: Predictor, answered: Prediction) -> list[dict[str, Any]]:
    if answered.values is not None and answered.lower is not None and answered.upper is not None:
        level = predictor.finish.level
        columns = zip(answered.values.tolist(), answered.lower.tolist(), answered.upper.tolist(), strict=True)
        return [
            {"value": value, "interval": {"lower": low, "upper": high, "level": level}}
            for value, low, high in columns
        ]
    if answered.predictions is None or answered.probabilities is None:
        return []
    return [
        {
            "label": predictor.labels[int(place)],
            "probabilities": dict(zip(predictor.labels, shares.tolist(), strict=True)),
        }
        for place, shares in zip(answered.predictions, answered.probabilities, strict=True)
    ]


def _reasons(predictor: Predictor, name: str, numbers: np.ndarray, *, picture: bool) -> dict[str, Any]:
    if picture:
        return reasons.of_picture(predictor, read(Path(name)), numbers)
    return reasons.of_row(predictor, numbers)


def _line(item: dict[str, Any], unit: str) -> str:
    if "label" in item:
        return f"{item['label']} ({item['probabilities'][item['label']]:.0%})"
    bounds = item["interval"]
    told = f"{bounds['level']:.0%} between {bounds['lower']:.4g} and {bounds['upper']:.4g}"
    return f"{item['value']:.4g}{' ' if unit else ''}{unit} ({told})"


def champion(settings: Settings, registry: Registry, problem: Problem) -> tuple[int, Predictor]:
    """The champion's version and its verified model, downloaded once; raises ``RegistryError`` without one."""
    version = registry.alias(problem.model, "champion")
    folder = served.champion_folder(problem, version, settings, registry)
    if version is None or folder is None:
        waiting = ", ".join(str(info.version) for info in registry.versions(problem.model))
        raise RegistryError(
            f"{problem.model} has no champion yet. Registered, but not promoted: {waiting}. "
            f"See why: artpulse models show {problem.name}"
            if waiting
            else f"{problem.model} has no champion yet: artpulse train --problem {problem.name}"
        )
    return version, Predictor(bundle.load(folder))


def _parsed(row: str) -> Any:
    try:
        return orjson.loads(row)
    except orjson.JSONDecodeError as error:
        raise ContractViolation(f"--row is not JSON: {error}") from None
