"""Pictures a second on one core, and how much faster an unchanged folder is.

Run: ``python benchmarks/features.py [--pictures 40]``. Makes its pictures in a temporary folder.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from artpulse_core import features
from artpulse_core.data.generator import generate, picture
from artpulse_core.data.images import scan
from artpulse_core.data.painting import LABELS
from artpulse_core.features.cache import FeatureCache


def enlarged(side: int, count: int) -> list[bytes]:
    """JPEGs of ``side`` pixels with fine grain, so that decoding is not easier than for a photograph."""
    out = []
    rng = np.random.default_rng(0)
    for number in range(count):
        small = Image.open(io.BytesIO(picture(LABELS[number % len(LABELS)], number, seed=1)))
        big = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
        noisy = np.clip(big + rng.normal(0, 6, (side, side, 1)), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
        out.append(buffer.getvalue())
    return out


def speed(name: str, pictures: list[bytes]) -> float:
    """Pictures per CPU second, best of three rounds."""
    feature_set = features.get(name)
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        for data in pictures:
            features.vector(data, feature_set)
        best = max(best, len(pictures) / (time.process_time() - start))
    return best


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    count = parser.parse_args().pictures
    for side in (256, 1024):
        pictures = enlarged(side, count)
        for name in ("core5", "rich"):
            print(f"{name:6} {side:5} px  {speed(name, pictures):7.0f} pictures per CPU second")
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "pictures", Path(folder) / "cache"
        start = time.process_time()
        made = generate(root, per_label=60, seed=0).written
        print(f"generated {made} pictures, {made / (time.process_time() - start):.0f} per CPU second")
        entries = scan(root).files
        for name in ("core5", "rich"):
            seconds = []
            for _ in range(2):
                start = time.perf_counter()
                result = FeatureCache(cache, features.get(name)).extract_files(root, entries)
                seconds.append(time.perf_counter() - start)
            ratio = seconds[0] / seconds[1]
            print(
                f"{name:6} {len(entries)} files: {seconds[0]:.2f} s; unchanged {seconds[1]:.3f} s,"
                f" {ratio:.0f} × faster, {result.computed} computed"
            )


if __name__ == "__main__":
    main()
