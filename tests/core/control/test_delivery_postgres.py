"""Progressive delivery through PostgreSQL: the same walk, and tickers of several hosts at one moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from artpulse_core.control.registry import Registry
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.core.control.conftest import House, opened_house
from tests.core.control.rolling import Rolling, impatient
from tests.databases import postgres

pytestmark = pytest.mark.extended


@pytest.fixture
def rolling(mlflow_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolling]:
    with postgres() as url:
        settings = mlflow_home.model_copy(update={"database_url": url})
        house = opened_house(settings, tmp_path_factory.mktemp("made"))
        for seed in range(3):
            house.register(seed)
        house.promote(1, None)
        house.promote(2, 1)
        yield Rolling(house)
        house.db.dispose()


def at_once(rolling: Rolling, house: House, many: int) -> list[str]:
    """What tickers with connections of their own did; only those that made a change themselves are listed."""
    start = threading.Barrier(many)

    def look(number: int) -> str | None:
        db = Database(house.settings.database)
        try:
            start.wait()
            found = rolling.tick(db=db, registry=Registry(house.settings), actor=f"host {number}")
            return found.decision if found.change is not None and not found.change.replayed else None
        finally:
            db.dispose()

    with ThreadPoolExecutor(many) as pool:
        return [decision for decision in pool.map(look, range(many)) if decision]


def test_hosts_that_look_at_once_step_once_and_stop_once(rolling: Rolling) -> None:
    house = rolling.house
    rolling.start(plan=impatient(steps=(10.0, 50.0)))
    rolling.asks()
    assert at_once(rolling, house, 4) == ["advance"]
    assert rolling.state.percent == 50
    rolling.asks(failing=300)
    assert at_once(rolling, house, 4) == ["abort"]
    assert (rolling.state.outcome, rolling.state.running) == ("failed", False)
    assert house.aliases == {"champion": 2, "previous": 1}
    assert changes.verify_chain(house.db) is None
