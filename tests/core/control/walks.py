"""Every change, walked from step to step: what is prepared, what is asked, and what must hold afterwards.

Used by the walk that raises (``test_killed``) and by the one that kills real processes (``tests/faults``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artpulse_core.control import lineage, promotion
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ChangeConflict
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.core.control.conftest import MODEL, NOW, House
from tests.databases import whole_file
from tests.stepping import SteppingDatabase, SteppingRegistry, Steps

KEY = "walked"
STORES = ("artpulse.db", "mlflow.db")


@dataclass(frozen=True)
class Walk:
    """A change of the house ``three``; ``key``: it takes an idempotency key; ``by_hand``: the champion alias was moved."""

    prepare: Callable[[House], object]
    act: Callable[[House, str | None], object]
    key: bool = True
    by_hand: bool = False


def _colours(house: House) -> None:
    house.start(3, 2, mode="blue_green", percent=30)


def _register(house: House, _key: str | None) -> None:
    if Registry(house.settings).find_by_key(MODEL, "key-9") is None:
        house.register(9)


WALKS = {
    "promote": Walk(lambda house: None, lambda house, key: house.promote(3, 2, idempotency_key=key)),
    "promote the secondary": Walk(_colours, lambda house, key: house.promote(3, 2, idempotency_key=key)),
    "promote another": Walk(_colours, lambda house, key: house.promote(1, 2, idempotency_key=key)),
    "rollback": Walk(lambda house: None, lambda house, key: house.rollback(idempotency_key=key)),
    "rollback in a rollout": Walk(_colours, lambda house, key: house.rollback(idempotency_key=key)),
    "register": Walk(lambda house: None, _register, key=False),
    "start a canary": Walk(lambda house: None, lambda house, key: house.start(3, 2, idempotency_key=key)),
    "start blue-green": Walk(
        lambda house: None, lambda house, key: house.start(3, 2, mode="blue_green", idempotency_key=key)
    ),
    "set": Walk(_colours, lambda house, key: house.set_percent(50, idempotency_key=key)),
    "pause": Walk(_colours, lambda house, key: house.pause(idempotency_key=key)),
    "abort": Walk(_colours, lambda house, key: house.abort(idempotency_key=key)),
    "abort as failed": Walk(_colours, lambda house, key: house.abort(failed=True, idempotency_key=key)),
    "adopt": Walk(
        lambda house: house.registry.set_alias(MODEL, "champion", 1),
        lambda house, key: house.adopt(idempotency_key=key),
        by_hand=True,
    ),
    "freeze": Walk(lambda house: None, lambda house, key: house.freeze(idempotency_key=key)),
    "lift": Walk(lambda house: house.freeze(), lambda house, key: house.freeze(False, idempotency_key=key)),
}


def snapshot(house: House, folder: Path) -> None:
    """Keep the two stores of ``house`` in ``folder``."""
    house.db.dispose()
    folder.mkdir()
    for name in STORES:
        whole_file(house.settings.home / name)
        shutil.copy(house.settings.home / name, folder / name)


def restore(house: House, folder: Path) -> None:
    """Put the stores back as they were, and remove the note of the champion."""
    house.db.dispose()
    shutil.rmtree(house.settings.artifacts("art_core5"), ignore_errors=True)
    for name in STORES:
        for suffix in ("", "-wal", "-shm", "-journal"):
            (house.settings.home / f"{name}{suffix}").unlink(missing_ok=True)
        shutil.copy(folder / name, house.settings.home / name)


def stepping(house: House, steps: Steps) -> House:
    """``house`` in the hands of a process that dies at a step."""
    db: Database = SteppingDatabase(house.settings.database, steps)
    return House(house.settings, db, SteppingRegistry(house.settings, steps), house.folder, house.made)


def outcome(house: House) -> tuple[Any, ...]:
    """All that must be one thing or the other after a change: aliases, state, rejections, freezing, versions."""
    state = house.state
    return (
        house.aliases,
        (state.mode, state.primary, state.secondary, state.percent, state.paused, state.approved),
        (state.active, state.blue, state.green, state.outcome),
        lineage.rejected(house.rows),
        lineage.frozen_by(house.rows) is not None,
        len(house.registry.versions(MODEL)),
    )


def check(house: House, walk: Walk, before: Any, after: Any, form: Callable[[Any], Any] = tuple) -> str:
    """Recover, and assert that nothing lies between two states; then ask again. Returns the state of the row.

    ``form`` brings outcomes into the form in which ``before`` and ``after`` are given.
    """
    promotion.recover(house.db, house.registry, NOW)
    assert promotion.recover(house.db, house.registry, NOW) == []
    assert changes.open_rows(house.db) == []
    assert changes.verify_chain(house.db) is None
    row = changes.by_key(house.db, KEY) if walk.key else None
    ended = row.state if row is not None else "nothing"
    found = form(outcome(house))
    if walk.key:
        assert found == (after if ended == "done" else before), ended
    else:
        assert found in (before, after)
    agree(house, by_hand=walk.by_hand and ended != "done")
    try:
        walk.act(house, KEY)
    except ChangeConflict as error:
        assert ended == "undone", error
        walk.act(house, "again")
    assert form(outcome(house)) == after
    agree(house)
    return ended


def agree(house: House, *, by_hand: bool = False) -> None:
    """Assert that every alias is what the table says; the champion's too, unless it was moved ``by_hand``."""
    aliases = house.aliases
    wanted = lineage.aliases_of(house.rows, {info.version for info in house.registry.versions(MODEL)})
    if by_hand:
        wanted["champion"] = aliases["champion"]
    assert aliases == wanted
    note = house.settings.artifacts("art_core5") / "latest_model_uri.txt"
    assert not note.exists() or note.read_text() == f"models:/{MODEL}/{aliases['champion']}\n"
