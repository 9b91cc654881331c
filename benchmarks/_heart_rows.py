"""The files of the four hospitals as rows of the contract of ``heart``.

Belongs here: cells → input matrix, for the benchmarks on heart disease. Does not belong here: anything measured.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from artpulse_core.data import problems
from artpulse_core.data.problem import Problem, TableFile

HOSPITALS = {"hungarian": "Budapest", "switzerland": "Zurich and Basel", "va": "Long Beach"}
NOT_MEASURED = ("trestbps", "chol")  # 0 there means not measured, outside Cleveland


def problem() -> Problem:
    """The shipped problem."""
    return problems.read(problems.SHIPPED / "heart.toml")


def shipped() -> Path:
    """The shipped Cleveland file."""
    return Path(__file__).resolve().parent.parent / "data" / "heart" / "processed.cleveland.data"


def load(path: Path, given: Problem) -> tuple[np.ndarray, np.ndarray]:
    """(n × 13 input matrix: numbers, indices of levels, NaN for missing; (n,) 1 for disease)."""
    source = given.source
    assert isinstance(source, TableFile)
    with path.open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.reader(handle) if row]
    matrix = np.full((len(rows), len(given.fields)), np.nan)
    for place, field in enumerate(given.contract.fields):
        column = source.columns.index(field.name)
        for line, row in enumerate(rows):
            cell = row[column].strip()
            if cell in source.missing:
                continue
            number = float(cell)
            if field.kind == "number":
                matrix[line, place] = np.nan if field.name in NOT_MEASURED and number == 0 else number
            else:
                index = field.place(number)
                assert index is not None, f"{path.name} line {line + 1}: {field.name} {cell}"
                matrix[line, place] = index
    target = source.columns.index(given.target.name)
    labels = [given.target.values[str(int(float(row[target])))] for row in rows]
    return matrix, np.array([label == given.target.positive_label for label in labels], dtype=np.int64)
