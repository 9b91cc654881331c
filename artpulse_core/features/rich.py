"""``rich``: about 370 explainable numbers of colour, texture, detail and layout; no weights.

Belongs here: putting the blocks together. Does not belong here: the blocks (``colour``, ``texture``,
``detail``, ``layout``). Nothing here reads file size, source dimensions, EXIF or source JPEG quality: they
tell where a picture comes from, not what it shows.
"""

from __future__ import annotations

import numpy as np

from artpulse_core.features.base import FeatureSet, luma, shrink
from artpulse_core.features.colour import colour_block, to_lab
from artpulse_core.features.detail import detail_block
from artpulse_core.features.layout import layout_block
from artpulse_core.features.texture import texture_block


def blocks(pixels: np.ndarray) -> dict[str, float]:
    """Name → number of (h, w, 3) uint8 pixels, in the order of ``Rich.names``."""
    lab = to_lab(pixels)
    grey = luma(pixels)
    texture = texture_block(pixels, lab, grey) | detail_block(pixels, lab, grey)
    return colour_block(pixels, lab) | texture | layout_block(lab, grey)


class Rich(FeatureSet):
    """The blocks at 192 pixels; histograms square-rooted, energies as logarithms."""

    name = "rich"
    version = 1
    side = 192

    def __init__(self) -> None:
        self.names = tuple(blocks(np.zeros((16, 16, 3), dtype=np.uint8)))

    def extract(self, pixels: np.ndarray) -> np.ndarray:
        """The numbers of (h, w, 3) uint8 pixels, shrunk to 192 pixels first where larger; always finite."""
        return np.fromiter(
            blocks(shrink(pixels, self.side)).values(), dtype=np.float64, count=len(self.names)
        )
