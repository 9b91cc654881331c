"""Changes in processes of their own: killed by SIGKILL at each step, or racing (``python -m`` with a home and a word).

Everything heavy is imported and mapped once, which would be two thirds of each try; each try is a fork of this process,
which itself opens no store. Prints one JSON line a walk or a race.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from mlflow.store.db import utils
from mlflow.store.model_registry import sqlalchemy_store as _versions  # noqa: F401 - before the forks
from mlflow.store.tracking import sqlalchemy_store as _runs  # noqa: F401 - before the forks
from sqlalchemy.orm import configure_mappers

from artpulse_core import settings as settings_module
from artpulse_core.control import lineage
from artpulse_core.control.desired import desired
from artpulse_core.errors import ChangeConflict
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, House, opened_house
from tests.core.control.walks import WALKS, agree, check, outcome, restore, snapshot, stepping
from tests.stepping import Steps

RACES = 8
# The others differ from these in what they write, not in the steps they take; ``test_killed`` walks them all.
KILLED = (
    "promote",
    "promote the secondary",
    "rollback",
    "register",
    "start blue-green",
    "set",
    "abort as failed",
    "adopt",
    "freeze",
)


def main(home: Path, word: str) -> int:
    """Walk every change, or let two promotions and a rollback race."""
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    utils._get_latest_schema_revision()
    configure_mappers()
    rows = (
        [race(home, number) for number in range(RACES)]
        if word == "race"
        else [walk(home, name) for name in KILLED]
    )
    for row in rows:
        sys.stdout.write(orjson.dumps(row).decode() + "\n")
    return 0


def walk(home: Path, name: str) -> dict[str, Any]:
    """Kill the change at each of its steps; ``wrong`` says where something lay between two states."""
    kept = home.parent / f"kept-{name.replace(' ', '-')}"
    ends = forked(lambda: prepare(house_of(home), name, kept))
    if "error" in ends:
        return {"walk": name, "steps": 0, "ended": [], "wrong": [ends["error"]]}
    wrong, ended = [], []
    for at in range(1, ends["steps"] + 1):
        pid = os.fork()
        if pid == 0:
            quietly(lambda at=at: act(house_of(home), name, kept, at))  # type: ignore[misc]  # mypy cannot infer it
        _, status = os.waitpid(pid, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            wrong.append(f"{at}: not killed but {status}")
            continue
        seen = forked(lambda: settle(house_of(home), name, ends))
        ended.append(seen.get("ended"))
        if "error" in seen:
            wrong.append(f"{at}: {seen['error']}")
    return {"walk": name, "steps": ends["steps"], "ended": ended, "wrong": wrong}


def prepare(house: House, name: str, kept: Path) -> dict[str, Any]:
    """What was before, what is after, and how many steps lie between."""
    start = house.folder / "kept-start"
    if start.exists():
        restore(house, start)
    else:
        snapshot(house, start)
    WALKS[name].prepare(house)
    snapshot(house, kept)
    before = outcome(house)
    steps = Steps(lambda _: None, whole=False)
    counting = stepping(house, steps)
    WALKS[name].act(counting, None)
    counting.db.dispose()
    after = outcome(house)
    return {"steps": steps.count, "before": plain(before), "after": plain(after)}


def act(house: House, name: str, kept: Path, at: int) -> None:
    """Make the change in a process that is killed at step ``at``."""
    restore(house, kept)
    steps = Steps(lambda _: os.kill(os.getpid(), signal.SIGKILL), at, whole=False)
    WALKS[name].act(stepping(house, steps), "walked")


def settle(house: House, name: str, ends: dict[str, Any]) -> dict[str, Any]:
    """Start again after the kill: recover, compare, and ask what a host should serve."""
    chosen = WALKS[name]
    ended = check(house, chosen, ends["before"], ends["after"], plain)
    serve = desired(house.db, house.registry, MODEL, None)
    state = lineage.state_of(house.rows)
    assert serve is not None
    assert serve.primary == state.primary == house.aliases["champion"]
    assert (serve.mode, serve.secondary, serve.percent) == (state.mode, state.secondary, state.percent)
    return {"ended": ended}


def race(home: Path, number: int) -> dict[str, Any]:
    """Two promotions and a rollback of one champion at the same moment."""
    kept = home.parent / "kept-race"
    forked(lambda: begin(house_of(home), kept))
    asks: tuple[Callable[[House], Any], ...] = (
        lambda house: house.promote(3, 2),
        lambda house: house.promote(1, 2, override=True),
        lambda house: house.rollback(expected=2),
    )
    ready, go = os.pipe()
    children = [start_racer(home, ask, ready, go) for ask in asks]
    os.close(ready)
    os.close(go)  # the end of the pipe is the shot
    answers = [finished(pid, channel) for pid, channel in children]
    return {
        **forked(lambda: raced(house_of(home))),
        "answers": [answer.get("answer", answer) for answer in answers],
    }


def begin(house: House, kept: Path) -> dict[str, Any]:
    """The same start for every race."""
    if kept.exists():
        restore(house, kept)
    else:
        snapshot(house, kept)
    return {}


def start_racer(home: Path, ask: Callable[[House], Any], ready: int, go: int) -> tuple[int, int]:
    """A child that opens its stores, waits for the shot, and asks."""

    def run() -> dict[str, Any]:
        os.close(go)
        house = house_of(home)
        house.registry.aliases(MODEL)
        os.read(ready, 1)
        try:
            return {"answer": ask(house).state}
        except ChangeConflict:
            return {"answer": "conflict"}

    return begun(run)


def raced(house: House) -> dict[str, Any]:
    """What is left after a race."""
    agree(house)
    return {
        "champion": house.aliases["champion"],
        "made": [
            row.target for row in house.rows if row.action in changes.MAKES_CHAMPION and row.state == "done"
        ][:-2],
        "open": len(changes.open_rows(house.db)),
        "broken": changes.verify_chain(house.db),
    }


def forked(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer of ``work`` in a child process; ``{"error": …}`` when it raised."""
    return finished(*begun(work))


def begun(work: Callable[[], dict[str, Any]]) -> tuple[int, int]:
    """Start a child; returns its id and where its answer can be read."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)

        def told() -> None:
            try:
                answer = work()
            except BaseException:  # noqa: BLE001 - whatever it was is the finding
                answer = {"error": traceback.format_exc()[-1500:]}
            os.write(into, orjson.dumps(answer, default=str))

        quietly(told)
    os.close(into)
    return pid, out


def finished(pid: int, out: int) -> dict[str, Any]:
    """Wait for a child and read its answer."""
    with os.fdopen(out, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    answer: dict[str, Any] = orjson.loads(text) if text else {"error": "no answer"}
    return answer


def quietly(work: Callable[[], None]) -> None:
    """Run in a forked child and leave without any cleaning up."""
    try:
        work()
    finally:
        os._exit(0)


def house_of(home: Path) -> House:
    """The installation in ``home``, opened by this process."""
    return opened_house(settings_module.load({}, home=home), home.parent)


def plain(value: Any) -> Any:
    """As JSON gives it back, so that ends can be compared over a pipe."""
    return orjson.loads(orjson.dumps(value, default=sorted, option=orjson.OPT_NON_STR_KEYS))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
