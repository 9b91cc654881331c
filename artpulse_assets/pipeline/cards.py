"""The two pages people read: the model card (Markdown) and the drift report (HTML).

Belongs here: turning finished evaluations and drift reports into sentences and tables. Does not belong here:
measuring anything, or the look of the pages (``artpulse_assets/templates``).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jinja2 import Environment

WEAK_F1 = 0.5
MOST_CALM = 40
METRICS = {
    "macro_f1": "macro F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top_2": "top-2 accuracy",
    "top_2_accuracy": "top-2 accuracy",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error (ECE)",
    "roc_auc": "ROC AUC",
}


EVALUATION = (
    "metrics",
    "per_label",
    "cv",
    "baseline",
    "n_train",
    "n_test",
    "n_groups",
    "seconds",
    "leaderboard",
    "temperature",
)
REPORT = ("problem", "model", "version", "at", "synthetic", "n_current", "n_reference", "score", "reasons")


@cache
def _environment(*, html: bool) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Markdown has no autoescape of its own: there every foreign text goes through the ``cell`` filter.
    environment = Environment(
        loader=PackageLoader("artpulse_assets"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": cell, "figure": figure, "interval": interval, "metric": metric_name}
    return environment


def cell(value: object) -> str:
    """Text of unknown origin as one line of Markdown without markup: nothing in it opens a tag, link or column."""
    text = "".join(c if c.isprintable() else " " for c in str(value))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<!\w)_|_(?!\w)|^[#+-]", r"\\\g<0>", text)  # inside a word an underscore is no markup


def figure(value: Any, digits: int = 3) -> str:
    """A number as people read it: ``0.671``, ``1,204``, ``–`` when unknown."""
    if value is None or isinstance(value, bool | str) or not np.isfinite(value):
        return "–"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    number = float(value)
    if number != 0 and (abs(number) < 10**-digits or abs(number) >= 1e6):
        return f"{number:.2g}"
    return f"{number:.{digits}f}"


def interval(value: Any) -> str:
    """``0.671 (0.612–0.728)`` from ``{"value", "low", "high"}`` or a plain number."""
    if not isinstance(value, Mapping):
        return figure(value)
    low, high = value.get("low"), value.get("high")
    bounds = "" if low is None or high is None else f" ({figure(low)}–{figure(high)})"
    return figure(value.get("value")) + bounds


def metric_name(name: str) -> str:
    """The name people know a metric by."""
    return METRICS.get(name, name.replace("_", " "))


def model_card(
    manifest: Mapping[str, Any], evaluation: Mapping[str, Any], contract: Mapping[str, Any]
) -> str:
    """The model card as Markdown: what it is, what it learned from, how good, how far, how it was made.

    ``manifest`` and ``contract`` as in the bundle (``to_dict``); ``evaluation`` may lack any key, and what is
    missing is left out of the card rather than made up.
    """
    target = {"name": "label", "description": "", "labels": [], **contract.get("target", {})}
    provenance = manifest.get("provenance", {})
    return (
        _environment(html=False)
        .get_template("model_card.md.j2")
        .render(
            manifest=manifest,
            provenance=provenance,
            evaluation={**dict.fromkeys(EVALUATION), **evaluation},
            synthetic=bool(provenance.get("synthetic")),
            target=target,
            fields=list(contract.get("fields", [])),
            image=contract.get("input") == "image",
            dimensions=len(manifest.get("feature_names", [])),
            cross=_cross_validation(evaluation.get("cv") or {}),
            weak=_weak(evaluation.get("per_label") or {}),
            optimism=_optimism(evaluation.get("cv") or {}),
        )
    )


def _cross_validation(cv: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    grouped, random = cv.get("grouped") or {}, cv.get("random") or {}
    return [(name, grouped.get(name), random.get(name)) for name in dict.fromkeys([*grouped, *random])]


def _weak(per_label: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Labels on which the model is wrong about as often as right, worst first."""
    known = {label: row.get("f1") for label, row in per_label.items()}
    weak = [(f1, label) for label, f1 in known.items() if f1 is not None and f1 < WEAK_F1]
    return [label for _, label in sorted(weak)]


def _optimism(cv: Mapping[str, Any]) -> float | None:
    """How much higher macro F1 is when a group may lie on both sides; None when unknown or not higher."""

    def value(kind: str) -> float | None:
        entry = (cv.get(kind) or {}).get("macro_f1")
        found = entry.get("value") if isinstance(entry, Mapping) else entry
        return None if found is None else float(found)

    grouped, random = value("grouped"), value("random")
    return random - grouped if grouped is not None and random is not None and random > grouped else None


def drift_html(report: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """The drift report as one HTML page that needs no other file, script or network.

    ``report``: what ``artpulse_core.drift.detect`` returns with ``problem``, ``model``, ``version``, ``at``,
    ``synthetic``. ``figures``: caption → PNG, in this order. Names are escaped wherever they come from.
    """
    features = {str(name): dict(item) for name, item in (report.get("features") or {}).items()}
    blamed = sorted((n for n in features if features[n].get("drift")), key=lambda n: -_size(features[n]))
    calm = sorted((n for n in features if not features[n].get("drift")), key=lambda n: -_size(features[n]))
    status = _status(report)
    return (
        _environment(html=True)
        .get_template("drift_report.html")
        .render(
            report={**dict.fromkeys(REPORT), **report},
            status=status,
            verdict=_verdict(status, report, blamed),
            advice=ADVICE[status],
            rows=[(name, features[name], _p_value(features[name])) for name in (*blamed, *calm[:MOST_CALM])],
            more=len(calm[MOST_CALM:]),
            explanations=any(features[name].get("explanation") for name in features),
            images=[(caption, base64.b64encode(png).decode()) for caption, png in figures.items()],
        )
    )


ADVICE = {
    "drift": (
        "Look at recent inputs of the features named here, and at whatever feeds them: a new camera, crop, scale or "
        "source shows up here first.",
        "If something upstream broke, mend it; the model needs no change.",
        "If this is how inputs look from now on, label some recent rows, then retrain: "
        "drift alone, without new labels or files, starts no training.",
    ),
    "ok": ("Nothing needs to be done.",),
    "insufficient_data": ("Wait for more rows; the next report will say.",),
}


def _status(report: Mapping[str, Any]) -> str:
    if report.get("status") == "insufficient_data":
        return "insufficient_data"
    return "drift" if report.get("drift") else "ok"


def _verdict(status: str, report: Mapping[str, Any], blamed: Sequence[str]) -> str:
    """The first sentence: whether, where, over how many rows, what to do."""
    rows = int(report.get("n_current") or 0)
    window = f"{rows:,} row{'' if rows == 1 else 's'}"
    if status == "insufficient_data":
        return f"Too early to say: {window} since training {'is' if rows == 1 else 'are'} too few, so wait for more."
    if status == "ok":
        reference = int(report.get("n_reference") or 0)
        return f"No drift: the last {window} look like the {reference:,} the model learned from; there is nothing to do."
    where = "in how the features relate" if not blamed else f"in {_listed(blamed)}"
    return f"Drift {where} over the last {window}: find out what changed, and retrain if it is here to stay."


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = [name if len(name) <= 60 else name[:59] + "…" for name in names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more of the features")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"


def _size(item: Mapping[str, Any]) -> float:
    value = item.get("effect")
    return abs(float(value)) if isinstance(value, int | float) and np.isfinite(value) else -1.0


def _p_value(item: Mapping[str, Any]) -> str:
    value = item.get("p_value")
    if not isinstance(value, int | float) or not np.isfinite(value):
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
