"""A folder of synthetic pictures that says of itself that it is synthetic.

Belongs here: seeds, artists, file names, ``manifest.csv`` and ``SOURCE.json``. Does not belong here: how a
picture is painted (``artpulse_core.data.painting``).
"""

from __future__ import annotations

import csv
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data.manifest import ManifestRow, read_manifest
from artpulse_core.data.painting import LABELS, Style, make_hand, paint
from artpulse_core.errors import DataError
from artpulse_core.exchange.files import write_whole

SOURCE_FILE = "SOURCE.json"
GENERATOR = "artpulse-painter/1"
PICTURES_PER_ARTIST = 5


@dataclass(frozen=True)
class Generated:
    """How many pictures were written, and how many were there already and left alone."""

    written: int
    unchanged: int


def generate(
    root: Path,
    *,
    per_label: int,
    seed: int,
    labels: tuple[str, ...] = LABELS,
    start: int = 0,
    style: Style = "standard",
) -> Generated:
    """Paint pictures ``start`` … ``start + per_label - 1`` of each label into ``root/<label>/``.

    Each is decided by (seed, label, number) alone, so a later call with another ``start`` adds to a folder
    without touching what is there. Every five pictures are by another invented artist, the group in
    ``manifest.csv``. Raises ``DataError`` for an unknown label or style, a number below one, or a folder that
    holds other pictures.
    """
    _judge(root, per_label, start, labels, style)
    note = {"synthetic": True, "generator": GENERATOR, "seed": seed, "style": style}
    _claim(root, note)
    rows = dict(read_manifest(root))
    written = unchanged = 0
    for label in labels:
        for number in range(start, start + per_label):
            artist = number // PICTURES_PER_ARTIST
            group = f"{label}-artist-{artist:03d}"
            name = f"{label}/{group}__{number:05d}.jpg"
            rows[name] = ManifestRow(label, group, None)
            if (root / name).exists():
                unchanged += 1
                continue
            write_whole(root / name, picture(label, number, seed=seed, style=style))
            written += 1
    write_whole(root / "manifest.csv", _manifest(rows))
    return Generated(written, unchanged)


def picture(label: str, number: int, *, seed: int, style: Style = "standard") -> bytes:
    """JPEG bytes of one picture; the same for the same arguments and the same Pillow."""
    kind = zlib.crc32(label.encode())
    hand = make_hand(label, np.random.default_rng([seed, kind, 0, number // PICTURES_PER_ARTIST]))
    return paint(label, hand, np.random.default_rng([seed, kind, 1, number]), style)


def _judge(root: Path, per_label: int, start: int, labels: tuple[str, ...], style: str) -> None:
    unknown = [label for label in labels if label not in LABELS]
    if unknown or not labels:
        raise DataError(
            f"Pictures can be generated for {', '.join(LABELS)}; not for {', '.join(unknown) or 'nothing'}."
        )
    if style not in ("standard", "shifted"):
        raise DataError(f"There is no style {style!r}; use standard or shifted.")
    if per_label < 1 or start < 0:
        raise DataError("Ask for at least one picture a label, counted from 0.")
    if root.exists() and not root.is_dir():
        raise DataError(f"{str(root)!r} is no folder.")


def _claim(root: Path, note: dict[str, Any]) -> None:
    """Write ``SOURCE.json`` before the first picture, so that no picture is ever there without it."""
    path = root / SOURCE_FILE
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read as JSON; generate into another folder.") from error
        if found != note:
            raise DataError(
                f"{root} holds pictures made with other options ({path.name}); use another folder."
            )
    elif root.is_dir() and any(not item.name.startswith(".") for item in root.iterdir()):
        raise DataError(
            f"{root} holds files that were not generated; synthetic pictures are not mixed with them."
        )
    else:
        write_whole(path, json.dumps(note, indent=2).encode() + b"\n")


def _manifest(rows: dict[str, ManifestRow]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", "group"])
    for name in sorted(rows):
        writer.writerow([name, rows[name].label, rows[name].group])
    return text.getvalue().encode()
