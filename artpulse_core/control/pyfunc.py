"""The bundle as an MLflow pyfunc, logged from this file, for whoever loads models through MLflow.

Belongs here: the adapter between a DataFrame and the predictor. MLflow runs a copy of this file when it loads
the model, so it imports what it needs from the installed package. Serving never comes this way: it reads the
bundle itself.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class BundleModel(PythonModel):
    """Answers each row with ``label`` and ``probability_<label>`` columns, or with ``value``, ``lower``, ``upper``."""

    def load_context(self, context: Any) -> None:
        """Verify and load the bundle that lies among the artifacts."""
        from artpulse_core.model import bundle
        from artpulse_core.model.predictor import Predictor

        self._predictor = Predictor(bundle.load(Path(context.artifacts["bundle"])))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Answer a DataFrame: the contract's fields, or a column ``image`` of encoded pictures.

        A picture is its bytes or their base64 text; a missing field is NaN or None. Raises ``ContractViolation`` or
        ``ImageRefused``.
        """
        predictor = self._predictor
        contract = predictor.bundle.contract
        if contract.input == "image":
            pictures = [_bytes(value) for value in model_input["image"]]
            matrix = np.stack([predictor.features_of(picture) for picture in pictures])
        else:
            frame = model_input[list(contract.names)].astype(object)
            rows = frame.where(frame.notna(), None).to_dict(orient="records")
            matrix = contract.validate(rows).matrix
        return pd.DataFrame(_columns(predictor, predictor.predict(matrix)), index=model_input.index)


def _columns(predictor: Any, answer: Any) -> dict[str, Any]:
    if answer.values is not None:
        return {"value": answer.values, "lower": answer.lower, "upper": answer.upper}
    columns: dict[str, Any] = {"label": [predictor.labels[place] for place in answer.predictions]}
    for place, label in enumerate(predictor.labels):
        columns[f"probability_{label}"] = answer.probabilities[:, place]
    return columns


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)


set_model(BundleModel())
