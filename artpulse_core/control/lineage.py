"""What the change table says: pure functions over its rows.

Belongs here: which version is champion, which were rejected, where a rollback goes, what is rolled out, whether
changes are frozen, and so where each alias must point. The aliases in MLflow follow these answers and are never
their source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from artpulse_core.control.rollout import COLOURS, Outcome, Rollout
from artpulse_core.store.changes import MAKES_CHAMPION, Change

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS, *COLOURS)


def champions(rows: Iterable[Change]) -> list[int]:
    """Versions in the order they became champion, oldest first; a version may come twice."""
    return [row.target for row in _done(rows, *MAKES_CHAMPION) if row.target is not None]


def champion_of(rows: Iterable[Change]) -> int | None:
    """The version that is champion by the table, or None."""
    return next(reversed(champions(rows)), None)


def audited(rows: Iterable[Change], champion: int | None) -> bool:
    """Whether the table knows that ``champion``, where the alias points, is it; False: another hand moved the alias.

    Between the alias and the end of its row the champion is the one that the open row is about.
    """
    rows = list(rows)
    moving = {row.target for row in rows if row.state == "open" and row.action in MAKES_CHAMPION}
    return champion in {champion_of(rows), *moving}


def rejected(rows: Iterable[Change]) -> set[int]:
    """Versions that a rollback left or that failed their rollout, and that nobody made champion again since."""
    found: set[int] = set()
    for row in _done(rows, *MAKES_CHAMPION, "rollout"):
        if row.action == "rollback" and row.expected is not None:
            found.add(row.expected)
        elif row.action == "rollout" and row.target is not None:
            if (row.rollout or {}).get("outcome") == "failed":
                found.add(row.target)
        elif row.target is not None:
            found.discard(row.target)
    return found


def rollback_target(rows: Iterable[Change], current: int | None, existing: Collection[int]) -> int | None:
    """The newest earlier champion that exists, was not rejected and is not ``current``; None if there is none.

    So a second rollback goes further back, and not forward to the version the first one left.
    """
    rows = list(rows)
    away = rejected(rows) | {current}
    return next(
        (version for version in champions(rows)[::-1] if version not in away and version in existing), None
    )


def state_row(rows: Iterable[Change]) -> Change | None:
    """The newest done row that says what is routed where, or None."""
    found = [row for row in _done(rows, *MAKES_CHAMPION, "rollout") if _has_state(row)]
    return found[-1] if found else None


def state_of(rows: Iterable[Change]) -> Rollout:
    """What is routed where by the table; one version alone when no row says anything else."""
    rows = list(rows)
    row = state_row(rows)
    champion = champion_of(rows)
    state = Rollout.from_dict(row.rollout) if row is not None and row.rollout is not None else Rollout()
    # A champion made before rows carried a state.
    return state if state.primary == champion else Rollout(primary=champion)


def start_row(rows: Iterable[Change], salt: str) -> Change | None:
    """The row that started the rollout with this salt, or None."""
    found = [row for row in rows if salt and (row.rollout or {}).get("salt") == salt]
    return min(found, key=lambda row: row.sequence, default=None)


def ended(rows: Iterable[Change], outcome: Outcome) -> Rollout:
    """The state with the whole share back at the primary and the colours as they were before the rollout began.

    Unchanged when nothing is being rolled out.
    """
    rows = list(rows)
    state = state_of(rows)
    if not state.running:
        return state
    earlier = [row for row in _done(rows, *MAKES_CHAMPION, "rollout") if _has_state(row)]
    before = next(
        (
            found
            for row in earlier[::-1]
            if (found := Rollout.from_dict(row.rollout or {})).salt != state.salt
        ),
        Rollout(),
    )
    return replace(
        state,
        mode="single",
        secondary=None,
        percent=0.0,
        paused=False,
        approved=False,
        active=before.active,
        blue=before.blue,
        green=before.green,
        outcome=outcome,
    )


def crowned(rows: Iterable[Change], version: int) -> Rollout:
    """The state once ``version`` is champion; a running rollout is over, ``promoted`` if this was its secondary.

    Where colours are used the active one follows: it flips when the version stands in the idle colour.
    """
    rows = list(rows)
    state = state_of(rows)
    if state.running and state.secondary == version:
        colours = (state.active, state.blue, state.green)
        state = replace(ended(rows, "promoted"), active=colours[0], blue=colours[1], green=colours[2])
    elif state.running:
        state = ended(rows, "ended")
    state = replace(state, primary=version)
    if not state.active:
        return state
    other = idle(state.active)
    if getattr(state, other) == version:
        return replace(state, active=other)
    return replace(state, blue=version) if state.active == "blue" else replace(state, green=version)


def idle(active: str) -> str:
    """The colour that is not ``active``."""
    return COLOURS[1] if active == COLOURS[0] else COLOURS[0]


def frozen_by(rows: Iterable[Change]) -> Change | None:
    """The row that froze changes, or None when they are not frozen."""
    found = _done(rows, "freeze")
    return found[-1] if found and (found[-1].rollout or {}).get("frozen") else None


def aliases_of(rows: Iterable[Change], existing: Collection[int]) -> dict[str, int]:
    """Where each alias points by the table; one that is missing here must not exist.

    ``challenger`` is the secondary while something is rolled out, else the newest version registered after the
    champion that never was champion and was not rejected; none before there is a champion.
    """
    rows = list(rows)
    champion, state = champion_of(rows), state_of(rows)
    wanted = {CHAMPION: champion, PREVIOUS: rollback_target(rows, champion, existing)}
    if state.running:
        wanted[CHALLENGER] = state.secondary
    elif champion is not None:
        away = rejected(rows) | set(champions(rows))
        made = [row.target for row in _done(rows, "register") if row.target in existing]
        wanted[CHALLENGER] = max(
            (
                version
                for version in made
                if version is not None and version > champion and version not in away
            ),
            default=None,
        )
    if state.active:
        wanted |= {"blue": state.blue, "green": state.green}
    return {
        alias: version for alias, version in wanted.items() if version is not None and version in existing
    }


def only_forward(row: Change) -> bool:
    """Whether a row is an abort: it is completed after a crash and never undone.

    So it counts as soon as its row is open; the aliases may follow when the registry answers again.
    """
    return row.action == "rollout" and bool((row.rollout or {}).get("outcome"))


def _has_state(row: Change) -> bool:
    return row.rollout is not None and "mode" in row.rollout


def _done(rows: Iterable[Change], *actions: str) -> list[Change]:
    counting = (row for row in rows if row.state == "done" or (row.state == "open" and only_forward(row)))
    return sorted((row for row in counting if row.action in actions), key=lambda row: row.sequence)
