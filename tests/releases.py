"""A published release of small real bundles, as the agent leaves it in the run directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from artpulse_core.data import problems
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import Mode, ProblemRelease, Release, Slot
from artpulse_core.model import bundle
from tests import tables
from tests.bundles import make_bundle, make_table_bundle


def publish(run: Path, versions: Mapping[str, int], *, sequence: int = 1) -> Release:
    """Release ``versions`` (problem → version) under ``run``, making the bundles; the version is the seed."""
    served = {
        problem: ProblemRelease(model_of(problem), slot(run, problem, version))
        for problem, version in versions.items()
    }
    release = Release(sequence, "2026-11-20T10:00:00+00:00", served)
    releases.write(run, release)
    return release


def roll_out(
    run: Path,
    versions: tuple[int, int],
    mode: Mode,
    percent: float = 0.0,
    *,
    problem: str = "art_core5",
    salt: str = "salt",
    sequence: int = 2,
) -> ProblemRelease:
    """Release ``versions`` (primary, secondary) of one problem as a rollout, making the bundles."""
    primary, secondary = (slot(run, problem, version) for version in versions)
    secondary = replace(secondary, alias="challenger")
    item = ProblemRelease(model_of(problem), primary, mode, percent, salt, secondary)
    releases.write(run, Release(sequence, "2026-11-20T10:00:00+00:00", {problem: item}))
    return item


def slot(run: Path, problem: str, version: int) -> Slot:
    """The bundle of ``version`` under ``run``, made with the version as its seed unless it is there."""
    place = Path("bundles") / f"{problem}-{version}"
    made = (run / place).exists()
    if made:
        digest = bundle.digest_of(run / place)
    elif problem in tables.TEXTS:  # versions say much the same, each a little more than the one before
        digest = make_table_bundle(run / place, problem, lift=0.5 * version)
    else:
        digest = make_bundle(run / place, problem=problem, seed=version)
    return Slot("champion", version, digest, str(place))


def model_of(problem: str) -> str:
    """The registered name of the model of a shipped problem, or of one of ``tests.tables``."""
    if problem in tables.TEXTS:
        return tables.problem(problem).model
    return problems.read(problems.SHIPPED / f"{problem}.toml").model
