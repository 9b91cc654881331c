"""From a folder of pictures to rows of features.

Belongs here: listing the pictures with label and group, and extracting their features through the cache. A file that
is refused stays in the frame with its reason until the dataset sends it to quarantine, so nothing is lost on the way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpulse_assets.pipeline.listing import Featured, Listing
from artpulse_core import features
from artpulse_core.data.images import Scan, scan
from artpulse_core.data.manifest import read_manifest
from artpulse_core.data.picture import REASONS
from artpulse_core.data.problem import Images, Problem
from artpulse_core.data.sources import find_images, is_synthetic
from artpulse_core.errors import DataError
from artpulse_core.features.cache import FeatureCache
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

NO_LABEL = "The picture lies in no label's folder; move it into <folder>/<label>/."


def shown(path: str) -> str:
    """A path as text that any encoder takes: undecodable bytes appear as ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def folder(problem: Problem, settings: Settings) -> Path:
    """Where the pictures of ``problem`` lie; raises ``DataError`` naming what is missing."""
    assert isinstance(problem.source, Images)
    if not problem.source.folder:
        return find_images(problem.source.dataset, dataset_dir=settings.dataset_dir, data_dir=settings.data)
    found = Path(problem.source.folder)
    if not found.is_dir():
        raise DataError(
            f"{problem.name}: the folder {str(found)!r} is gone; put it back, or name another with "
            f"`artpulse data add {problem.name} --images DIR --replace`."
        )
    return found


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
                "target": float("nan"),
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
                    "target": float("nan"),
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

    feature_set = features.get(problem.features, cache=cache.parent / "weights")
    wanted = set(listing.loc[listing["reason"] == "", "file"])
    entries = [entry for entry in scan(root).files if os.fsencode(entry.path) in wanted]
    found = FeatureCache(cache, feature_set).extract_files(root, entries, on_progress=on_progress)
    numbers = pd.DataFrame(found.matrix, columns=list(feature_set.names))
    watch = feature_set.watch
    if (
        watch.fingerprint != feature_set.fingerprint
    ):  # what is kept of an answer, beside what is too wide for that
        kept = FeatureCache(cache, watch).extract_files(root, entries)
        readable = pd.DataFrame(kept.matrix, columns=list(watch.names), index=list(kept.paths))
        fresh = [name for name in watch.names if name not in numbers]
        numbers[fresh] = readable.loc[list(found.paths), fresh].to_numpy()
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
