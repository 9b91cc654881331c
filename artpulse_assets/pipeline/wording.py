"""Numbers and foreign text as people read them, and the templates of pages.

Belongs here: what every page shares. Does not belong here: what a page says (``cards``, ``drift_page``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.metric_names import readable

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment(*, html: bool) -> Environment:
    """The templates of this package; ``html`` escapes everything, Markdown escapes by the ``cell`` filter."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Markdown has no autoescape of its own: there every foreign text goes through the ``cell`` filter.
    made = Environment(
        loader=PackageLoader("artpulse_assets"),
        autoescape=html,  # noqa: S701 - off for Markdown alone, see above
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "cell": cell,
        "code": code,
        "figure": figure,
        "interval": interval,
        "difference": difference,
        "percent": percent,
        "bound": bound,
        "metric": readable,
    }
    return made


def cell(value: object) -> str:
    """Text of unknown origin as one line of Markdown without markup: nothing in it opens a tag, link or column."""
    text = "".join(c if c.isprintable() else " " for c in str(value))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~])", r"\\\1", " ".join(text.split()))
    return re.sub(r"(?<!\w)_|_(?!\w)|^[#+-]", r"\\\g<0>", text)  # inside a word an underscore is no markup


def code(value: object) -> str:
    """Text of unknown origin between backticks, on one line, that cannot close them or a table's cell."""
    text = "".join(c if c.isprintable() and c not in "`|" else " " for c in str(value))
    return f"`{' '.join(text.split())}`"


def figure(value: Any, digits: int = 3) -> str:
    """A number as people read it: ``0.671``, ``1,204``, ``48,213``, ``–`` when unknown."""
    if value is None or isinstance(value, bool | str) or not np.isfinite(value):
        return "–"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    number = float(value)
    if number != 0 and (abs(number) < 10**-digits or abs(number) >= 1e9):
        return f"{number:.2g}"
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.{digits}f}"


def bound(value: Any) -> str:
    """The end of a range, as short as it was written: ``0``, ``0.5``, ``1e+06``; ``–`` when there is none."""
    if value is None or isinstance(value, bool | str) or not np.isfinite(value):
        return "–"
    return f"{float(value):.6g}"


def percent(value: Any) -> str:
    """A share 0–1 as ``45.9 %``; ``–`` when unknown."""
    shown = figure(None if value is None else 100.0 * float(value), 1)
    return shown if shown == "–" else f"{shown} %"


def interval(value: Any) -> str:
    """``0.671 (0.612–0.728)`` from ``{"value", "low", "high"}`` or a plain number; negative ends are parted by "to"."""
    if not isinstance(value, Mapping):
        return figure(value)
    low, high = value.get("low"), value.get("high")
    if low is None or high is None or not np.isfinite(low + high):
        return figure(value.get("value"))
    dash = "–" if low >= 0 else " to "
    return f"{figure(value.get('value'))} ({figure(low)}{dash}{figure(high)})"


def difference(value: Any) -> str:
    """``-0.012 (-0.030 to +0.006)`` from ``{"value", "low", "high"}``; empty for None."""
    if not isinstance(value, Mapping) or value.get("value") is None:
        return ""

    def signed(number: Any) -> str:
        return f"+{figure(number)}" if number is not None and number > 0 else figure(number)

    return f"{signed(value['value'])} ({signed(value.get('low'))} to {signed(value.get('high'))})"


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
