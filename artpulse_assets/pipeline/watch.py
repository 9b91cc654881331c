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

from artpulse_assets.pipeline import ingest, measures
from artpulse_assets.pipeline.measures import Answers
from artpulse_core import drift
from artpulse_core.data.contract import Contract
from artpulse_core.data.problem import Problem
from artpulse_core.exchange.files import write_whole
from artpulse_core.model.bundle import Bundle, json_bytes
from artpulse_core.model.finish import Prediction
from artpulse_core.model.predictor import Predictor

VERSION = "3"
WINDOW = 1000
LEAST_ROWS = 20
ALPHA = 0.012
"""Share of clean windows allowed to alarm. Twice the engine's default: picture features are so correlated that its
corrections are stricter than they say (see ``benchmarks/drift_art.py``), and a label that vanished shows faintly."""
SEED = 11
HISTORY = 500


def reference(
    contract: Contract, names: Sequence[str], watched: np.ndarray, mixed: Prediction
) -> drift.Profile:
    """The profile of train rows: their ``watched`` inputs (n × w, called ``names``) and out-of-fold answers.

    Windows are expected to mix groups as the train rows do: answers come from random folds (folds of whole groups
    move the mean answers of windows from the same source by up to 1 σ of the test), and the profile is not told the
    groups, for allowing for new ones would cost most of the power.
    """
    told = answers(contract.target.labels, mixed)
    table = {**inputs(contract, names, watched), **told}
    kinds = {name: "answer" for name in told if name != "label"}
    kinds |= {item.name: "category" for item in contract.fields if item.kind == "category"}
    return drift.Profile.build(table, kinds={**kinds, **({"label": "category"} if "label" in told else {})})


def inputs(contract: Contract, names: Sequence[str], matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of an input matrix by name: numbers, and for a category its levels as text (None: missing)."""
    found: dict[str, np.ndarray] = dict(zip(names, matrix.T, strict=True))
    for item in contract.fields:
        if item.kind == "category" and item.name in found:
            shown = [item.shown(value) for value in found[item.name].tolist()]
            found[item.name] = np.array(
                [None if level is None else str(level) for level in shown], dtype=object
            )
    return found


def answers(labels: Sequence[str], said: Prediction) -> dict[str, np.ndarray]:
    """A model's answers as columns: ``label``, the likeliest, and ``p(<label>)`` of each; or ``answer``, the value.

    A mix of labels that changed is seen in the probabilities before it is in the likeliest labels (Rabanser,
    Günnemann & Lipton 2019, "Failing Loudly", arXiv:1810.11953: softmax outputs against predicted classes).
    """
    if said.probabilities is None:
        return {"answer": np.asarray(said.values)}
    probabilities = said.probabilities
    found = {f"p({label})": probabilities[:, place] for place, label in enumerate(labels)}
    known = np.isfinite(probabilities).all(axis=1)
    likeliest = np.asarray(labels, dtype=object)[np.where(known, probabilities.argmax(axis=1), 0)]
    likeliest[~known] = None
    return {**found, "label": likeliest}


def columns(bundle: Bundle, version: int, events: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Events as columns: each watched input of the bundle, and ``answers``, what the champion says of them.

    The answers are computed again, because another version may have answered: only the champion's own mix can be
    compared with its reference. Where events keep too little for that, the answers of ``version`` itself are taken
    and other versions' events left out. So are events without features, or of other inputs.
    """
    manifest, contract = bundle.manifest, bundle.contract
    usable = [
        event
        for event in events
        if event["features"]
        and event["fingerprint"] == manifest.watched_fingerprint
        and (manifest.watches_all or event["version"] == version)
    ]
    fields = {item.name: item for item in contract.fields}
    matrix = np.array(
        [
            [ingest.cell(fields.get(name), event["features"].get(name)) for name in manifest.watched]
            for event in usable
        ],
        dtype=np.float64,
    ).reshape(len(usable), len(manifest.watched))  # None becomes NaN, which counts as missing
    found = inputs(contract, manifest.watched, matrix)
    return {**found, **answers(contract.target.labels, _said(bundle, matrix, usable))}


def _said(bundle: Bundle, matrix: np.ndarray, events: Sequence[Mapping[str, Any]]) -> Prediction:
    """What the champion says of each event; NaN where it cannot say."""
    labels = bundle.contract.target.labels
    whole = np.full((len(events), max(1, len(labels))), np.nan)
    if bundle.manifest.watches_all:
        nullable = np.array([item.nullable for item in bundle.contract.fields] or [False] * matrix.shape[1])
        usable = (np.isfinite(matrix) | (nullable & np.isnan(matrix))).all(axis=1)
        if usable.any():
            whole[usable] = Predictor(bundle).answers(matrix[usable])
    else:
        for place, event in enumerate(events):
            told = (event["output"] or {}).get("probabilities") or {}
            whole[place] = [told.get(label, np.nan) for label in labels]
    return Prediction(probabilities=whole) if labels else Prediction(values=whole[:, 0])


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
    current = columns(bundle, version, events)
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
    current = columns(bundle, document["version"], events)
    blamed = [
        name
        for name, row in document["features"].items()
        if row["drift"] and name in profile.numbers.tolist() and name in current
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
    """How the champion did on events whose truth came back, with 95 % intervals: macro-F1 and accuracy, or RMSE, mean
    absolute error and the share of truths inside their interval.

    Under 20 rows the status is ``insufficient_data``. Feedback is not a random sample of what was asked;
    ``answered`` beside ``n`` says how many answers of the problem there are in all.
    """
    mine = [event for event in events if event["version"] == version and event["output"]]
    truth, said = _values(mine) if problem.task == "regression" else _labels(mine, labels)
    base = {
        "problem": problem.name,
        "model": problem.model,
        "version": version,
        "at": now.isoformat(timespec="seconds"),
        "n": len(truth),
        "answered": answered,
    }
    if len(truth) < LEAST_ROWS:
        return {**base, "status": "insufficient_data", "metrics": {}}
    only = ("rmse", "mae", "interval_coverage") if problem.task == "regression" else ("macro_f1", "accuracy")
    return {**base, "status": "ok", "metrics": measures.measure(truth, said, seed=SEED, only=only)}


def _labels(events: Sequence[Mapping[str, Any]], labels: tuple[str, ...]) -> tuple[np.ndarray, Answers]:
    known = [event for event in events if event["label"] in labels]
    truth = np.array([labels.index(event["label"]) for event in known], dtype=np.int64)
    said = np.array([labels.index(event["output"]["label"]) for event in known], dtype=np.int64)
    return truth, Answers(probabilities=np.eye(len(labels))[said], predictions=said)


def _values(events: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, Answers]:
    known = [event for event in events if ingest.number(event["label"]) is not None]
    table = np.array(
        [
            [ingest.number(event["label"]), *(event["output"][name] for name in ("value", "lower", "upper"))]
            for event in known
        ],
        dtype=np.float64,
    ).reshape(len(known), 4)
    return table[:, 0], Answers(values=table[:, 1], lower=table[:, 2], upper=table[:, 3])
