"""The figure of slices: one metric over parts of the rows.

Belongs here: how slices look. Does not belong here: which parts there are (``artpulse_assets.pipeline.slices``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_assets.metric_names import lower_is_better, readable
from artpulse_assets.plots.canvas import ACCENT, ALARM, MUTED, TOP_INCHES, canvas, plain, shorten
from artpulse_assets.plots.pictures import smaller
from artpulse_assets.plots.whiskers import number, room, shown, whisker

MOST_SLICES = 40
MAX_BYTES = 100_000


def slices(rows: Sequence[Mapping[str, Any]], metric: str, *, overall: float | None = None) -> bytes:
    """The metric over parts of the rows with 95 % intervals, in blocks by what they are parts of.

    ``rows``: ``by``, ``slice``, ``n``, ``value``, and where known ``low``, ``high``. ``overall``: the figure over all
    rows, a line; a part whose whole interval is worse is drawn in orange. At most 40 parts. Raises ``ValueError``
    without rows.
    """
    if not rows:
        raise ValueError("There is no slice to draw.")
    lower = lower_is_better(metric)
    kept = _whole_blocks(rows, MOST_SLICES)
    places, names, heads = [], [], []
    at = 0.0
    for index, row in enumerate(kept):
        if index == 0 or row["by"] != kept[index - 1]["by"]:
            heads.append((at, str(row["by"])))
            at += 0.85
        places.append(at)
        names.append(f"{shorten(row['slice'], 40)} ({row['n']:,})")
        at += 1
    with canvas(TOP_INCHES + 0.75 + 0.25 * at) as page:
        axes = page.axes()
        worse = 0
        for place, row in zip(places, kept, strict=True):
            value = number(row, "value", np.nan)
            near = number(row, "low" if lower else "high", value)
            bad = overall is not None and (near > overall if lower else near < overall)
            worse += bad
            whisker(axes, place, row, shown(row), ALARM if bad else ACCENT, small=True)
        if overall is not None:
            axes.axvline(overall, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
        axes.set_yticks(places, [plain(name, 52) for name in names])
        axes.set_ylim(at - 0.4, -0.6)
        room(axes)
        for place, name in heads:
            axes.annotate(
                shorten(name, 40),
                (0, place),
                (-5, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                weight="bold",
                fontsize=9.5,
                parse_math=False,
            )
        how = ["dashed: all rows"] if overall is not None else []
        how += ["less is better"] if lower else []
        axes.set_xlabel(f"{plain(readable(metric), 50)} ({', '.join([*how, 'line: 95 % interval'])})")
        title = f"{worse} of {len(kept)} slices are clearly worse than the whole"
        if overall is None or not worse:
            title = "No slice is clearly worse than the whole" if overall is not None else "Slice by slice"
        hidden = f" · {len(kept)} of {len(rows)} slices" if len(kept) < len(rows) else ""
        page.head(title, "rows of a slice in brackets; clearly: its whole interval" + hidden)
        png = page.png()
        return png if len(png) <= MAX_BYTES else smaller(png, MAX_BYTES)


def _whole_blocks(rows: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Rows by block in the order given, blocks that would not fit whole left out (the first one is cut)."""
    blocks: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        blocks.setdefault(str(row["by"]), []).append(row)
    kept: list[Mapping[str, Any]] = []
    for block in blocks.values():
        if len(kept) + len(block) <= most or not kept:
            kept.extend(block[:most])
    return kept
