"""Where data comes from: the folder or the file a problem learns from, and whether it was generated.

Belongs here: finding the folder, the note of its origin, and the names others import. Does not belong here:
walking it (``folder``), its manifest (``manifest``), painting pictures (``generator``, ``painting``), looking for the
file of a table (``table_files``).
"""

from __future__ import annotations

import json
from pathlib import Path

from artpulse_core.data.generator import SOURCE_FILE, Generated, generate
from artpulse_core.data.manifest import ManifestRow, read_manifest
from artpulse_core.data.table_files import find_table
from artpulse_core.errors import DataError

__all__ = [
    "SOURCE_FILE",
    "Generated",
    "ManifestRow",
    "find_images",
    "find_table",
    "generate",
    "is_synthetic",
    "read_manifest",
]


def find_images(problem_dataset: str, *, dataset_dir: Path | None, data_dir: Path) -> Path:
    """The folder of labelled pictures: ``dataset_dir`` if given, else ``data_dir/<problem_dataset>``.

    Raises ``DataError`` that names the missing folder and what to do.
    """
    if dataset_dir is not None:
        if not dataset_dir.is_dir():
            raise DataError(
                f"DATASET_DIR names {str(dataset_dir)!r}, which is no folder; it must hold <label>/… folders."
            )
        return dataset_dir
    folder = data_dir / problem_dataset
    if not folder.is_dir():
        raise DataError(
            f"There are no pictures: the folder {str(folder)!r} does not exist. "
            "Set DATASET_DIR=<folder of <label>/… folders>, or make synthetic ones: artpulse data generate."
        )
    return folder


def is_synthetic(root: Path) -> bool:
    """True when ``SOURCE.json`` says that the pictures were generated.

    Raises ``DataError`` when that file is there but cannot be read: what is unknown must not pass as real.
    """
    path = root / SOURCE_FILE
    if not path.exists():
        return False
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON; generate the pictures again.") from error
    return bool(note.get("synthetic")) if isinstance(note, dict) else False
