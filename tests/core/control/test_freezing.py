"""Frozen changes are refused, and what makes a night safer is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artpulse_core.control import promotion
from artpulse_core.errors import ChangeRefused
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, NOW, Away, Breaking, House

Ask = Callable[[], object]


def test_frozen_changes_are_refused_by_name_and_what_takes_away_is_not(three: House) -> None:
    three.start(3, 2)
    three.freeze()
    says = "frozen by night watch since 2026-03-01T00:00:00Z: a quiet night"
    requests: tuple[Ask, ...] = (
        lambda: three.promote(3, 2),
        lambda: three.set_percent(50),
        three.freeze,
    )
    for request in requests:
        with pytest.raises(ChangeRefused, match=says):
            request()
    three.pause()
    three.abort()
    with pytest.raises(ChangeRefused, match=says):
        three.start(3, 2)
    assert three.register(8) == 4
    assert three.rollback().target == 1
    three.registry.set_alias(MODEL, "champion", 3)
    with pytest.raises(ChangeRefused, match=says):
        three.adopt()
    three.freeze(False)
    with pytest.raises(ChangeRefused, match="not frozen"):
        three.freeze(False)
    three.adopt()
    assert three.promote(4, 3).state == "done"


def test_freezing_works_while_the_registry_is_away(three: House) -> None:
    assert three.freeze(registry=Away(three.settings)).state == "done"
    assert three.freeze(False, registry=Away(three.settings)).state == "done"


@pytest.mark.parametrize("killed", [False, True])
def test_freezing_works_beside_a_row_that_waits_for_the_registry(three: House, killed: bool) -> None:
    away = Away(three.settings)
    if killed:
        with pytest.raises(KeyboardInterrupt):
            three.promote(3, 2, Breaking(three.settings, "set_alias", KeyboardInterrupt, after=True))
    else:
        three.start(3, 2)
        three.abort(away)
    assert three.freeze(registry=away).state == "done"
    assert [row.state for row in promotion.recover(three.db, three.registry, NOW)] == ["done"]
    assert changes.verify_chain(three.db) is None
    with pytest.raises(ChangeRefused, match="frozen by night watch"):
        three.promote(1, 3 if killed else 2)
