"""Requests that work, and the event lines they leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

ROW = {"hue_mean": 0.11, "sat_mean": 0.7, "val_mean": 0.6, "contrast": 0.5, "edges": 0.12}
VALUES = list(ROW.values())


def events(home: Path) -> list[dict[str, Any]]:
    """Every event line of the spool in the order it was written."""
    files = sorted((home / "run" / "spool").glob("*.jsonl"))
    return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]


def pointers(answer: Any) -> list[str]:
    """The pointers of a problem+json answer."""
    return [issue["pointer"] for issue in answer.get_json()["errors"]]
