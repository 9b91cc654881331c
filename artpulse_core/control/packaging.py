"""A bundle as an MLflow model, for whoever loads models through MLflow.

Belongs here: logging a bundle as a pyfunc with its signature, example and requirements. Does not belong here:
versions and aliases (``registry``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_core.data.contract import Contract
from artpulse_core.data.fields import Field
from artpulse_core.model.bundle import Bundle

ARTIFACT = "bundle"
# Warnings of MLflow 3.17 about itself: its mapping uses what SQLAlchemy 2.1 deprecates, its agent classes carry
# type hints it does not like.
OWN_WARNINGS = ("The ``noload`` loader strategy", ".*Any type hint is inferred as AnyType")
# What a stranger needs beside this package to load the pyfunc. The package itself is not named: whoever loads
# it has it installed, and an index must not be asked for a name it may give to somebody else.
PYFUNC_REQUIREMENTS = ("mlflow", "numpy", "onnxruntime", "pandas", "pillow", "pydantic", "orjson", "scipy")


def log(loaded: Bundle, *, run_id: str, name: str) -> str:
    """Log ``loaded`` as a model of run ``run_id``; returns its URI (``models:/m-…``). Raises what MLflow raises."""
    import mlflow

    with tempfile.TemporaryDirectory() as temporary, _inside_run(run_id):
        # MLflow names the artifact after the folder it came from.
        folder = shutil.copytree(loaded.folder, Path(temporary) / ARTIFACT)
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(Path(__file__).with_name("pyfunc.py")),
            artifacts={ARTIFACT: str(folder)},
            pip_requirements=list(_requirements()),
            signature=_signature(loaded.contract),
            input_example=_example(loaded),
            metadata={"problem": loaded.manifest.problem, "synthetic": loaded.manifest.synthetic},
        )
        return str(info.model_uri)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's notes to a terminal away; the caller says what happens."""
    with warnings.catch_warnings():
        for message in OWN_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        import mlflow  # noqa: F401 - sets up its logging, which is quietened after

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        loggers = [logging.getLogger(name) for name in ("mlflow", "mlflow.store.db.utils", "alembic")]
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(max(logger.level, logging.ERROR))
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


@contextlib.contextmanager
def _inside_run(run_id: str) -> Iterator[None]:
    import mlflow

    active = mlflow.active_run()
    if active is not None and active.info.run_id == run_id:
        yield
        return
    with mlflow.start_run(run_id=run_id, nested=active is not None):
        yield


def _requirements() -> Iterator[str]:
    for name in PYFUNC_REQUIREMENTS:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{name}=={version(name)}"


def _signature(contract: Contract) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec]
    outputs: list[ColSpec | TensorSpec]
    if contract.input == "image":
        inputs = [ColSpec("string", "image")]
    else:
        inputs = [_column(item) for item in contract.fields]
    if contract.task == "regression":
        outputs = [ColSpec("double", name) for name in ("value", "lower", "upper")]
    else:
        outputs = [ColSpec("string", "label")]
        outputs += [ColSpec("double", f"probability_{label}") for label in contract.target.labels]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _column(item: Field) -> Any:
    from mlflow.types import ColSpec

    return ColSpec("string" if _text(item) else "double", item.name, required=not item.nullable)


def _text(item: Field) -> bool:
    return item.kind == "category" and any(isinstance(level, str) for level in item.levels)


def _example(loaded: Bundle) -> Any:
    import pandas as pd

    if loaded.contract.input == "image":
        return pd.DataFrame({"image": [case["image"] for case in loaded.golden["images"][:1]]})
    rows = [loaded.contract.shown(np.array(case["features"], float)) for case in loaded.golden["rows"][:1]]
    kinds = {item.name: "object" if _text(item) else "float64" for item in loaded.contract.fields}
    return pd.DataFrame(rows).astype(kinds)
