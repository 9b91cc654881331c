"""What the tests of faults share: an installation a module, and a running ``serve`` on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artpulse_core import settings as settings_module
from tests.core.control.conftest import House, house, opened_house, three, three_versions
from tests.faults.matrix import DEFAULT_KILLS, KILLS
from tests.serving import Serving, served
from tests.waiting import until

__all__ = ["house", "three", "three_versions"]


def copied(three_versions: Path, folder: Path) -> House:
    """An installation like ``three`` in ``folder``."""
    home = folder / "home"
    home.mkdir()
    for name in ("mlflow.db", "artpulse.db"):
        shutil.copy(three_versions / name, home / name)
    return opened_house(settings_module.load({}, home=home), folder)


@pytest.fixture(scope="module")
def shared(three_versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation like ``three`` that the tests of one module share."""
    house = copied(three_versions, tmp_path_factory.mktemp("shared"))
    yield house
    house.db.dispose()


@pytest.fixture(scope="module")
def serving(shared: House) -> Iterator[Serving]:
    """One running ``serve`` on it, in order; version 2 is champion at the start."""
    with served(shared.settings) as running:
        until(lambda: running.well(registry=True, database=True))
        yield running


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what was seen; it becomes a cell of the matrix."""
    return lambda text: record_property("seen", text)


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How many SIGKILLs the test under load sends."""
    return request.config.stash.get(KILLS, DEFAULT_KILLS)
