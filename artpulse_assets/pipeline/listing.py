"""What ingesting gives, for pictures and for tables alike.

Belongs here: the two records between ``raw`` and ``features``. Does not belong here: making them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Listing:
    """What there is to learn from, at ``root`` (a folder, or the file of a table).

    ``frame``: of pictures file (bytes), path, label, group, wanted, size, reason, message; of a table everything but
    the ids. ``skipped`` are things passed over with their reason code, ``digest`` changes with the data.
    """

    root: Path
    synthetic: bool
    frame: pd.DataFrame
    skipped: tuple[tuple[str, str], ...]
    digest: str


@dataclass(frozen=True)
class Featured:
    """``frame`` with ids, inputs and reasons (see ``frames``); how many rows were computed, how many taken from the
    cache.
    """

    frame: pd.DataFrame
    computed: int
    reused: int
