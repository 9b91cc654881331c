"""Changes through a PostgreSQL database: its locks instead of SQLite's files, and who is told of a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import psycopg
import pytest

from artpulse_core.control import lineage, promotion
from artpulse_core.errors import ChangeConflict, ChangeRefused, RegistryError
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, NOW, Breaking, House, opened_house
from tests.core.control.walks import agree, stepping
from tests.databases import postgres
from tests.stepping import Steps

pytestmark = pytest.mark.extended


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of ours may catch it."""


def killed(name: str) -> NoReturn:
    raise Killed(name)


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
    assert house.aliases == {"champion": 2, "previous": 1, "challenger": 3}
    with pytest.raises(RegistryError):
        house.promote(3, 2, Breaking(house.settings, "set_alias", RegistryError, after=True))
    assert house.aliases == {"champion": 2, "previous": 1, "challenger": 3}
    with pytest.raises(Killed):
        house.promote(3, 2, Breaking(house.settings, "set_alias", Killed, after=True))
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


def test_promotions_and_rollouts_killed_at_each_step_are_whole_on_postgresql(house: House) -> None:
    for seed in range(3):
        house.register(seed)
    house.promote(1, None)
    house.promote(2, 1)
    tries = 0
    acts: tuple[Callable[[House], object], ...] = (
        lambda dead: dead.start(3, 2, mode="blue_green"),
        lambda dead: dead.set_percent(50),
        lambda dead: dead.abort(failed=True),
        lambda dead: dead.promote(1, 2, override=True),
        lambda dead: dead.promote(2, 1, override=True),
    )
    for act in acts:
        for at in range(1, 100):
            dead = stepping(house, Steps(killed, at, whole=False))
            try:
                act(dead)
            except Killed:
                tries += 1
            except (ChangeRefused, ChangeConflict):
                break  # the one before was completed
            else:
                break
            finally:
                dead.db.dispose()
            promotion.recover(house.db, house.registry, NOW)
            agree(house)
            assert changes.open_rows(house.db) == []
            assert changes.verify_chain(house.db) is None
    assert (house.aliases["champion"], lineage.rejected(house.rows)) == (2, {3})
    assert tries >= 20


def test_the_end_of_each_change_is_told_and_nothing_that_is_still_open(house: House) -> None:
    url = house.settings.database.replace("postgresql+psycopg:", "postgresql:")
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute(f"LISTEN {changes.CHANNEL}")
        house.register(0)
        assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == [MODEL]
        row = changes.open_change(
            house.db, model="other", action="promote", expected=None, target=1, actor="a", reason="r", verdict=None,
            idempotency_key=None, now=NOW,
        )  # fmt: skip
        assert list(listener.notifies(timeout=0.3)) == []
        changes.undo(house.db, row, NOW, "no")
        assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == ["other"]
