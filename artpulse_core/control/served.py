"""The champion's bundle on this machine.

Belongs here: bringing it and checking that it is what was registered. What is served on a host is the agent's business.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from artpulse_core.data.problems import Problem
from artpulse_core.errors import BundleError
from artpulse_core.model import bundle
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    from artpulse_core.control.registry import Registry


def champion_folder(
    problem: Problem, version: int | None, settings: Settings, registry: Registry
) -> Path | None:
    """The champion's bundle on this machine, downloaded once; None when there is no champion.

    A damaged copy is fetched again. Raises ``BundleError`` when the registered bytes themselves are not those that
    were registered, or nobody recorded which they were.
    """
    info = registry.version(problem.model, version) if version is not None else None
    if info is None or version is None:
        return None
    if not info.digest:
        raise BundleError(
            f"Version {version} of {problem.model} has no digest: it was not registered by ArtPulse."
        )
    place = settings.cache / "bundles" / info.digest.removeprefix("sha256:")
    if place.exists():
        try:
            bundle.verify(place, info.digest)
        except BundleError:
            shutil.rmtree(place)
    if not place.exists():
        registry.download(problem.model, version, place)
    bundle.verify(place, info.digest)
    return place
