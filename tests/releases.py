"""A published release of small real bundles, as the agent leaves it in the run directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from artpulse_core.data import problems
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot
from artpulse_core.model import bundle
from tests.bundles import make_bundle


def publish(run: Path, versions: Mapping[str, int], *, sequence: int = 1) -> Release:
    """Release ``versions`` (problem → version) under ``run``, making the bundles; the version is the seed."""
    served = {}
    for problem, version in versions.items():
        place = Path("bundles") / f"{problem}-{version}"
        made = (run / place).exists()
        digest = bundle.digest_of(run / place) if made else make_bundle(run / place, problem=problem, seed=version)
        model = problems.read(problems.SHIPPED / f"{problem}.toml").model
        served[problem] = ProblemRelease(model, Slot("champion", version, digest, str(place)))
    release = Release(sequence, "2026-11-20T10:00:00+00:00", served)
    releases.write(run, release)
    return release
