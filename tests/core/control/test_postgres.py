"""Changes through a PostgreSQL database: its locks instead of SQLite's files."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from artpulse_core.control import promotion
from artpulse_core.errors import ChangeConflict, RegistryError
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, NOW, Breaking, House, opened_house
from tests.databases import postgres

pytestmark = pytest.mark.extended


@pytest.fixture
def house(mlflow_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with postgres() as url:
        settings = mlflow_home.model_copy(update={"database_url": url})
        house = opened_house(settings, tmp_path_factory.mktemp("made"))
        yield house
        house.db.dispose()


def test_changes_are_made_undone_recovered_and_raced_on_postgresql(house: House) -> None:
    for seed in range(3):
        house.register(seed)
    house.promote(1, None)
    house.promote(2, 1)
    with pytest.raises(RegistryError):
        house.promote(3, 2, Breaking(house.settings, "alias", RegistryError, after=False))
    assert house.aliases == {"champion": 2, "previous": 1}
    with pytest.raises(KeyboardInterrupt):
        house.promote(3, 2, Breaking(house.settings, "alias", KeyboardInterrupt, after=False))
    assert [row.state for row in promotion.recover(house.db, house.registry, NOW)] == ["done"]
    assert house.rollback().target == 2

    def work(version: int) -> bool:
        try:
            house.promote(version, 2, override=True)
        except ChangeConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, (1, 3, 1, 3))) == 1
    assert changes.verify_chain(house.db) is None
    assert changes.open_rows(house.db, MODEL) == []
