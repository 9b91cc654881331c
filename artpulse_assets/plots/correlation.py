"""The correlation heat map.

Belongs here: choosing, ordering and drawing the columns. Does not belong here: the correlation itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from artpulse_assets.association import associations
from artpulse_assets.columns import correlations
from artpulse_assets.plots.canvas import (
    INK,
    TOP_INCHES,
    canvas,
    plain,
    shorten,
)


def correlation_heatmap(
    columns: Mapping[str, Any], top: int = 30, *, categories: Collection[str] | None = None
) -> bytes:
    """Correlations of at most ``top`` columns, ordered so that those moving together lie together.

    ``columns``: name → n numbers, of which ``categories`` names those that hold level indices. Without it the figures
    are Pearson's, missing values replaced by the median; with it (it may be empty) Spearman's, and between 0 and 1
    where a category takes part (``association.strength``). Constant columns are left out. More than ``top``: those
    with the strongest tie to another. Raises ``ValueError`` with under two varying columns.
    """
    names, matrix = correlations(columns) if categories is None else associations(columns, categories)
    if len(names) < 2:
        raise ValueError("A correlation needs two columns that vary.")
    off = np.abs(matrix - np.eye(len(names)))
    kept = np.sort(np.argsort(-off.max(axis=0), kind="stable")[:top])
    kept = kept[_similar_order(matrix[np.ix_(kept, kept)])]
    shown = matrix[np.ix_(kept, kept)]
    texts = [plain(names[index], 22) for index in kept]
    size = float(np.clip(0.27 * len(kept), 3.4, 6.2))
    with canvas(TOP_INCHES + size + 0.9, size + 2.4 if size < 5 else 8.4) as page:
        axes = page.axes()
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set_xticks(range(len(kept)), texts, rotation=90 if len(kept) > 8 else 35)
        if len(kept) <= 8:
            for text in axes.get_xticklabels():
                text.set_horizontalalignment("right")
                text.set_rotation_mode("anchor")
        axes.set_yticks(range(len(kept)), texts)
        axes.tick_params(length=0, labelsize=9.5 if len(kept) <= 16 else 8, labelcolor=INK)
        axes.spines[:].set_visible(False)
        if len(kept) <= 12:
            for (row, column), value in np.ndenumerate(shown):
                ink = "white" if abs(value) > 0.6 else INK
                axes.text(
                    column,
                    row,
                    f"{value + 0.0:.2f}".replace("-0.00", "0.00"),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=ink,
                )
        bar = page.figure.colorbar(image, ax=axes, shrink=0.6, ticks=[-1, -0.5, 0, 0.5, 1])
        bar.outline.set_visible(False)
        bar.set_label(
            "correlation" if categories is None else "rank correlation" + (" or ratio" if categories else "")
        )
        row, column = np.unravel_index(int(np.argmax(off)), off.shape)
        pair = f"{shorten(names[row])} and {shorten(names[column])}"
        rows = len(next(iter(columns.values())))
        measure = (
            "r" if categories is None else "ρ" if not {names[row], names[column]} & set(categories) else "η"
        )
        page.head(
            f"{pair} move together most" if matrix[row, column] > 0 else f"{pair} oppose each other most",
            f"{measure} = {matrix[row, column]:.2f} · n = {rows:,} rows · {len(kept)} of {len(columns)} columns",
        )
        return page.png()


def _similar_order(matrix: np.ndarray) -> np.ndarray:
    """Leaf order of average-linkage clustering on 1 − |r|."""
    if len(matrix) < 3:
        return np.arange(len(matrix))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.abs((matrix + matrix.T) / 2)
    np.fill_diagonal(distance, 0)
    order: np.ndarray = leaves_list(
        linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    )
    return order
