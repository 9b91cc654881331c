"""Where a rollback goes, from any history of changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from artpulse_core.control import lineage
from artpulse_core.store.chain import FIRST
from artpulse_core.store.changes import Change


def row(sequence: int, action: str, expected: int | None, target: int | None, state: str = "done") -> Change:
    return Change(
        sequence, "m", action, expected, target, None, "a", "r", None, None, state, "t", None, FIRST, FIRST
    )


@given(st.lists(st.sampled_from(["promote", "back", "refused", "undone"]), max_size=20))
def test_rolling_back_never_returns_to_a_version_it_left(steps: list[str]) -> None:
    rows: list[Change] = []
    current, newest = None, 0
    left: set[int] = set()
    for number, step in enumerate(steps):
        if step == "back":
            target = lineage.rollback_target(rows, current, range(100))
            if target is None or current is None:
                continue
            assert target not in left
            assert target != current
            left.add(current)
            rows.append(row(number, "rollback", current, target))
            current = target
        else:
            newest += 1
            done = "done" if step == "promote" else step
            rows.append(row(number, "promote", current, newest, done))
            current = newest if step == "promote" else current
    assert lineage.rejected(rows) == left
    assert lineage.champion_of(rows) == current


def test_a_version_that_is_gone_is_passed_over() -> None:
    rows = [row(n, "promote", n - 1 or None, n) for n in (1, 2, 3)]
    assert lineage.rollback_target(rows, 3, {1, 3}) == 1
    assert lineage.rollback_target(rows, 3, {3}) is None


def test_a_champion_is_audited_when_a_row_put_it_there_or_is_about_to() -> None:
    first, second = row(1, "promote", None, 1), row(2, "promote", 1, 2, "open")
    assert [lineage.audited([first], version) for version in (None, 1, 2)] == [False, True, False]
    assert [lineage.audited([second, first], version) for version in (1, 2)] == [True, True]
    assert lineage.audited([], None)
    assert not lineage.audited([row(1, "promote", None, 1, "refused")], 1)
