"""The model card (Markdown), after Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv:1810.03993.

Belongs here: which facts of a bundle the card shows. Does not belong here: measuring anything, judging figures
(``card_facts``), or the look of the card (``artpulse_assets/templates``). The keys read are ``document.Evaluation`` and
``document.CardText``; every sentence follows from one of them, from the contract or the manifest, or holds for every
model of its task.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from artpulse_assets.metric_names import CLASSIFICATION, REGRESSION, lower_is_better
from artpulse_assets.pipeline import card_facts, document
from artpulse_assets.pipeline.drift_page import drift_html
from artpulse_assets.pipeline.wording import cell, environment, figure, interval, listed

__all__ = ["cell", "drift_html", "figure", "interval", "model_card"]

MOST_FIELDS = 60
MOST_IMPORTANT = 15
MOST_LABELS = 60
# Said first where a problem says nothing of its own; each holds for every model of that kind.
NOT_FOR = {
    "image": (
        "Judging who made a picture, whether it is genuine, what it is worth, or any person. It knows how the pictures "
        "of a label looked in its data, and no more.",
    ),
    "table": ("Saying why: it knows which rows went with which answer in its data, not what causes what.",),
}
ALWAYS = {
    "classification": 'Inputs of another kind than it learned from. It has no answer for "none of these": every input '
    "gets one of its labels, however little it fits. Watch the confidence and the drift report.",
    "regression": 'Inputs of another kind than it learned from. It has no answer for "cannot say": every accepted row '
    "gets a number, however little it fits. Watch the interval and the drift report.",
}
UNATTENDED = "Decisions that nobody looks at: wrong answers are part of its normal work."
SPLITS = {
    "grouped": "keeps the rows of a group (an artist, a patient, a series) and near duplicates on one side, which is how "
    "it will meet a group it has never seen",
    "spatial": "leaves out whole blocks of the map, so that no neighbour gives a row away",
    "repeated": "draws the folds anew each time; the interval is that of the mean over the repeats when rows are "
    "resampled",
    "random": "ignores groups and neighbours, and is shown for comparison only",
}


def model_card(
    manifest: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    contract: Mapping[str, Any],
    card: Mapping[str, Any] | None = None,
) -> str:
    """The model card as Markdown: what it is, what for, what it learned from, how good, how far, how it was made.

    ``manifest`` and ``contract`` as in the bundle (``to_dict``); ``evaluation`` and ``card`` (``[card]`` of the problem)
    as in ``document``. Any key may be missing, and what is missing is left out of the card rather than made up. Of the
    contract the card reads ``input``, ``target`` (``name``, ``labels``, ``description``, ``unit``, ``positive_label``,
    ``capped_at``) and ``fields`` (``name``, ``kind``, ``levels``, ``minimum``, ``maximum``, ``nullable``, ``unit``,
    ``description``); ``manifest["provenance"]`` is shown, of it ``origin_of_features`` says where learned numbers come from.
    """
    known = {**dict.fromkeys(document.KEYS), **evaluation}
    words = {name: _texts((card or {}).get(name)) for name in document.CARD_KEYS}
    target = {"name": "label", "description": "", "labels": [], "unit": "", **contract.get("target", {})}
    provenance = dict(manifest.get("provenance") or {})
    task = _task(known, target)
    image = contract.get("input") == "image"
    metric = card_facts.selection_metric(known)
    cv = {kind: (known["cv"] or {}).get(kind) for kind in document.CV_KINDS}
    return (
        environment(html=False)
        .get_template("model_card.md.j2")
        .render(
            manifest=manifest,
            provenance=provenance,
            plain=_plain(provenance),
            commit=_commit(provenance),
            evaluation=known,
            data=known["data"] or {},
            words=words,
            not_for=[*(words["not_for"] or NOT_FOR["image" if image else "table"]), ALWAYS[task], UNATTENDED],
            synthetic=bool(provenance.get("synthetic")),
            task=task,
            target=target,
            fields=list(contract.get("fields") or [])[:MOST_FIELDS],
            more_fields=len((contract.get("fields") or [])[MOST_FIELDS:]),
            image=image,
            dimensions=len(manifest.get("feature_names") or []),
            metrics=_ordered(known["metrics"] or {}, binary=len(target["labels"]) == 2),
            metric=metric,
            lower=metric is not None and lower_is_better(metric),
            kinds=[kind for kind in cv if cv[kind]],
            splits=SPLITS,
            cross=_side_by_side(cv, binary=len(target["labels"]) == 2),
            flattery=list(card_facts.flattery(known["cv"] or {}, metric)),
            labels=_per_label(known["per_label"] or {}, target["labels"]),
            differences=any("difference" in row for row in known["leaderboard"] or ()),
            tested=any(
                (row.get("difference") or {}).get("p_value") is not None for row in known["leaderboard"] or ()
            ),
            important=((known["importance"] or {}).get("fields") or [])[:MOST_IMPORTANT],
            weak=card_facts.weak_points(known, [str(label) for label in target["labels"]]),
            listed=listed,
        )
    )


def _task(evaluation: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    if evaluation["task"]:
        return str(evaluation["task"])
    numbers = not target["labels"] and any(name in (evaluation["metrics"] or {}) for name in REGRESSION)
    return "regression" if numbers else "classification"


def _texts(value: Any) -> list[str]:
    """The texts of a key: a list, or one text with a line each; what is blank says nothing."""
    if value is None:
        return []
    texts = value.splitlines() if isinstance(value, str) else [str(item) for item in value]
    return [text.strip() for text in texts if text.strip()]


def _plain(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What can be shown in one cell."""
    return {
        name: value
        for name, value in provenance.items()
        if isinstance(value, str | int | float) and name != "synthetic" and value != ""
    }


def _commit(provenance: Mapping[str, Any]) -> str | None:
    """The commit, where it is one that can be checked out."""
    found = str(provenance.get("git_commit") or "")
    return found if re.fullmatch(r"[0-9a-f]{7,40}", found) else None


def _per_label(rows: Mapping[str, Any], labels: Sequence[str]) -> list[tuple[str, Any]]:
    """Label by label in index order; a stored document has them by name."""
    order = {str(label): place for place, label in enumerate(labels)}
    return sorted(rows.items(), key=lambda item: order.get(item[0], len(order)))[:MOST_LABELS]


def _ordered(metrics: Mapping[str, Any], *, binary: bool) -> list[tuple[str, Any]]:
    """Metrics in the order people expect; the second of two labels is no news."""
    order = [*CLASSIFICATION, *REGRESSION]
    names = sorted(metrics, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, metrics[name]) for name in names if not (binary and name == "top2_accuracy")]


def _side_by_side(cv: Mapping[str, Mapping[str, Any] | None], *, binary: bool) -> list[tuple[str, list[Any]]]:
    """Each metric with its value under every kind of split that was measured."""
    kinds = [metrics for metrics in cv.values() if metrics]
    names = dict.fromkeys(name for metrics in kinds for name in metrics)
    ordered = _ordered(dict.fromkeys(names), binary=binary)
    return [(name, [metrics.get(name) for metrics in kinds]) for name, _ in ordered]
