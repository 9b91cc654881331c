"""The reasons of an answer as text: contributions with bars, the palette, and the nearest examples.

Belongs here: how they look in a terminal. Does not belong here: what they are (``artpulse_core.model.reasons``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

BAR = 20


def lines(found: Mapping[str, Any], unit: str) -> list[str]:
    """Indented lines about one answer; ``found`` is what ``reasons.of_row`` or ``of_picture`` says of it."""
    told = found["explanation"]
    out = _contributions(told, unit) if told else ["no part of this input has a name that people know"]
    if found.get("palette"):
        out.append(f"palette: {', '.join(_colour(item) for item in found['palette'])}")
    out.append("nearest training examples:")
    out += [f"  {line}" for line in _aligned([_neighbour(item) for item in found["neighbours"]])]
    return [f"  {line}" for line in out]


def _contributions(told: Mapping[str, Any], unit: str) -> list[str]:
    items = [*told["contributions"]]
    if told["rest"]:
        items.append({"name": "all others", "value": "", "contribution": told["rest"]})
    largest = max((abs(item["contribution"]) for item in items), default=0.0) or 1.0
    digits = min(9, max(0, 2 - math.floor(math.log10(largest))))
    numbers = [f"{item['contribution']:+,.{digits}f}" for item in items]
    width = max(map(len, numbers), default=0)
    rows = [
        (item["name"], _value(item["value"]), number.rjust(width), _bar(item["contribution"] / largest))
        for item, number in zip(items, numbers, strict=True)
    ]
    sure = f", each to about {told['uncertainty']:.1g}" if told["uncertainty"] else ""
    what = {"probability": "probability of ", "log_odds": "log-odds of "}.get(told["quantity"], "")
    name = f"{what}{told['label']}" if told["label"] is not None else f"value{' in ' if unit else ''}{unit}"
    head = f"{name}: {told['reference']:.3g} for typical rows, {told['answer']:.3g} here ({told['method']}{sure})"
    return [head, *(f"  {line}" for line in _aligned(rows))]


def _bar(share: float) -> str:
    """As long as ``share`` (-1 to 1) is large, of its sign."""
    return ("+" if share > 0 else "-") * max(1, round(abs(share) * BAR)) if share else ""


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _neighbour(item: Mapping[str, Any]) -> tuple[str, str, str]:
    return item["id"], _value(item.get("label", item.get("value"))), f"{item['distance']:.2f} away"


def _colour(item: Mapping[str, Any]) -> str:
    return f"{item['colour']} {item['share']:.0%}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
