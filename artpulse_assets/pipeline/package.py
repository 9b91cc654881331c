"""From a chosen candidate to a bundle.

Belongs here: collecting all files of a bundle and the key under which an equal one is found again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.pipeline import cards, export, watch
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.dataset import TestRows
from artpulse_assets.pipeline.memo import Memo, Result
from artpulse_core import features
from artpulse_core.data.problems import Problem
from artpulse_core.model import bundle, golden
from artpulse_core.model.predictor import Predictor, soften

if TYPE_CHECKING:
    import pandas as pd

VERSION = "2"
GOLDEN_ROWS = 8
GOLDEN_IMAGES = 3
GOLDEN_IMAGE_BYTES = 512 * 1024


@dataclass(frozen=True)
class Made:
    """A bundle on disk: its folder, digest, key and whether it was there already."""

    folder: Path
    digest: str
    key: str
    reused: bool


def make(
    problem: Problem,
    rows: TrainRows,
    test: TestRows,
    chosen: Candidate,
    evaluation: Mapping[str, Any],
    mixed: np.ndarray,
    images: Sequence[bytes],
    provenance: Mapping[str, Any],
    *,
    now: str,
    memo: Memo,
) -> Made:
    """Write the bundle of ``chosen`` unless an equal one exists, then prove that it loads and answers.

    ``mixed`` (n, k) are probabilities of ``chosen`` out of random folds, for the drift profile. ``images`` are encoded
    pictures for the golden answers. The key covers what decides the answers and what was measured, not the time or
    the commit.
    """
    feature_set = features.get(problem.features)
    contract = problem.contract.with_labels(rows.labels)
    parts = {
        "candidate": chosen.key,
        "contract": contract.digest,
        "fingerprint": feature_set.fingerprint,
        "test": test.digest,
        "temperature": evaluation["temperature"],
        "model": problem.model,
        "synthetic": provenance["synthetic"],
        "version": VERSION,
    }

    def build(folder: Path) -> None:
        heat = float(evaluation["temperature"])

        def answer(x: np.ndarray) -> np.ndarray:
            return soften(export.run(chosen.onnx, x), heat)

        manifest = {
            "model": problem.model,
            "problem": problem.name,
            "features": problem.features,
            "fingerprint": feature_set.fingerprint,
            "feature_names": list(feature_set.names),
            "algorithm": chosen.algorithm,
            "key": chosen.key,
            "created_at": now,
            "provenance": dict(provenance),
        }
        small = [data for data in images if len(data) <= GOLDEN_IMAGE_BYTES][:GOLDEN_IMAGES]
        vectors = np.array([features.vector(data, feature_set) for data in small]) if small else None
        spread = np.linspace(0, len(rows.x) - 1, GOLDEN_ROWS).astype(int)
        numbers = {name: rows.x[:, place] for place, name in enumerate(feature_set.names)}
        profile = watch.reference(rows.labels, numbers, soften(mixed, heat))
        bundle.write(
            folder,
            manifest,
            {
                "contract.json": bundle.json_bytes(contract.to_dict()),
                "model.onnx": chosen.onnx,
                "state.npz": bundle.npz_bytes({"temperature": np.float64(heat) * np.ones(())}),
                "profile.npz": bundle.npz_bytes(profile.to_arrays()),
                "evaluation.json": bundle.json_bytes(evaluation),
                "golden.json": bundle.json_bytes(golden.make(answer, rows.x[spread], small, vectors)),
                "MODEL_CARD.md": cards.model_card(manifest, evaluation, contract.to_dict()).encode(),
            },
        )
        golden.check(Predictor(bundle.load(folder)))

    result: Result = memo.make("bundles", parts, build)
    return Made(result.folder, bundle.digest_of(result.folder), result.key, result.reused)


def golden_images(raw: pd.DataFrame, split: pd.DataFrame, root: Path) -> list[bytes]:
    """A few encoded pictures of the train side, one a label, whose bytes are still those that were learned from."""
    files = dict(zip(raw["path"], raw["file"], strict=True))
    train = split[split["side"] == "train"].drop_duplicates("label")
    found = []
    for path, identity in zip(train["path"], train["id"], strict=True):
        place = root / os.fsdecode(files[path]) if path in files else None
        if place is not None and place.is_file():
            data = place.read_bytes()
            if hashlib.sha256(data).hexdigest() == identity:
                found.append(data)
    return found
