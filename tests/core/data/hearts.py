"""Generated patients in the columns of the shipped heart problem, in either of its codings."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from artpulse_core.data import problems
from artpulse_core.data.coding import encode
from artpulse_core.data.problem import Problem

HEART: Problem = problems.read(problems.SHIPPED / "heart.toml")
NAMES = tuple(item.name for item in HEART.fields)
CODES = {"uci": {"healthy": "0", "disease": "1"}, "kaggle": {"healthy": "1", "disease": "0"}}


def patients(n: int = 120, seed: int = 1) -> list[dict[str, Any]]:
    """Rows in the problem's own coding, with the label under ``num``; the sick are older and have slower hearts."""
    draw = random.Random(seed)
    rows = []
    for place in range(n):
        sick = place % 2 == 1
        rows.append({
            "age": draw.randint(50, 77) if sick else draw.randint(29, 60),
            "sex": int(draw.random() < (0.9 if sick else 0.5)),
            "cp": draw.choice([1, 2, 3, 4]),
            "trestbps": draw.randint(94, 200),
            "chol": draw.randint(126, 400),
            "fbs": draw.randint(0, 1),
            "restecg": draw.choice([0, 1, 2]),
            "thalach": draw.randint(71, 140) if sick else draw.randint(120, 202),
            "exang": int(draw.random() < (0.8 if sick else 0.1)),
            "oldpeak": round(draw.uniform(1, 6) if sick else draw.uniform(0, 2), 1),
            "slope": draw.choice([1, 2, 3]),
            "ca": draw.choice([0, 1, 2, 3, None]),
            "thal": draw.choice([3, 6, 7, None]),
            "num": "disease" if sick else "healthy",
        })  # fmt: skip
    return rows


def write(
    path: Path, rows: list[dict[str, Any]], coding: str = "uci", target: str = "num", *, head: bool = True
) -> Path:
    """A CSV of ``rows`` in ``coding``; a value that is missing is ``?`` where the coding has no code for it."""
    lines = [",".join([*NAMES, target])] if head else []
    for row in rows:
        coded = row if coding == "uci" else encode(row, HEART.fields, coding)
        cells = ["?" if coded[name] is None else str(coded[name]) for name in NAMES]
        lines.append(",".join([*cells, CODES[coding][row["num"]]]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
