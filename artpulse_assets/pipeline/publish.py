"""Files for people and other tools that say what a training came to.

Belongs here: what lies in ``<home>/artifacts/<problem>/`` after a training, and its form. Drift reports are written by
``watch``, figures of the data by the assets that draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from artpulse_assets.pipeline import eda
from artpulse_core.data.problems import Problem
from artpulse_core.exchange.files import write_whole
from artpulse_core.model import bundle
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 5


def training(
    problem: Problem,
    settings: Settings,
    version: int,
    digest: str,
    document: Mapping[str, Any],
    verdict: Mapping[str, Any],
    provenance: Mapping[str, Any],
    card: str,
    drawn: Mapping[str, bytes],
    now: datetime,
) -> None:
    """Write ``training_summary.json``, ``metrics.json``, ``model_card.md`` and the figures of the evaluation."""
    folder = settings.artifacts(problem.name)
    summary = {
        "problem": problem.name,
        "model": problem.model,
        "version": version,
        "digest": digest,
        "algorithm": document["algorithm"],
        "features": problem.features,
        "generated_at": now.isoformat(timespec="seconds"),
        "verdict": dict(verdict),
        "provenance": dict(provenance),
        "evaluation": dict(document),
    }
    write_whole(folder / "training_summary.json", bundle.json_bytes(summary))
    write_whole(folder / "metrics.json", bundle.json_bytes(document["metrics"]))
    write_whole(folder / "model_card.md", card.encode())
    eda.write_figures(folder, drawn)


def examples(
    problem: Problem,
    settings: Settings,
    split: pd.DataFrame,
    labels: tuple[str, ...],
    answers: np.ndarray,
    version: int,
) -> None:
    """Write ``example_predictions.json``: the first test rows; ``answers`` are their probabilities (n × k)."""
    test = split[split["side"] == "test"].head(EXAMPLES)
    rows = [
        {
            "path": path,
            "label": label,
            "predicted": labels[int(row.argmax())],
            "probabilities": dict(zip(labels, row.tolist(), strict=True)),
        }
        for path, label, row in zip(test["path"], test["label"], answers[: len(test)], strict=True)
    ]
    document = {"model": problem.model, "version": version, "examples": rows}
    write_whole(
        settings.artifacts(problem.name) / "example_predictions.json",
        orjson.dumps(document, option=orjson.OPT_INDENT_2),
    )
