"""``manifest.csv``: what a folder of pictures says about its own files.

Belongs here: reading and checking that one file. Does not belong here: finding the folder
(``artpulse_core.data.sources``) or looking into a picture.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from artpulse_core.errors import DataError, Issue

SPLITS = ("train", "test")
GROUP_COLUMNS = ("group", "artist")  # the first that says something names the group


@dataclass(frozen=True)
class ManifestRow:
    """One file's label, group (pictures that must stay on one side; "" is no group) and wished split."""

    label: str
    group: str
    split: str | None


def read_manifest(root: Path) -> dict[str, ManifestRow]:
    """Path relative to ``root`` → row, from ``manifest.csv`` (``file,label,group[,split]``); {} without one.

    ``file`` is a path from the root, or a bare name inside the label's folder; the group may stand in a column
    ``artist`` too. Other columns are ignored; a
    byte order mark and Windows line ends are fine. Raises ``DataError`` that names the line for: a missing
    ``file`` or ``label`` column or value, a file that does not exist or leads out of the folder, the same
    file with two different rows, a split that is neither ``train`` nor ``test``, text that is not UTF-8.
    """
    path = root / "manifest.csv"
    if not path.is_file():
        return {}
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: save it as CSV UTF-8.") from error
    rows: dict[str, ManifestRow] = {}
    issues: list[Issue] = []
    for line, name, row in _lines(path, text):
        problem = _problem(root, name, row)
        relative = _locate(root, name, row.label)
        if not problem and relative is None:
            problem = f"names {name!r}, which is not there; remove the line or add the file"
        if not problem and relative is not None and rows.setdefault(relative, row) != row:
            problem = f"gives {relative!r} a second, different row; keep one"
        if problem:
            issues.append(Issue(f"/{line}", "manifest_row", f"manifest.csv line {line} {problem}."))
    if issues:
        more = f" ({len(issues) - 1} more lines are wrong.)" if len(issues) > 1 else ""
        raise DataError(issues[0].message + more, tuple(issues[:20]))
    return rows


def _lines(path: Path, text: str) -> Iterator[tuple[int, str, ManifestRow]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    columns = [(column or "").strip() for column in reader.fieldnames or []]
    for needed in ("file", "label"):
        if needed not in columns:
            raise DataError(f"{path} has no column {needed!r}; its first line must name file,label,group.")
    reader.fieldnames = columns
    try:
        for record in reader:
            values = {
                key: (value or "").strip()
                for key, value in record.items()
                if isinstance(key, str) and not isinstance(value, list)
            }
            group = next((values[name] for name in GROUP_COLUMNS if values.get(name)), "")
            row = ManifestRow(values["label"], group, values.get("split") or None)
            yield reader.line_num, values["file"], row
    except csv.Error as error:
        raise DataError(f"{path} is no readable CSV: {error}.") from error


def _problem(root: Path, name: str, row: ManifestRow) -> str:
    if not name or not row.label:
        return "has no file or no label"
    if row.split is not None and row.split not in SPLITS:
        return f"has the split {row.split!r}; use train or test, or leave it empty"
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or "\0" in name:
        return f"names {name!r}, which leads out of the folder"
    return ""


def _locate(root: Path, name: str, label: str) -> str | None:
    name = str(PurePosixPath(name.replace("\\", "/")))
    for candidate in (name, f"{label}/{name}"):
        if "\0" not in candidate and (root / candidate).is_file():
            return candidate
    return None
