"""The drift report as a page (HTML).

Belongs here: turning a finished drift report into sentences and tables. Does not belong here: measuring drift
(``artpulse_core.drift``), or the look of the page (``artpulse_assets/templates``).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.pipeline.wording import environment
from artpulse_assets.plots.drift import TESTS

MOST_CALM = 40
MOST_REASONS = 12
REPORT = ("problem", "model", "version", "at", "synthetic", "n_current", "n_reference", "score", "reasons")


def drift_html(report: Mapping[str, Any], figures: Mapping[str, bytes]) -> str:
    """The drift report as one HTML page that needs no other file, script or network.

    ``report``: what ``artpulse_core.drift.detect`` returns with ``problem``, ``model``, ``version``, ``at``,
    ``synthetic``. ``figures``: caption → PNG, in this order. Names are escaped wherever they come from.
    """
    features = {str(name): dict(item) for name, item in (report.get("features") or {}).items()}
    blamed = sorted((n for n in features if features[n].get("drift")), key=lambda n: -_score(features[n]))
    calm = sorted((n for n in features if not features[n].get("drift")), key=lambda n: -_score(features[n]))
    status = _status(report)
    return (
        environment(html=True)
        .get_template("drift_report.html")
        .render(
            report={**dict.fromkeys(REPORT), **report},
            status=status,
            verdict=_verdict(status, report, blamed),
            advice=ADVICE[status],
            rows=[_row(name, features[name]) for name in (*blamed, *calm[:MOST_CALM])],
            more=len(calm[MOST_CALM:]),
            reasons=_reasons(report),
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


def _reasons(report: Mapping[str, Any]) -> list[str]:
    reasons = [str(reason) for reason in report.get("reasons") or []]
    more = len(reasons) - MOST_REASONS
    return (
        reasons if more <= 0 else [*reasons[:MOST_REASONS], f"And {more} more; the table below names them."]
    )


def _score(item: Mapping[str, Any]) -> float:
    for key in ("score", "effect"):
        value = item.get(key)
        if isinstance(value, int | float) and np.isfinite(value):
            return abs(float(value))
    return -1.0


def _row(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table: a feature's state, evidence, size, p-value, kind of test and medians."""
    p, test = item.get("p_value"), item.get("test")
    shown = "–"
    if isinstance(p, int | float) and np.isfinite(p):
        shown = "< 0.0001" if p < 1e-4 else f"{p:.4f}"
    medians = [(item.get(side) or {}).get("median") for side in ("reference", "current")]
    return {
        "name": name,
        "blamed": bool(item.get("drift")),
        "score": item.get("score"),
        "effect": item.get("effect"),
        "p_value": shown,
        "test": TESTS.get(str(test), str(test)) if test else "–",
        "medians": "–" if None in medians else f"{medians[0]:.4g} → {medians[1]:.4g}",
    }
