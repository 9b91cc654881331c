"""Looking back at what was served: drift of the inputs, and performance where the truth came back.

Belongs here: turning events into columns, and the documents of the two reports. The tests are in
``artpulse_core.drift`` and ``artpulse_core.gates.statistics``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from artpulse_core import drift
from artpulse_core.data.problems import Problem
from artpulse_core.exchange.files import write_whole
from artpulse_core.gates import statistics
from artpulse_core.model.bundle import Bundle, json_bytes
from artpulse_core.model.predictor import Predictor

VERSION = "2"
WINDOW = 1000
LEAST_ROWS = 20
ALPHA = 0.012
"""Share of clean windows allowed to alarm. Twice the engine's default: picture features are so correlated that its
corrections are stricter than they say (see ``benchmarks/drift_art.py``), and a label that vanished shows faintly."""
SEED = 11
HISTORY = 500


def reference(
    labels: Sequence[str], numbers: Mapping[str, np.ndarray], probabilities: np.ndarray
) -> drift.Profile:
    """The profile of train rows: ``numbers`` by name, each (n,), and out-of-fold ``probabilities`` (n, k).

    Windows are expected to mix groups as the train rows do: answers come from random folds (folds of whole groups
    move the mean answers of windows from the same source by up to 1 σ of the test), and the profile is not told the
    groups, for allowing for new ones would cost most of the power.
    """
    table = {**numbers, **answers(labels, probabilities)}
    kinds = {name: "answer" for name in table if name not in numbers}
    return drift.Profile.build(table, kinds={**kinds, "label": "category"})


def answers(labels: Sequence[str], probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """A model's answers (n, k) as columns: ``label``, the likeliest, and ``p(<label>)`` of each.

    A mix of labels that changed is seen in the probabilities before it is in the likeliest labels (Rabanser,
    Günnemann & Lipton 2019, "Failing Loudly", arXiv:1810.11953: softmax outputs against predicted classes).
    """
    found = {f"p({label})": probabilities[:, place] for place, label in enumerate(labels)}
    known = np.isfinite(probabilities).all(axis=1)
    likeliest = np.asarray(labels, dtype=object)[np.where(known, probabilities.argmax(axis=1), 0)]
    likeliest[~known] = None
    return {**found, "label": likeliest}


def columns(bundle: Bundle, events: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Events as columns: each feature of the bundle, and ``answers``, what the champion says of them.

    The answers are computed again, because another version may have answered: only the champion's own mix can be
    compared with its reference. Events without features, or of another feature fingerprint, are left out.
    """
    manifest = bundle.manifest
    usable = [event for event in events if event["features"] and event["fingerprint"] == manifest.fingerprint]
    matrix = np.array(
        [[event["features"].get(name) for name in manifest.feature_names] for event in usable],
        dtype=np.float64,
    ).reshape(len(usable), len(manifest.feature_names))  # None becomes NaN, which counts as missing
    labels = bundle.contract.target.labels
    said = np.full((len(usable), len(labels)), np.nan)
    whole = np.isfinite(matrix).all(axis=1)
    if whole.any():
        said[whole] = Predictor(bundle).predict(matrix[whole]).probabilities
    return {**dict(zip(manifest.feature_names, matrix.T, strict=True)), **answers(labels, said)}


def drift_document(
    problem: Problem,
    bundle: Bundle,
    version: int,
    events: Sequence[Mapping[str, Any]],
    previous: Mapping[str, Any] | None,
    now: datetime,
) -> dict[str, Any]:
    """The drift report of the window ``events`` against the reference profile of the champion.

    ``episode`` names a run of alarms: it is kept from ``previous`` while the same version keeps alarming, so that
    one episode asks for one retraining.
    """
    profile = drift.Profile.load(bundle.profile_path)
    current = columns(bundle, events)
    found = drift.compare(profile, current, alpha=ALPHA).to_dict()
    stamp = now.isoformat(timespec="seconds")
    episode = None
    if found["drift"]:
        going_on = previous is not None and previous["drift"] and previous["version"] == version
        episode = previous["episode"] if going_on and previous is not None else f"v{version}-{stamp}"
    return {
        **found,
        "problem": problem.name,
        "model": problem.model,
        "version": version,
        "at": stamp,
        "episode": episode,
        "synthetic": bundle.manifest.synthetic,
        "from": events[0]["at"] if events else None,
        "to": events[-1]["at"] if events else None,
    }


def quantiles(profile: drift.Profile, name: str) -> np.ndarray:
    """101 quantiles of a number in the reference, from its sketch."""
    place = profile.numbers.tolist().index(name)
    known = ~np.isnan(profile.points[place])
    levels = np.linspace(0, profile.upto[place][known][-1], 101)
    return np.asarray(np.interp(levels, profile.upto[place][known], profile.points[place][known]))


def drift_pictures(
    bundle: Bundle, document: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> dict[str, bytes]:
    """Plots of a drift report: all features by effect, and the worst ones in training and now."""
    from artpulse_assets import plots

    if document["status"] == "insufficient_data":
        return {}
    pictures = {
        "drift_overview": plots.drift_overview(document["features"], f"Drift of {document['problem']}")
    }
    profile = drift.Profile.load(bundle.profile_path)
    current = columns(bundle, events)
    blamed = [
        name
        for name, row in document["features"].items()
        if row["drift"] and name in current and name != "label"
    ]
    for name in sorted(blamed, key=lambda name: -document["features"][name]["score"])[:3]:
        pictures[name] = plots.reference_vs_current(name, quantiles(profile, name), current[name])
    return pictures


def publish_drift(folder: Path, document: Mapping[str, Any], html: str) -> None:
    """Write ``drift_report.json``, ``drift_report.html`` and one more line of ``drift_history.jsonl``."""
    write_whole(folder / "drift_report.json", json_bytes(document))
    write_whole(folder / "drift_report.html", html.encode())
    history = folder / "drift_history.jsonl"
    before = history.read_bytes().splitlines() if history.exists() else []
    line = {
        key: document[key] for key in ("at", "version", "status", "drift", "score", "episode", "n_current")
    }
    write_whole(history, b"\n".join([*before[-HISTORY + 1 :], orjson.dumps(line)]) + b"\n")


def performance_document(
    problem: Problem,
    labels: tuple[str, ...],
    version: int,
    events: Sequence[Mapping[str, Any]],
    answered: int,
    now: datetime,
) -> dict[str, Any]:
    """How the champion did on events whose truth came back: macro-F1 and accuracy with 95 % intervals.

    Under 20 rows the status is ``insufficient_data``. Feedback is not a random sample of what was asked;
    ``answered`` beside ``n`` says how many answers of the problem there are in all.
    """
    told = [event for event in events if event["version"] == version and event["label"] in labels]
    base = {
        "problem": problem.name,
        "model": problem.model,
        "version": version,
        "at": now.isoformat(timespec="seconds"),
        "n": len(told),
        "answered": answered,
    }
    if len(told) < LEAST_ROWS:
        return {**base, "status": "insufficient_data", "metrics": {}}
    truth = np.array([labels.index(event["label"]) for event in told])
    said = np.array([labels.index(event["output"]["label"]) for event in told])
    k = len(labels)
    metrics = {
        "macro_f1": statistics.bootstrap_interval(
            lambda t, p: statistics.macro_f1(t, p, k), truth, said, seed=SEED
        ),
        "accuracy": statistics.bootstrap_interval(statistics.accuracy, truth, said, seed=SEED),
    }
    return {**base, "status": "ok", "metrics": {name: metric.to_dict() for name, metric in metrics.items()}}
