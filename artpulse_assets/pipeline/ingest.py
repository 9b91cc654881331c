"""From a folder of pictures, and from feedback, to a table of features.

Belongs here: listing the pictures with label and group, extracting their features through the cache, and turning
labelled events into rows of the same shape. A file that is refused stays in the table with its reason until the
dataset sends it to quarantine, so nothing is lost on the way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpulse_core import features
from artpulse_core.data.images import Scan, scan
from artpulse_core.data.manifest import read_manifest
from artpulse_core.data.picture import REASONS
from artpulse_core.data.problems import Problem
from artpulse_core.data.sources import find_images, is_synthetic
from artpulse_core.errors import DataError
from artpulse_core.features.cache import FeatureCache
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

VERSION = "1"
NO_LABEL = "The picture lies in no label's folder; move it into <folder>/<label>/."


def shown(path: str) -> str:
    """A path as text that any encoder takes: undecodable bytes appear as ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Listing:
    """The pictures of a problem: ``frame`` has file (bytes), path, label, group, wanted, size, reason, message."""

    root: Path
    synthetic: bool
    frame: pd.DataFrame
    skipped: tuple[tuple[str, str], ...]
    digest: str


def folder(problem: Problem, settings: Settings) -> Path:
    """Where the pictures of ``problem`` lie; raises ``DataError`` naming what is missing."""
    return find_images(problem.source.dataset, dataset_dir=settings.dataset_dir, data_dir=settings.data)


def listing_digest(root: Path) -> str:
    """Hex digest over names, sizes and times of a folder: changes when a file comes, goes or is rewritten."""
    return _digest(root, scan(root))


def _digest(root: Path, found: Scan) -> str:
    whole = hashlib.sha256()
    for entry in found.files:
        whole.update(os.fsencode(f"{entry.path}\x00{entry.size}\x00{entry.mtime_ns}\n"))
    manifest = root / "manifest.csv"
    whole.update(manifest.read_bytes() if manifest.is_file() else b"")
    return whole.hexdigest()


def list_pictures(problem: Problem, settings: Settings) -> Listing:
    """List the pictures; reads no picture. Raises ``DataError`` for a missing folder or a wrong manifest."""
    import pandas as pd

    root = folder(problem, settings)
    found = scan(root)
    manifest = read_manifest(root)
    rows: list[dict[str, Any]] = []
    for entry in found.files:
        row = manifest.get(entry.path)
        label = row.label if row else entry.label
        reason = "" if label else "no_label"
        rows.append(
            {
                "file": os.fsencode(entry.path),
                "path": shown(entry.path),
                "label": shown(label),
                "group": row.group if row else "",
                "wanted": (row.split or "") if row else "",
                "size": entry.size,
                "reason": reason,
                "message": NO_LABEL if reason else "",
            }
        )
    for left in found.skipped:
        if left.refused:
            rows.append(
                {
                    "file": os.fsencode(left.path),
                    "path": shown(left.path),
                    "label": "",
                    "group": "",
                    "wanted": "",
                    "size": 0,
                    "reason": left.reason,
                    "message": REASONS[left.reason],
                }
            )
    if not rows:
        raise DataError(
            f"{problem.name}: the folder {str(root)!r} holds no picture. Expected <folder>/<label>/<picture> with at "
            f"least {problem.quality.min_labels} labels."
        )
    skipped = tuple((shown(left.path), left.reason) for left in found.skipped if not left.refused)
    return Listing(root, is_synthetic(root), pd.DataFrame(rows), skipped, _digest(root, found))


@dataclass(frozen=True)
class Featured:
    """``frame``: id, path, label, group, wanted, dhash, reason, message and one column a feature."""

    frame: pd.DataFrame
    computed: int
    reused: int


def extract(
    problem: Problem,
    listing: pd.DataFrame,
    root: Path,
    cache: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> Featured:
    """Features of every listed picture; unchanged files come from the cache."""
    import numpy as np
    import pandas as pd

    feature_set = features.get(problem.features)
    wanted = set(listing.loc[listing["reason"] == "", "file"])
    entries = [entry for entry in scan(root).files if os.fsencode(entry.path) in wanted]
    found = FeatureCache(cache, feature_set).extract_files(root, entries, on_progress=on_progress)
    numbers = pd.DataFrame(found.matrix, columns=list(feature_set.names))
    numbers.insert(0, "file", [os.fsencode(path) for path in found.paths])
    numbers.insert(1, "id", list(found.hashes))
    hashes = dict(zip(numbers["file"], found.dhash.tolist(), strict=True))
    refused = {os.fsencode(path): (reason, message) for path, reason, message in found.refused}
    table = listing.drop(columns=["size"]).merge(numbers, on="file", how="left")
    reasons = table["file"].map(lambda name: refused.get(name, ("", ""))[0])
    table["reason"] = table["reason"].where(table["reason"] != "", reasons)
    messages = table["file"].map(lambda name: refused.get(name, ("", ""))[1])
    table["message"] = table["message"].where(table["message"] != "", messages)
    gone = table["id"].isna() & (table["reason"] == "")
    table.loc[gone, ["reason", "message"]] = ["vanished", "The file went away while it was being read."]
    table["id"] = table["id"].fillna("")
    # Not merged: rows without a picture would turn the column to floats, which hold 53 of the 64 bits.
    table["dhash"] = np.array([hashes.get(name, 0) for name in table["file"]], dtype=np.uint64)
    return Featured(table.drop(columns=["file"]), found.computed, found.reused)


def labelled_rows(problem: Problem, events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Events with ground truth as rows like pictures; those of another feature fingerprint are left out."""
    import numpy as np
    import pandas as pd

    feature_set = features.get(problem.features)
    rows = [
        {
            "id": str(event["content"] or event["id"]),
            "path": f"feedback:{event['id']}",
            "label": str(event["label"]),
            "group": "",
            "wanted": "",
            "dhash": 0,
            "reason": "",
            "message": "",
            **{name: float(event["features"][name]) for name in feature_set.names},
        }
        for event in events
        if event["fingerprint"] == feature_set.fingerprint and event["features"]
    ]
    columns = ["id", "path", "label", "group", "wanted", "dhash", "reason", "message", *feature_set.names]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"dhash": np.uint64, **dict.fromkeys(feature_set.names, np.float64)})
