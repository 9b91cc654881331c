"""Several who look at one rollout, and people who act meanwhile: one change, and nobody is overruled."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from artpulse_core.control import delivery, promotion, traffic
from artpulse_core.control.advance import advance
from artpulse_core.control.registry import Registry
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.core.control.conftest import MODEL, House
from tests.core.control.rolling import Rolling, impatient


@pytest.fixture
def rolling(three: House) -> Rolling:
    return Rolling(three)


def test_looking_twice_changes_once(rolling: Rolling) -> None:
    rolling.start()
    rolling.asks()
    assert rolling.tick().decision == "advance"
    again = rolling.tick()
    assert (again.decision, again.change) == ("hold", None)  # the new percent has its own soak
    assert [stage.percent for stage in rolling.state.stages] == [1, 5]


def test_of_tickers_at_the_same_moment_one_makes_the_change(rolling: Rolling) -> None:
    rolling.start()
    rolling.asks()
    before = len(rolling.rows)
    start = threading.Barrier(4)

    def look(number: int) -> tuple[str, bool]:
        db = Database(rolling.house.settings.database)
        registry = Registry(rolling.house.settings)
        try:
            start.wait()
            found = rolling.tick(db=db, registry=registry, actor=f"ticker {number}")
            return found.decision, found.change is not None and not found.change.replayed
        finally:
            db.dispose()

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(look, range(4)))
    assert [made for _, made in seen].count(True) == 1
    assert len(rolling.rows) == before + 1
    assert [stage.percent for stage in rolling.state.stages] == [1, 5]
    assert changes.verify_chain(rolling.house.db) is None


def test_a_frozen_rollout_goes_no_further_but_is_stopped_and_a_lift_lets_it_go_on(rolling: Rolling) -> None:
    house = rolling.house
    rolling.start()
    rolling.asks()

    def freeze(on: bool) -> None:
        promotion.freeze(
            house.db, house.registry, MODEL, frozen=on, actor="bob", reason="the fair is on", now=rolling.now
        )

    freeze(True)
    rows = len(rolling.rows)
    for _ in range(2):
        found = rolling.tick()
        assert (found.decision, found.change) == ("hold", None)
        assert "bob" in found.sentence
        assert "the fair is on" in found.sentence
    assert len(rolling.rows) == rows  # looking leaves no rows
    freeze(False)
    assert rolling.tick().decision == "advance"
    freeze(True)
    rolling.asks(failing=300)
    assert rolling.tick("abort").decision == "abort"


def test_a_freeze_that_comes_while_a_tick_looks_is_obeyed_and_does_not_stick(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = rolling.house
    rolling.start()
    rolling.asks()
    words: dict[str, Any] = {"actor": "bob", "reason": "the fair is on", "now": rolling.now}
    real = advance

    def meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(delivery, "advance", real)
        promotion.freeze(house.db, house.registry, MODEL, frozen=True, **words)
        return real(*args)

    monkeypatch.setattr(delivery, "advance", meanwhile)
    found = rolling.tick()
    assert (found.decision, found.change) == ("hold", None)
    assert "bob" in found.sentence
    assert rolling.state.percent == 1
    promotion.freeze(house.db, house.registry, MODEL, frozen=False, **words)
    assert rolling.tick().decision == "advance"


@pytest.mark.parametrize("act", ["pause", "abort", "set"])
def test_a_person_who_acts_while_a_tick_looks_is_not_overruled(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    house = rolling.house
    rolling.start(plan=impatient(steps=(100.0,)), percent=100)
    rolling.asks()
    words: dict[str, Any] = {"actor": "bob", "reason": "I do not like it", "now": rolling.now}
    real = advance

    def meanwhile(*args: Any) -> Any:
        if act == "pause":
            traffic.pause(house.db, house.registry, MODEL, **words)
        elif act == "abort":
            traffic.abort(house.db, house.registry, MODEL, **words)
        else:
            traffic.set_percent(house.db, house.registry, MODEL, 10, **words)
        return real(*args)

    monkeypatch.setattr(delivery, "advance", meanwhile)
    found = rolling.tick()
    assert (found.decision, found.change) == ("hold", None), found.sentence
    assert (rolling.rows[0].state, rolling.rows[0].actor) == ("refused", "ticker")  # and the table says so
    assert (rolling.rows[1].state, rolling.rows[1].actor) == ("done", "bob")
    assert rolling.house.aliases["champion"] == 2
