"""The end of a lane: a first champion, one that stays, and what is never promoted by a lane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artpulse_assets.pipeline import crowning
from artpulse_core.data import problems
from artpulse_core.errors import ChangeRefused
from tests.assets.conftest import NAME, Lane
from tests.core.control.conftest import MODEL, NOW, House, opened_house

YES = {"decision": "promote", "rules": [], "summary": "better"}


@pytest.fixture
def house(empty_lane: Lane, tmp_path: Path) -> Iterator[House]:
    """Version 1 is champion, version 2 waits."""
    house = opened_house(empty_lane.settings, tmp_path)
    house.register(0)
    house.promote(1, None)
    house.register(1)
    yield house
    house.db.dispose()


def crowned(house: House) -> dict[str, object]:
    return crowning.crown(
        problems.get(house.settings, NAME),
        {"version": 2, "verdict": YES},
        settings=house.settings,
        database=house.db,
        registry=house.registry,
        now=NOW,
        actor="lane",
    )


def test_a_rejected_version_does_not_wait_for_promotion(house: House) -> None:
    assert "challenger 2 waits" in str(crowned(house)["sentence"])
    house.promote(2, 1)
    house.rollback()
    told = crowned(house)
    assert (told["version"], told["rejected"]) == (1, True)
    assert "rejected in service" in str(told["sentence"])


def test_no_lane_fills_the_place_of_a_champion_whose_alias_was_removed(house: House) -> None:
    house.registry.delete_alias(MODEL, "champion")
    with pytest.raises(ChangeRefused, match=r"puts it back[.] Nothing was promoted"):
        crowned(house)
    assert "champion" not in house.registry.aliases(MODEL)
