"""What the change table says about champions: pure functions over its rows.

Belongs here: which versions were champion, which were rejected, where a rollback goes. The aliases in MLflow
follow these answers and are never their source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from artpulse_core.store.changes import Change

MAKES_CHAMPION = ("promote", "rollback")


def champions(rows: Iterable[Change]) -> list[int]:
    """Versions in the order they became champion, oldest first; a version may come twice."""
    return [row.target for row in _done(rows) if row.target is not None]


def rejected(rows: Iterable[Change]) -> set[int]:
    """Versions that a rollback left and no later promotion brought back."""
    found: set[int] = set()
    for row in _done(rows):
        if row.action == "rollback" and row.expected is not None:
            found.add(row.expected)
        elif row.action == "promote" and row.target is not None:
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


def _done(rows: Iterable[Change]) -> list[Change]:
    return sorted(
        (row for row in rows if row.state == "done" and row.action in MAKES_CHAMPION),
        key=lambda row: row.sequence,
    )
