"""What a host should serve of one model: the champion alias, and the rollout that the change table says runs.

Belongs here: that answer, from registry and table, and from the old release where the table cannot be asked. Does
not belong here: whether the versions can be brought and trusted (``artpulse_core.agent.pull``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from artpulse_core.control import lineage
from artpulse_core.control.lineage import CHALLENGER, CHAMPION, PREVIOUS
from artpulse_core.control.registry import Registry
from artpulse_core.control.rollout import Rollout
from artpulse_core.errors import StoreError
from artpulse_core.exchange.release import Mode, ProblemRelease
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

LOOK_BACK = 100
COUNTING = ("open", "done")


@dataclass(frozen=True)
class Desired:
    """Versions by slot and how requests are split; ``previous`` is where a rollback would go, if known."""

    primary: int
    primary_alias: str = CHAMPION
    secondary: int | None = None
    secondary_alias: str = ""
    mode: Mode = "single"
    percent: float = 0.0
    salt: str = ""
    unaudited: bool = False
    previous: int | None = None


def desired(db: Database, registry: Registry, model: str, old: ProblemRelease | None) -> Desired | None:
    """What ``model`` should be served as; None when it has no champion. Raises ``RegistryError``.

    The champion is the alias, also when it was moved by hand; then nothing else counts (``unaudited``). While the
    database is away the rollout of ``old`` goes on as long as its champion does.
    """
    aliases = registry.aliases(model)
    champion = aliases.get(CHAMPION)
    if champion is None:
        return None
    alone = Desired(champion, previous=aliases.get(PREVIOUS))
    try:
        rows = _recent(db, model)
    except StoreError:
        return _unknown(alone, old)
    if not lineage.audited(rows, champion):
        return replace(alone, unaudited=True)
    state = lineage.state_of(rows)
    return _rollout(alone, state) if state.running and state.primary == champion else alone


def followed(db: Database, old: ProblemRelease) -> ProblemRelease:
    """What of ``old`` still counts by the table alone, without asking the registry; raises ``StoreError``.

    A running rollout changes its share, or ends, also while the registry is away or hangs. Another champion or another
    secondary is not taken up here: that needs the registry.
    """
    if old.secondary is None:
        return old
    state = lineage.state_of(_recent(db, old.model))
    if state.primary != old.primary.version:
        return old
    if not state.running or state.secondary != old.secondary.version:
        return ProblemRelease(old.model, replace(old.primary, alias=CHAMPION), unaudited=old.unaudited)
    return replace(old, mode=state.mode, percent=state.percent, salt=state.salt)


def _recent(db: Database, model: str) -> list[Change]:
    """Rows back to the one that made the champion, which is as far as the state of a rollout goes; newest first.

    A host asks every second: a table that has grown for years must not be read whole each time, nor must somebody who
    is refused again and again push the champion out of sight.
    """
    rows = changes.history(db, model, LOOK_BACK, states=COUNTING)
    if len(rows) < LOOK_BACK or lineage.champions(rows):
        return rows
    return changes.history(db, model, states=COUNTING)


def _rollout(alone: Desired, state: Rollout) -> Desired:
    aliases = CHAMPION, CHALLENGER
    if state.mode == "blue_green":
        aliases = ("green", "blue") if state.active == "green" else ("blue", "green")
    return replace(
        alone,
        primary_alias=aliases[0],
        secondary=state.secondary,
        secondary_alias=aliases[1],
        mode=state.mode,
        percent=state.percent,
        salt=state.salt,
    )


def _unknown(alone: Desired, old: ProblemRelease | None) -> Desired:
    if old is None or old.primary.version != alone.primary:
        return replace(alone, unaudited=True)  # nobody can say who made it champion
    kept = replace(alone, primary_alias=old.primary.alias, unaudited=old.unaudited)
    if old.secondary is None:
        return kept
    return replace(
        kept,
        secondary=old.secondary.version,
        secondary_alias=old.secondary.alias,
        mode=old.mode,
        percent=old.percent,
        salt=old.salt,
    )
