"""Generated datasets as the lanes make them: pictures, tables of two tasks, and the problems they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from artpulse_assets.pipeline import expected
from artpulse_assets.pipeline.quality.registry import CHECKS
from artpulse_assets.pipeline.quality.sample import Sample
from artpulse_core.data.problem import Problem

FIELDS: list[dict[str, Any]] = [
    {"name": "age", "minimum": 0, "maximum": 120, "typical_minimum": 18, "typical_maximum": 90},
    {"name": "weight", "minimum": 0, "maximum": 500, "nullable": True},
    {"name": "colour", "kind": "category", "levels": ("red", "green", "blue")},
]
NOTHING = pd.DataFrame(columns=["path", "reason", "message"])


def problem(
    task: str = "classification",
    source: str = "table",
    fields: list[dict[str, Any]] | None = None,
    target: dict[str, Any] | None = None,
    rules: Sequence[dict[str, Any]] = (),
    **quality: Any,
) -> Problem:
    """A problem of pictures or of a table, with the limits of ``quality``."""
    table = source == "table"
    return Problem(
        name="shapes",
        title="Shapes",
        task=task,
        input="table" if table else "image",
        model="artpulse-shapes",
        features="table" if table else "core5",
        source={"kind": "table", "file": "people.csv"} if table else {"kind": "images", "dataset": "shapes"},
        target={"name": "outcome", **(target or {})},
        fields=(FIELDS if fields is None else fields) if table else [],
        rules=list(rules),
        quality=quality,
    )


def rows(n: int = 120, *, labels: tuple[str, ...] = ("no", "yes"), seed: int = 0) -> pd.DataFrame:
    """A table of three fields that has nothing wrong with it, divided into sides and folds."""
    rng = np.random.default_rng(seed)
    label = np.array(labels)[np.arange(n) % len(labels)]
    shift = np.arange(n) % len(labels)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i:06d}" for i in range(n)],
            "path": [f"people.csv:{i + 2}" for i in range(n)],
            "label": label,
            "target": 3.0 * shift + rng.normal(size=n),
            "group": "",
            "wanted": "",
            "dhash": np.zeros(n, dtype=np.uint64),
            "age": np.clip(45 + 5 * shift + rng.normal(0, 8, n), 19, 89),
            "weight": 70 + rng.normal(0, 10, n),
            "colour": rng.integers(0, 3, n).astype(float),
            "side": np.where(np.arange(n) // len(labels) % 4 == 0, "test", "train"),
            "fold": np.where(np.arange(n) // len(labels) % 4 == 0, -1, np.arange(n) % 3),
            "unit": [f"{seed}-{i:06d}" for i in range(n)],
        }
    )


def pictures(n: int = 40, *, labels: tuple[str, ...] = ("calm", "loud"), seed: int = 0) -> pd.DataFrame:
    """Pictures with five features and hashes that are far apart."""
    rng = np.random.default_rng(seed)
    frame = rows(n, labels=labels, seed=seed).drop(columns=["age", "weight", "colour", "target"])
    frame["path"] = [f"{label}/{i:03d}.jpg" for i, label in enumerate(frame["label"])]
    frame["dhash"] = rng.integers(1, 2**63, n, dtype=np.uint64)
    for name in ("hue_mean", "sat_mean", "val_mean", "contrast", "edges"):
        frame[name] = rng.uniform(0.2, 0.8, n)
    return frame


def looks(frame: pd.DataFrame) -> pd.DataFrame:
    """Colourful JPEG files of one size, one for each row."""
    return pd.DataFrame(
        {
            "path": frame["path"],
            "width": 224,
            "height": 200,
            "format": "JPEG",
            "frames": 1,
            "chroma": 90.0,
            "spread": 50.0,
        }
    )


def refused(*reasons: str, message: str = "Look at it.") -> pd.DataFrame:
    """A quarantine with a file a reason."""
    return pd.DataFrame(
        [(f"calm/refused{i}.jpg", reason, message) for i, reason in enumerate(reasons)], columns=list(NOTHING)
    )


def sample(frame: pd.DataFrame, stated: Problem, quarantine: pd.DataFrame = NOTHING, **more: Any) -> Sample:
    """The data under check."""
    return Sample(stated, frame.reset_index(drop=True), quarantine, expected.columns(stated), **more)


def check(name: str, *args: Any, **more: Any) -> Any:
    """What one check of the table finds; fails when it is not for such data."""
    (entry,) = [entry for entry in CHECKS if entry.name == name]
    data = sample(*args, **more)
    assert entry.applies(data.problem), f"{name} is not for such data"
    return entry.rule(data)
