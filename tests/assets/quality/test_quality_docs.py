"""The documentation names every check and every limit as the code has them, and no other."""

from __future__ import annotations

from pathlib import Path

from artpulse_assets.pipeline.quality.registry import CHECKS, NOISE, Entry
from artpulse_core.data.limits import documented

TEXT = Path("docs/data_quality.md")
ROWS = {"": "all", "picture": "pictures", "table": "tables"}
TASKS = {"": "all", "classification": "labels", "regression": "numbers"}


def tables() -> list[list[list[str]]]:
    """The cells of the tables of the page."""
    path = Path(__file__).resolve().parents[3] / TEXT
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    found = [block.splitlines() for block in blocks if block.startswith("|")]
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]] for lines in found]


def line(entry: Entry) -> list[str]:
    kind = TASKS[entry.task] if entry.task else ROWS[entry.rows]
    does = "stops" if entry.severity == "block" else "warns"
    return [f"`{entry.name}`", kind, f"{does}, always" if entry.essential else does, entry.about]


def test_every_check_is_documented_in_its_order() -> None:
    assert tables()[0] == [line(entry) for entry in (*CHECKS, NOISE)]


def test_every_limit_is_documented_with_its_default_and_meaning() -> None:
    assert tables()[1] == [[f"`{name}`", f"`{default}`", meaning] for name, default, meaning in documented()]
