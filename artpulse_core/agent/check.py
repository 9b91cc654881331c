"""A bundle tried in a process of its own: verify, load, give the golden answers, in time.

Belongs here: that one program, ``python -m artpulse_core.agent.check <folder> <digest> <budget>``, and running it. A
graph that crashes or hangs ONNX Runtime, or takes all memory, then costs a child and not the agent.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from artpulse_core.errors import ArtPulseError, BundleError

if TYPE_CHECKING:
    from artpulse_core.model.predictor import Predictor

TIMEOUT_SECONDS = 60.0
BUDGET_MS = 250.0  # median of one row; the models made here take 0.02 to 0.2 ms
ROUNDS = 7
MEASURING_SECONDS = 3.0


def in_child(
    folder: Path, digest: str, *, timeout: float = TIMEOUT_SECONDS, budget_ms: float = BUDGET_MS
) -> None:
    """Try the bundle in a child; raises ``BundleError`` with the child's sentence, or that it crashed or hung.

    A model whose median latency of one row is above ``budget_ms`` is refused.
    """
    command = [sys.executable, "-m", "artpulse_core.agent.check", str(folder), digest, str(budget_ms)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise BundleError(f"The model did not give its golden answers within {timeout:g} s.") from None
    if done.returncode == BundleError.exit_code:
        raise BundleError(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "The bundle is refused."
        )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [""]
        raise BundleError(f"The model crashed its trial (exit {done.returncode}). {last[0]}".strip())


def main(arguments: list[str]) -> int:
    """The child: 0 when the bundle is good, the error's exit code otherwise with one sentence on stderr."""
    from artpulse_core.model import bundle, golden
    from artpulse_core.model.predictor import Predictor

    folder, digest, budget_ms = arguments
    try:
        predictor = Predictor(bundle.load(Path(folder), digest))
        golden.check(predictor)
        within(predictor, float(budget_ms))
    except ArtPulseError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return BundleError.exit_code
    return 0


def within(predictor: Predictor, budget_ms: float) -> None:
    """Raise ``BundleError`` when the median time of answering one row is above ``budget_ms``."""
    import numpy as np

    row = np.zeros((1, len(predictor.bundle.manifest.feature_names)))
    begun = time.monotonic()
    taken: list[float] = []
    while len(taken) < ROUNDS and time.monotonic() - begun < MEASURING_SECONDS:
        start = time.perf_counter()
        predictor.predict(row)
        taken.append((time.perf_counter() - start) * 1000)
    if (median := statistics.median(taken)) > budget_ms:
        raise BundleError(f"The model takes {median:.3g} ms for one row; its budget is {budget_ms:g} ms.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
