"""A process that ends between any two steps of any change leaves nothing between two states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from artpulse_core.errors import RegistryError, StoreError
from artpulse_core.store import changes
from tests.core.control.conftest import House
from tests.core.control.walks import WALKS, check, outcome, restore, snapshot, stepping
from tests.stepping import Steps

QUICK = ("promote the secondary", "abort as failed")  # the others are walked by make test-all

Ends = tuple[Any, ...]


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of ours may catch it."""


def killed(name: str) -> None:
    raise Killed(name)


def never(name: str) -> None:
    raise AssertionError(name)


def failing(name: str) -> None:
    raise StoreError(name) if name.endswith("write") else RegistryError(name)


def walks(names: tuple[str, ...] = tuple(WALKS), quick: tuple[str, ...] = QUICK) -> list[object]:
    marks = {name: () if name in quick else (pytest.mark.extended,) for name in names}
    return [pytest.param(name, marks=mark, id=name) for name, mark in marks.items()]


def prepared(house: House, name: str, folder: Path) -> tuple[Ends, Ends]:
    WALKS[name].prepare(house)
    snapshot(house, folder)
    before = outcome(house)
    WALKS[name].act(house, None)
    after = outcome(house)
    return before, after


def counted(house: House, name: str, folder: Path, *, whole: bool) -> int:
    steps = Steps(never, whole=whole)
    restore(house, folder)
    counting = stepping(house, steps)
    WALKS[name].act(counting, None)
    counting.db.dispose()
    return steps.count


@pytest.mark.parametrize("name", walks())
def test_a_change_killed_at_any_step_is_completed_or_undone(three: House, name: str, tmp_path: Path) -> None:
    before, after = prepared(three, name, tmp_path / "kept")
    whole = name not in QUICK
    ended = []
    number = counted(three, name, tmp_path / "kept", whole=whole)
    for at in range(1, number + 1):
        restore(three, tmp_path / "kept")
        dead = stepping(three, Steps(killed, at, whole))
        with pytest.raises(Killed):
            WALKS[name].act(dead, "walked")
        dead.db.dispose()
        ended.append(check(three, WALKS[name], before, after))
    assert number >= 2
    if WALKS[name].key:
        assert (ended[0], ended[-1]) == ("nothing", "done")


@pytest.mark.parametrize(
    "name",
    walks(("promote the secondary", "rollback", "start blue-green", "set", "abort", "adopt"), ("set",)),
)
def test_a_change_that_fails_at_any_step_is_whole_too(three: House, name: str, tmp_path: Path) -> None:
    before, after = prepared(three, name, tmp_path / "kept")
    number = counted(three, name, tmp_path / "kept", whole=False)
    for at in range(1, number + 1):
        restore(three, tmp_path / "kept")
        broken = stepping(three, Steps(failing, at, whole=False))
        answered = False
        try:
            WALKS[name].act(broken, "walked")
            answered = True
        except (RegistryError, StoreError):
            row = changes.by_key(three.db, "walked")
            assert row is None or row.state != "done", "an error was raised for a change that was made"
        broken.db.dispose()
        ended = check(three, WALKS[name], before, after)
        assert ended == "done" or not answered, at
