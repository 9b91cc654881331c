"""Small CSVs for tests of adding one: a table of numbers, colours and a label, written and judged."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from artpulse_core.data.adding import Draft
from artpulse_core.data.adding_table import from_csv
from artpulse_core.data.looking import Wishes

ROWS = 60


def frame(**columns: Any) -> dict[str, list[str]]:
    """A table of numbers, colours and a label, with ``columns`` put in or, if None, left out."""
    draw = random.Random(3)
    found: dict[str, Any] = {
        "size": [f"{draw.uniform(0, 9):.3f}" for _ in range(ROWS)],
        "colour": [draw.choice(["red", "blue", "green"]) for _ in range(ROWS)],
        "flag": [draw.choice("01") for _ in range(ROWS)],
        "y": [draw.choice(["yes", "no"]) for _ in range(ROWS)],
    }
    return {name: list(map(str, cells)) for name, cells in {**found, **columns}.items() if cells is not None}


def write(folder: Path, columns: dict[str, list[str]], separator: str = ",", name: str = "t.csv") -> Path:
    path = folder / name
    quoted = [
        [f'"{cell}"' if separator in cell else cell for cell in (head, *cells)]
        for head, cells in columns.items()
    ]
    path.write_text(
        "\n".join(separator.join(row) for row in zip(*quoted, strict=True)) + "\n", encoding="utf-8"
    )
    return path


def drafted(
    folder: Path, wishes: dict[str, Any] | None = None, separator: str = ",", /, **columns: Any
) -> Draft:
    path = write(folder, frame(**columns), separator)
    return from_csv("mine", path, Wishes(**{"target": "y", **(wishes or {})}))


def field(draft: Draft, name: str) -> dict[str, Any]:
    (found,) = [item for item in draft.document["fields"] if item["name"] == name]
    return dict(found)
