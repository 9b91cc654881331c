"""A bundle tried in a process of its own: verify, load, give the golden answers.

Belongs here: that one program, ``python -m artpulse_core.agent.check <folder> <digest>``, and running it. A graph
that crashes or hangs ONNX Runtime then costs a child and not the agent.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from artpulse_core.errors import ArtPulseError, BundleError

TIMEOUT_SECONDS = 60.0


def in_child(folder: Path, digest: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
    """Try the bundle in a child; raises ``BundleError`` with the child's sentence, or that it crashed or hung."""
    command = [sys.executable, "-m", "artpulse_core.agent.check", str(folder), digest]
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

    folder, digest = arguments
    try:
        golden.check(Predictor(bundle.load(Path(folder), digest)))
    except ArtPulseError as error:
        sys.stderr.write(f"{error}\n")
        return BundleError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
