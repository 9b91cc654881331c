"""Files for people and other tools that say what a training came to.

Belongs here: what lies in ``<home>/artifacts/<problem>/`` after a training, and its form. Drift reports are written by
``watch``, figures of the data by the assets that draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from artpulse_assets.pipeline import eda
from artpulse_core.data.problem import Problem
from artpulse_core.exchange.files import write_whole
from artpulse_core.model import bundle
from artpulse_core.model.finish import Prediction
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
    answers: Prediction,
    version: int,
) -> None:
    """Write ``example_predictions.json``: the first test rows with what the model ``answers``."""
    test = split[split["side"] == "test"].head(EXAMPLES)
    rows: list[dict[str, Any]] = []
    for place, (path, label, target) in enumerate(
        zip(test["path"], test["label"], test["target"], strict=True)
    ):
        if answers.probabilities is not None and answers.predictions is not None:
            shares = dict(zip(labels, answers.probabilities[place].tolist(), strict=True))
            said = {
                "label": label,
                "predicted": labels[int(answers.predictions[place])],
                "probabilities": shares,
            }
        elif answers.values is not None and answers.lower is not None and answers.upper is not None:
            bounds = {"lower": float(answers.lower[place]), "upper": float(answers.upper[place])}
            said = {"value": float(target), "predicted": float(answers.values[place]), **bounds}
        rows.append({"path": path, **said})
    document = {"model": problem.model, "version": version, "examples": rows}
    write_whole(
        settings.artifacts(problem.name) / "example_predictions.json",
        orjson.dumps(document, option=orjson.OPT_INDENT_2),
    )
