"""Two small problems of tables, with rows that can be learned from: ``doors`` (a price) and ``patients`` (ill or not).

Belongs here: their problem files, rows and CSV files. Does not belong here: bundles of them (``tests.bundles``).
"""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from artpulse_core.data.problem import Problem
from artpulse_core.data.problems import read

DOORS = """
name = "doors"
title = "Price of a door"
task = "regression"
input = "table"
model = "artpulse-doors"
features = "table"
coding = "house"

[source]
kind = "table"
file = "doors.csv"

[target]
name = "price"
unit = "EUR"
minimum = 0
maximum = 1000

[[fields]]
name = "width"
minimum = 0.1
maximum = 3.0
typical_maximum = 2.0
unit = "m"

[[fields]]
name = "height"
minimum = 0.1
maximum = 9.0

[[fields]]
name = "colour"
kind = "category"
levels = ["red", "blue", "plain wood"]
nullable = true
[fields.codes.shop]
"R" = "red"
"B" = "blue"
"?" = "missing"

[[fields]]
name = "age (years)"
minimum = 0
maximum = 100
nullable = true

[[rules]]
left = "width"
op = "<="
right = "height"
severity = "refuse"
message = "A door is not wider than high."

[training]
candidates = ["linear_regression", "hist_gradient_boosting"]
folds = 3
[training.parameters.hist_gradient_boosting]
max_iter = 8

[quality]
min_rows = 20
"""

PATIENTS = """
name = "patients"
title = "Who is ill"
task = "classification"
input = "table"
model = "artpulse-patients"
features = "table"

[source]
kind = "table"
file = "patients.csv"
missing = ["?"]

[target]
name = "outcome"
positive_label = "ill"
[target.values]
"0" = "well"
"1" = "ill"
"2" = "ill"

[decision]
threshold = 0.3
unsure_below = 0.6

[[fields]]
name = "pulse"
minimum = 20
maximum = 250

[[fields]]
name = "pain"
kind = "category"
levels = [1, 2, 3]
nullable = true

[training]
metric = "auc"
candidates = ["logistic_regression"]
folds = 3

[quality]
min_labels = 2
min_per_label = 10
"""
TEXTS = {"doors": DOORS, "patients": PATIENTS}
GAP = {"doors": "", "patients": "?"}
DOOR = {"width": 0.9, "height": 2.0, "colour": "blue", "age (years)": 12}
PATIENT = {"pulse": 80, "pain": 2}


def problem(name: str) -> Problem:
    """The problem as its file says it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.toml"
        path.write_text(TEXTS[name], encoding="utf-8")
        return read(path)


def rows(name: str, n: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with their truth; None is a missing cell."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for _ in range(n):
        gone = rng.random() < 0.1
        if name == "doors":
            width, age = rng.uniform(0.6, 1.8), rng.uniform(0, 60)
            colour = int(rng.integers(3))
            price = 100 + 200 * width + 60 * (colour == 1) - age + rng.normal(scale=8)
            row = {
                "width": round(width, 3),
                "height": round(rng.uniform(1.9, 2.6), 3),
                "colour": None if gone else ("red", "blue", "plain wood")[colour],
                "age (years)": None if rng.random() < 0.1 else round(age, 2),
                "price": round(price, 2),
            }
        else:
            pain, pulse = int(rng.integers(1, 4)), rng.normal(80, 15)
            ill = rng.random() < 1 / (1 + np.exp(-(pulse - 80) / 6 - 2 * (pain - 2)))
            row = {
                "pulse": round(float(np.clip(pulse, 30, 200)), 1),
                "pain": None if gone else pain,
                "outcome": int(rng.integers(1, 3)) if ill else 0,
            }
        found.append(row)
    return found


def write(path: Path, name: str, found: list[dict[str, Any]]) -> None:
    """``found`` as the CSV that the problem names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(found[0]))
        writer.writeheader()
        for row in found:
            writer.writerow({key: GAP[name] if value is None else value for key, value in row.items()})
