"""From a chosen candidate to a bundle.

Belongs here: collecting all files of a bundle and the key under which an equal one is found again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artpulse_assets.pipeline import cards, export, frames, linear, watch
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.frames import TestRows
from artpulse_assets.pipeline.memo import Memo, Result
from artpulse_core import features
from artpulse_core.data.problem import Problem
from artpulse_core.features import table
from artpulse_core.model import bundle, golden, neighbours
from artpulse_core.model.finish import Finish
from artpulse_core.model.predictor import ENCODER, Predictor, prefixed

VERSION = "5"
GOLDEN_ROWS = 8
GOLDEN_IMAGES = 3
GOLDEN_IMAGE_BYTES = 512 * 1024


@dataclass(frozen=True)
class Names:
    """What the train rows are called: ``ids`` for people (path, row number), ``digests`` of their content, if any."""

    ids: Sequence[str]
    digests: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Hex digest of all names."""
        return hashlib.sha256(repr((list(self.ids), list(self.digests))).encode()).hexdigest()


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
    names: Names,
    test: TestRows,
    chosen: Candidate,
    evaluation: Mapping[str, Any],
    watched: np.ndarray,
    mixed: np.ndarray,
    state: Mapping[str, np.ndarray],
    images: Sequence[bytes],
    provenance: Mapping[str, Any],
    *,
    weights: Path,
    now: str,
    memo: Memo,
) -> Made:
    """Write the bundle of ``chosen`` unless an equal one exists, then prove that it loads and answers.

    ``watched`` (n, w) and ``mixed`` (n, k), inputs and answers of ``chosen`` out of random folds, are for the drift
    profile; ``state`` are the arrays of the last step. ``names`` are those of ``rows``, for the examples that
    explanations name. ``images`` are encoded pictures for the golden answers,
    ``weights`` is the folder of converted weights. The key covers what decides the answers and what was measured, not
    the time or the commit.
    """
    contract = problem.contract.with_labels(rows.labels)
    fingerprint = frames.computed_fingerprint(problem)
    parts = {
        "candidate": chosen.key,
        "contract": contract.digest,
        "fingerprint": fingerprint,
        "test": test.digest,
        "names": names.key,
        "state": {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in sorted(state.items())},
        "model": problem.model,
        "synthetic": provenance["synthetic"],
        "version": VERSION,
    }

    def build(folder: Path) -> None:
        arrays = {**state, **prefixed(ENCODER, rows.encoded.arrays if rows.encoding else {})}
        finish = Finish(contract, arrays)
        arrays |= linear.of_state(chosen.linear, finish.temperature)
        encoder = table.get(rows.encoding).open(rows.encoded.arrays) if rows.encoding else None
        arrays |= neighbours.reference(
            rows.x,
            contract.fields,
            rows.y,
            names.ids,
            digests=names.digests,
            seed=problem.training.seed,
            dear=isinstance(encoder, table.Mixing),
        )
        pictures = None if rows.encoding else features.get(problem.features, cache=weights)

        def answer(x: np.ndarray) -> np.ndarray:
            return finish.calibrate(export.run(chosen.onnx, encoder.transform(x) if encoder else x))

        manifest = {
            "model": problem.model,
            "problem": problem.name,
            "features": problem.features,
            "fingerprint": fingerprint,
            "feature_names": list(frames.inputs(problem)),
            **frames.watched(problem),
            "algorithm": chosen.algorithm,
            "key": chosen.key,
            "created_at": now,
            "provenance": dict(provenance),
        }
        small = [data for data in images if len(data) <= GOLDEN_IMAGE_BYTES][:GOLDEN_IMAGES]
        vectors = (
            np.array([features.vector(data, pictures) for data in small]) if small and pictures else None
        )
        spread = np.linspace(0, len(rows.x) - 1, GOLDEN_ROWS).astype(int)
        profile = watch.reference(
            contract, manifest["watched"], watched, finish.predict(mixed, rows.encoded.matrix)
        )
        said = {name: text for name, text in problem.card.model_dump().items() if text}
        card = cards.model_card(manifest, evaluation, contract.to_dict(), said)
        bundle.write(
            folder,
            manifest,
            {
                "contract.json": bundle.json_bytes(contract.to_dict()),
                "model.onnx": chosen.onnx,
                "state.npz": bundle.npz_bytes(arrays),
                "profile.npz": bundle.npz_bytes(profile.to_arrays()),
                "evaluation.json": bundle.json_bytes(evaluation),
                "golden.json": bundle.json_bytes(golden.make(answer, rows.x[spread], small, vectors)),
                "MODEL_CARD.md": card.encode(),
                **(pictures.files() if pictures else {}),
            },
        )
        golden.check(Predictor(bundle.load(folder)))

    result: Result = memo.make("bundles", parts, build)
    return Made(result.folder, bundle.digest_of(result.folder), result.key, result.reused)
