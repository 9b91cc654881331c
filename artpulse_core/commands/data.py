"""``artpulse data``, ``images`` and ``features``: data before any model.

Belongs here: the groups, and what paints and judges pictures. Adding data of one's own stands in ``data_add``, checking
and finding it in ``data_check``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
import numpy as np

from artpulse_core.commands.answer import Reply, answering, table
from artpulse_core.commands.data_add import add
from artpulse_core.commands.data_check import fetch, layout, validate
from artpulse_core.data.generator import generate as generate_pictures
from artpulse_core.data.images import check as check_images
from artpulse_core.data.images import read
from artpulse_core.data.painting import LABELS
from artpulse_core.errors import ImageRefused
from artpulse_core.settings import Settings


@click.group()
def data() -> None:
    """Add a folder or a CSV of your own; check, find and generate data."""


@data.command()
@click.option("--per-label", default=60, show_default=True, help="Pictures of each label.")
@click.option("--start", default=0, show_default=True, help="Number of the first picture: adds to a folder.")
@click.option("--seed", default=5, show_default=True, help="The same seed makes the same pictures.")
@click.option("--style", type=click.Choice(["standard", "shifted"]), default="standard", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Default: where the art problems look.")
@answering
def generate(
    settings: Settings, *, per_label: int, start: int, seed: int, style: str, out: Path | None
) -> Reply:
    """Paint labelled pictures; all that is made from them says synthetic."""
    folder = out or settings.dataset_dir or settings.data / "art"
    made = generate_pictures(folder, per_label=per_label, seed=seed, start=start, style=style)  # type: ignore[arg-type]  # click checked it
    document = {
        "folder": str(folder),
        "written": made.written,
        "unchanged": made.unchanged,
        "labels": list(LABELS),
    }
    return Reply(
        document,
        f"{made.written} synthetic pictures painted into {folder} ({made.unchanged} were there already).\n"
        "Next: artpulse train",
    )


for command in (add, validate, layout, fetch):
    data.add_command(command)


@click.group()
def images() -> None:
    """Judge picture files."""


@images.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@answering
def check(_settings: Settings, *, paths: tuple[Path, ...]) -> Reply:
    """Say of each file under PATHS whether graph and API accept it, and the reason code if not."""
    document = check_images(paths)
    refused = [row for row in document["files"] if not row["accepted"]]
    lines = [
        table(refused, ("path", "reason", "width", "height", "mode")) if refused else "No file is refused.",
        table(document["skipped"], ("path", "reason")) if document["skipped"] else "",
        f"{len(document['files']) - len(refused)} accepted, {len(refused)} refused, {len(document['skipped'])} skipped.",
    ]
    return Reply(document, "\n".join(line for line in lines if line), exit_code=65 if refused else 0)


@click.command(name="features")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--set", "feature_set", default="core5", show_default=True, help="core5, rich, or joined with +."
)
@answering
def show_features(_settings: Settings, *, paths: tuple[Path, ...], feature_set: str) -> Reply:
    """Print the features of each picture."""
    from artpulse_core import features

    chosen = features.get(feature_set)
    found, refused = each_picture(paths, chosen.vector)
    rows = [
        {"path": path, "features": dict(zip(chosen.names, numbers.tolist(), strict=True))}
        for path, numbers in found
    ]
    text = "\n".join(
        f"{row['path']}\n" + "\n".join(f"  {name:<24} {value:.6f}" for name, value in row["features"].items())  # type: ignore[attr-defined]  # a dict, see above
        for row in rows
    )
    document = {"set": feature_set, "files": rows, "refused": refused}
    return Reply(document, text, 65 if refused else 0, [row["message"] for row in refused])


def each_picture(
    paths: Iterable[Path], use: Callable[[bytes], np.ndarray]
) -> tuple[list[tuple[str, np.ndarray]], list[dict[str, str]]]:
    """``use`` of every picture that can be read, by its path; and path, reason and message of those refused."""
    found: list[tuple[str, np.ndarray]] = []
    refused: list[dict[str, str]] = []
    for path in paths:
        try:
            found.append((str(path), use(read(path))))
        except ImageRefused as error:
            refused.append({"path": str(path), "reason": error.reason, "message": f"{path}: {error.message}"})
    return found, refused
