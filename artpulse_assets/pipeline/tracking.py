"""What goes into MLflow beside the registry: one run a candidate, with its model.

Belongs here: parameters, metrics and the ONNX model of a candidate, and the commit they were made from.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from typing import Any

from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_core.settings import project_root


def log_candidate(made: Candidate, metrics: Mapping[str, float], rows: TrainRows) -> None:
    """Log a candidate into the active MLflow run: parameters, out-of-fold metrics, the ONNX model."""
    import mlflow
    import onnx

    mlflow.log_params({"algorithm": made.algorithm, **made.params})
    mlflow.log_metrics({**metrics, "training_seconds": made.seconds, "rows": len(rows.y)})
    mlflow.set_tag("dataset_digest", rows.digest)
    mlflow.onnx.log_model(
        onnx.load_from_string(made.onnx),
        name="model",
        pip_requirements=["onnxruntime", "numpy"],
        save_as_external_data=False,
    )


def log_chosen(run_id: str, evaluation: Mapping[str, Any]) -> None:
    """Mark the run of the chosen candidate and add what it reached on the rows kept aside."""
    import mlflow

    client = mlflow.MlflowClient()
    client.set_tag(run_id, "deployment_ready", "true")
    for name, metric in evaluation["metrics"].items():
        client.log_metric(run_id, f"test_{name}", metric["value"])


@cache
def git_commit() -> str:
    """The commit of the checkout, with ``+dirty`` when tracked files differ; empty outside a checkout."""

    def git(*words: str) -> str:
        try:
            done = subprocess.run(
                ["git", *words], cwd=project_root(), capture_output=True, text=True, check=False, timeout=10
            )
        except OSError:  # git is not installed: the commit is unknown, which the empty answer says
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "HEAD")
    return f"{commit}+dirty" if commit and git("status", "--porcelain", "-uno") else commit
