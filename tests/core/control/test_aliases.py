"""Aliases are what the table says, and the table follows a hand that is adopted."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import artpulse_core
from artpulse_core.control import lineage
from artpulse_core.errors import ChangeRefused
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, House
from tests.core.control.walks import agree

Ask = Callable[[], object]


def test_the_note_of_the_champion_follows_each_change(three: House) -> None:
    note = three.settings.artifacts("art_core5") / "latest_model_uri.txt"
    three.promote(3, 2)
    assert note.read_text() == f"models:/{MODEL}/3\n"
    three.rollback()
    assert note.read_text() == f"models:/{MODEL}/2\n"
    note.unlink()
    note.mkdir()  # cannot be written: the change is made all the same
    assert three.rollback().state == "done"


def test_the_table_follows_an_alias_that_was_moved_by_hand(three: House) -> None:
    three.registry.set_alias(MODEL, "champion", 3)
    done = three.adopt()
    assert (done.action, done.expected, done.target, done.state) == ("adopt", 2, 3, "done")
    assert three.aliases == {"champion": 3, "previous": 2}
    assert three.rollback().target == 2
    assert three.aliases == {"champion": 2, "previous": 1}
    three.registry.set_alias(MODEL, "champion", 3)
    three.adopt()  # whoever decides for a rejected version takes the rejection back
    assert lineage.rejected(three.rows) == set()


def test_what_is_foreign_agrees_or_is_missing_is_not_adopted(three: House) -> None:
    with pytest.raises(ChangeRefused, match="as the table says"):
        three.adopt()
    three.registry.set_alias(MODEL, "champion", 3)
    three.registry.set_tag(MODEL, 3, "digest", "")
    with pytest.raises(ChangeRefused, match="has no digest"):
        three.adopt()
    three.registry.delete_alias(MODEL, "champion")
    with pytest.raises(ChangeRefused, match="no champion alias"):
        three.adopt()


def test_an_alias_that_was_removed_by_hand_is_put_back_by_a_promotion(three: House) -> None:
    three.registry.delete_alias(MODEL, "champion")
    three.registry.delete_alias(MODEL, "previous")
    three.promote(2, None)
    assert three.aliases == {"champion": 2, "previous": 1, "challenger": 3}


def test_a_champion_alias_that_was_removed_by_hand_is_put_back_by_a_rollback(three: House) -> None:
    three.registry.delete_alias(MODEL, "champion")
    change = three.rollback()
    assert (change.expected, change.target, three.aliases["champion"]) == (None, 2, 2)
    assert lineage.rejected(three.rows) == set()


def test_only_promotion_moves_an_alias() -> None:
    root = Path(artpulse_core.__file__).parent.parent
    callers = {
        path.name
        for package in ("artpulse_core", "artpulse_api", "artpulse_assets")
        for path in (root / package).rglob("*.py")
        if re.search(r"\.(set_alias|delete_alias|\w+_registered_model_alias)\(", path.read_text())
    }
    assert callers == {"promotion.py", "aliases.py", "registry.py"}


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, 24), *(pytest.param(n, 40, marks=pytest.mark.extended) for n in range(1, 8))],
)
def test_the_aliases_are_what_the_table_says_after_any_sequence_of_changes(
    three: House, seed: int, steps: int
) -> None:
    chance = random.Random(seed)

    def version() -> int:
        return chance.choice(list(three.registry.versions(MODEL))).version

    def champion() -> int:
        return three.aliases["champion"]

    def by_hand() -> object:
        three.registry.set_alias(MODEL, "champion", version())
        return three.adopt()

    actions: list[Ask] = [
        lambda: three.promote(version(), champion(), override=True),
        lambda: three.promote(three.state.secondary or version(), champion(), override=True),
        three.rollback,
        lambda: three.start(version(), champion(), mode=chance.choice(["canary", "blue_green", "shadow"])),
        lambda: three.start(version(), champion(), mode="blue_green"),
        lambda: three.set_percent(chance.choice([0, 5, 50, 100])),
        three.pause,
        three.abort,
        lambda: three.abort(failed=True),
        by_hand,
        lambda: three.freeze(chance.random() < 0.3),
        lambda: three.register(100 + len(three.made)),
    ]
    for number in range(steps):
        if number in (10, 20):
            actions[-1]()
        try:
            chance.choice(actions[:-1])()
        except ChangeRefused:
            if lineage.frozen_by(three.rows):
                three.freeze(False)
            if champion() != lineage.champion_of(three.rows):
                three.adopt()
        agree(three)
    assert changes.open_rows(three.db) == []
    assert changes.verify_chain(three.db) is None
    done = [row.action for row in three.rows if row.state == "done"]
    assert {"promote", "rollout", "adopt"} <= set(done)
    assert len(done) > steps / 3
