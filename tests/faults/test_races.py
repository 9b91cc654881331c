"""Many change at once, or one dies half way, while a server runs: one winner each, and alias, table and server agree."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable

import orjson
import pytest

from artpulse_core.control import lineage
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.core.control.conftest import MODEL, House
from tests.core.control.rolling import Rolling
from tests.servers import ROOT
from tests.serving import Serving, load_on
from tests.waiting import until

pytestmark = pytest.mark.extended

# A process of its own: home, what to do, and how often; it waits for the file `go` and prints what became of each.
SCRIPT = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
import orjson
from artpulse_core import settings as s
from artpulse_core.control import delivery, promotion
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, ChangeConflict, ChangeRefused
from artpulse_core.store.database import Database
home, what, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = s.load({}, home=home)
db, registry, model = Database(settings.database), Registry(settings), "artpulse-classifier"
now = lambda: datetime.now(UTC)
registry.aliases(model)
if what == "die":
    real = registry.set_alias
    def once(*words):
        real(*words)
        os.kill(os.getpid(), 9)
    registry.set_alias = once
(home / f"ready-{os.getpid()}").touch()
while not (home / "go").exists():
    time.sleep(0.005)
told = []
for turn in range(times):
    champion = registry.alias(model, "champion")
    try:
        if what == "rollback":
            row = promotion.rollback(db, registry, model, actor="racer", reason=f"turn {turn}", now=now())
        elif what == "tick":
            found = delivery.tick(db, registry, model, "art_core5", may="step", actor="racer", now=datetime.fromisoformat(sys.argv[4]))
            row = found.change if found.change is not None and not found.change.replayed else None
        else:
            version = int(sys.argv[4])
            key = sys.argv[5] if len(sys.argv) > 5 else None
            expected = int(sys.argv[6]) if len(sys.argv) > 6 else champion
            row = promotion.promote(db, registry, model, version, expected=expected, actor="racer", reason=f"turn {turn}",
                                    verdict=None, override=True, idempotency_key=key, now=now())
        told.append([row.state, row.sequence] if row else ["held", 0])
    except (ChangeConflict, ChangeRefused) as error:
        told.append([type(error).__name__, 0])
print(orjson.dumps(told).decode())
"""


def race(house: House, *racers: tuple[str, ...]) -> list[list[list[object]]]:
    """Start these processes, let them go at once; what each was told, in their order (nothing from one that died)."""
    home = house.settings.home
    for path in [*home.glob("ready-*"), *home.glob("go")]:
        path.unlink()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(home), *words],
            cwd=ROOT, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
        for words in racers
    ]  # fmt: skip
    until(lambda: len(list(home.glob("ready-*"))) == len(racers), 120)
    (home / "go").touch()
    outs = [process.communicate(timeout=120)[0] for process in processes]
    return [orjson.loads(out) if out else [] for out in outs]


def agreed(house: House, serving: Serving) -> int:
    """The version that alias, table and every worker agree on, nothing being open and the chain whole."""
    champion = house.aliases["champion"]
    rows = changes.history(house.db, MODEL)
    assert lineage.champion_of(rows) == champion
    assert changes.open_rows(house.db, MODEL) == []
    assert changes.verify_chain(house.db) is None
    until(lambda: serving.whole(champion), 60)
    assert serving.versions() == {champion}
    return champion


def counted(house: House) -> int:
    return len(
        [row for row in changes.history(house.db, MODEL) if row.state == "done" and row.actor == "racer"]
    )


@pytest.mark.fault(
    "two promotions and a rollback racing, five times each",
    "every one done or refused by name; alias, table and both workers agree, the chain holds",
)
def test_three_at_once(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    before = counted(shared)
    with load_on(serving, pause=0.01) as load:
        told = race(shared, ("promote", "5", "1"), ("promote", "5", "3"), ("rollback", "5"))
        champion = agreed(shared, serving)
    every = [state for racer in told for state, _ in racer]
    assert len(every) == 15
    assert set(every) <= {"done", "ChangeConflict", "ChangeRefused"}
    assert every.count("done") == counted(shared) - before >= 1
    assert set(load.statuses) == {200}
    assert champion in {1, 2, 3}
    seen("15 answers, as many rows done as told, all agree, all requests 200")


@pytest.mark.fault(
    "one promotion sent three times with one idempotency key", "one row; all three get the same answer"
)
def test_one_key(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    champion = shared.aliases["champion"]
    other = str(next(version for version in (1, 2, 3) if version != champion))
    before = counted(shared)
    told = race(shared, *[("promote", "2", other, "one-key", str(champion))] * 3)
    every = [tuple(answer) for racer in told for answer in racer]
    done = {answer for answer in every if answer[0] == "done"}
    assert len(done) == 1
    assert {answer[0] for answer in every} <= {
        "done",
        "ChangeConflict",
    }  # one that meets the other at work may be sent away
    assert counted(shared) == before + 1
    assert agreed(shared, serving) == int(other)
    seen("one row, one answer")


@pytest.mark.fault(
    "a promotion killed between the alias and the closing of its row",
    "the agent completes or undoes it: all agree",
)
def test_died_half_way(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    champion = shared.aliases["champion"]
    other = str(next(version for version in (1, 2, 3) if version != champion))
    with load_on(serving, pause=0.01) as load:
        assert race(shared, ("die", "1", other)) == [[]]
        until(lambda: not changes.open_rows(shared.db, MODEL), 60)
        champion = agreed(shared, serving)
    assert set(load.statuses) == {200}
    row = next(row for row in changes.history(shared.db, MODEL) if row.actor == "racer")
    assert (row.state == "done") == (champion == int(other))
    assert len(serving.lines("open change settled")) >= 1
    seen(f"settled by the agent as {row.state}, alias, table and workers agree, all requests 200")


@pytest.mark.fault("three sensors look at one rollout at once, twice", "one step, one row")
def test_double_ticks(three: House, seen: Callable[[str], None]) -> None:
    rolling = Rolling(three)
    rolling.start()
    rolling.asks()
    before = len(rolling.rows)
    told = race(three, *[("tick", "2", rolling.now.isoformat())] * 3)
    every = [state for racer in told for state, _ in racer]
    assert every.count("done") == 1
    assert len(rolling.rows) == before + 1
    assert [stage.percent for stage in rolling.state.stages] == [1, 5]
    assert changes.verify_chain(three.db) is None
    seen("6 looks, 1 step, 1 row")


@pytest.mark.fault("a row of the table of changes altered by hand", "found, with its sequence")
def test_altered_row(three: House, seen: Callable[[str], None]) -> None:
    path = three.settings.home / "artpulse.db"
    rows = changes.history(three.db, MODEL)
    three.db.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE changes SET actor = 'nobody' WHERE sequence = ?", (rows[1].sequence,))
    db = Database(three.settings.database)
    assert changes.verify_chain(db) == rows[1].sequence
    db.dispose()
    seen("the altered sequence is named")
