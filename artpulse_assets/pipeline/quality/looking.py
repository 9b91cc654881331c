"""How each picture of a folder looks: size, format, animation, colour and flatness.

Belongs here: measuring. Does not belong here: judging (``pictures``), or any number that is learned from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.images import decode, inspect, read
from artpulse_core.errors import ImageRefused

if TYPE_CHECKING:
    import pandas as pd

VERSION = "1"
SIDE = 32  # pixels on the long side; a JPEG of 224 px is decoded at an eighth, 0.6 ms
COLUMNS = ("path", "width", "height", "format", "frames", "chroma", "spread")


def looks(root: Path, files: Iterable[tuple[bytes, str]]) -> pd.DataFrame:
    """One row a picture that can be decoded: path, width, height, format, frames, chroma, spread.

    ``files``: name below ``root`` as bytes, and the path it is shown as (``file`` and ``path`` of a listing).
    ``chroma`` is the 95th percentile of max − min over the channels, ``spread`` the standard deviation of
    brightness, both 0–255 on a small copy.
    """
    import pandas as pd

    rows = [look for name, path in files if (look := _look(root / os.fsdecode(name), path)) is not None]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def kept(memo: Memo, root: Path, files: Iterable[tuple[bytes, str]], digest: str) -> pd.DataFrame:
    """``looks``, measured once for the listing of this ``digest``: a file read anew costs 1.5 ms."""
    import pandas as pd

    def build(folder: Path) -> None:
        looks(root, files).to_parquet(folder / "looks.parquet")

    place = memo.make("looks", {"listing": digest, "version": VERSION}, build).folder
    return pd.read_parquet(place / "looks.parquet")


def _look(file: Path, path: str) -> dict[str, Any] | None:
    try:
        data = read(file)
        header = inspect(data)
        pixels = decode(data, SIDE).astype(np.float64)
    except ImageRefused:
        return None  # the quarantine tells why
    return {
        "path": path,
        "width": header.width,
        "height": header.height,
        "format": header.format,
        "frames": header.frames,
        "chroma": float(np.percentile(np.ptp(pixels, axis=2), 95)),
        "spread": float(pixels.mean(axis=2).std()),
    }
