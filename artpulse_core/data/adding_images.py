"""From a user's folder of pictures to the problem file that learns from it.

Belongs here: what the folders say, and a quick look at some pictures of each. Does not belong here: the walk
(``folder``), decoding (``picture``), writing the file (``adding``).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from artpulse_core.data.adding import Draft, model_name
from artpulse_core.data.dialect import shorten
from artpulse_core.data.images import Scan, inspect, read, scan
from artpulse_core.data.inference import twins
from artpulse_core.data.inference_target import MAX_LABEL, MAX_LABELS, MIN_PER_LABEL
from artpulse_core.data.manifest import read_manifest
from artpulse_core.data.picture import REASONS
from artpulse_core.errors import DataError, ImageRefused

FEATURES = ("embedding", "rich")  # the first that this machine can compute
LOOKED_AT = 12  # pictures of a label whose header is read: enough to see that a folder holds none
_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev"})
WANTED = "expected is FOLDER/<label>/<picture> (artpulse data layout shows it)"


def from_images(name: str, folder: Path) -> Draft:
    """Judge a folder of labelled pictures and draft its problem; nothing is written.

    Raises ``DataError`` with one sentence: no pictures, one label, too few of one, labels that differ by case only.
    """
    found = scan(folder)
    manifest = read_manifest(folder)
    labels = {
        entry.path: manifest[entry.path].label if entry.path in manifest else entry.label
        for entry in found.files
    }
    counts = Counter(label for label in labels.values() if label)
    _judge_folder(folder, labels, counts, found)
    _judge_labels(folder, labels, counts)
    warnings = [*_loose(labels), *_left_out(folder, found), *_look(folder, labels, counts)]
    groups = {row.group for row in manifest.values() if row.group}
    if not groups:
        warnings.append(
            "no groups are stated: if several pictures are of one artist, camera or session, name it in manifest.csv, "
            "or figures will flatter"
        )
    ordered = {label: counts[label] for label in sorted(counts)}
    document = {
        "name": name,
        "title": f"Label of a picture, from {shorten(folder.resolve().name, 80)}",
        "description": f"One of {len(counts)} labels: the folder a training picture lay in.",
        "task": "classification",
        "input": "image",
        "model": model_name(name),
        "features": list(FEATURES),
        "source": {"kind": "images", "folder": str(folder.resolve())},
        "target": {"name": "label", "description": "The folder a training picture lay in."},
        "training": {"metric": "macro_f1"},
    }
    return Draft(name, document, len(found.files), ordered, tuple(warnings), input="image")


def _judge_folder(folder: Path, labels: Mapping[str, str], counts: Counter[str], found: Scan) -> None:
    if not labels:
        other = Counter(item.reason for item in found.skipped)
        said = (
            f" ({', '.join(f'{count} × {reason}' for reason, count in sorted(other.items()))})"
            if other
            else ""
        )
        raise DataError(f"The folder {str(folder)!r} holds no picture{said}; {WANTED}.")
    if not counts:
        raise DataError(
            f"All {len(labels)} pictures lie in {str(folder)!r} itself; sort them into one folder a label, or name the "
            "label of each in manifest.csv (file,label)."
        )
    inner = sorted({"/".join(path.split("/")[1:2]) for path in labels if path.count("/") >= 2})
    if len(counts) > 1 and set(map(str.lower, counts)) <= _SPLITS:
        raise DataError(
            f"The folders {', '.join(map(repr, sorted(counts)))} are a split, not labels; name the one to learn from "
            f"(--images {str(folder / sorted(counts)[-1])!r}): ArtPulse keeps its own test pictures aside."
        )
    if len(counts) == 1:
        label = next(iter(counts))
        nested = [name for name in inner if name]
        deeper = (
            f"; did you mean --images {str(folder / label)!r}, with its {len(nested)} folders?"
            if len(nested) > 1
            else "."
        )
        raise DataError(f"There is only the label {shown(label)!r}; at least two are needed{deeper}")


def _judge_labels(folder: Path, labels: Mapping[str, str], counts: Counter[str]) -> None:
    if len(counts) > MAX_LABELS:
        raise DataError(
            f"{str(folder)!r} has {len(counts):,} labels; at most {MAX_LABELS} can be told apart. If its folders are "
            "artists or sessions, put them below a folder for each label."
        )
    for label in counts:
        if shown(label) != label or not label.isprintable() or len(label) > MAX_LABEL:
            raise DataError(
                f"The folder {shown(label)!r} cannot be a label: its name is no UTF-8, longer than {MAX_LABEL} "
                "characters or holds a control character; rename it."
            )
    if alike := twins(list(counts)):
        raise DataError(
            f"The labels {' and '.join(f'{label!r} ({counts[label]:,})' for label in alike)} differ by case, spaces or "
            "composed letters only; put their pictures into one folder."
        )
    few = sorted(
        (label for label, count in counts.items() if count < MIN_PER_LABEL), key=lambda label: counts[label]
    )
    if few:
        said = ", ".join(f"{label!r} ({counts[label]})" for label in few[:5])
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        raise DataError(
            f"Labels with fewer than {MIN_PER_LABEL} pictures: {said}{more}; add pictures or remove the folder."
        )


def _loose(labels: Mapping[str, str]) -> list[str]:
    loose = [path for path, label in labels.items() if not label]
    return (
        [f"{len(loose)} pictures lie in no label's folder and go to quarantine ({shown(loose[0])!r})"]
        if loose
        else []
    )


def _left_out(folder: Path, found: Scan) -> list[str]:
    first: dict[str, str] = {}
    for item in found.skipped:
        first.setdefault(item.reason, shown(item.path))
    reasons = Counter(item.reason for item in found.skipped)
    said = [f"{reasons[reason]} × {reason} left out ({path!r})" for reason, path in sorted(first.items())]
    with os.scandir(folder) as listing:
        folders = sorted(item.name for item in listing if item.is_dir() and not item.name.startswith("."))
    used = {*(entry.label for entry in found.files), *(item.path for item in found.skipped)}
    empty = [name for name in folders if name not in used]
    return said + [f"the folder {shown(name)!r} holds no picture" for name in empty[:5]]


def _look(folder: Path, labels: Mapping[str, str], counts: Mapping[str, int]) -> list[str]:
    """Read the headers of some pictures of each label, evenly over the folder."""
    warnings = []
    for label in sorted(counts):
        paths = [path for path, own in labels.items() if own == label]
        looked = paths[:: max(1, len(paths) // LOOKED_AT)][:LOOKED_AT]
        refused = [(path, reason) for path in looked if (reason := _refusal(folder / path))]
        if not refused:
            continue
        path, reason = refused[0]
        if len(refused) == len(looked):
            raise DataError(
                f"None of the {len(looked)} pictures looked at under {label!r} can be used ({shown(path)!r}: "
                f"{REASONS.get(reason, reason)}); artpulse images check judges each."
            )
        warnings.append(
            f"{len(refused)} of {len(looked)} pictures looked at under {label!r} will be refused "
            f"({shown(path)!r}: {REASONS.get(reason, reason)})"
        )
    return warnings


def _refusal(path: Path) -> str:
    try:
        inspect(read(path))
    except ImageRefused as error:
        return error.reason
    return ""


def shown(path: str) -> str:
    """A path as text that any encoder takes: undecodable bytes appear as ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
