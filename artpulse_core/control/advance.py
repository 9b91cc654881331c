"""What a rollout does next: hold, advance, finish or abort, from its state, its evidence and the time.

Belongs here: the decision, as a pure function. Does not belong here: the rules it follows (``judging``), counting
evidence, carrying a decision out (``delivery``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from artpulse_core.control.rollout import Evidence, Rollout

Decision = Literal["hold", "advance", "finish", "abort"]


@dataclass(frozen=True)
class Step:
    """What to do now.

    ``percent`` is the share of the secondary after it: the next step for ``advance``, 100 for ``finish``, 0 for
    ``abort`` and the present one for ``hold``. ``verdict`` is plain JSON: ``decision`` (pass, fail, inconclusive),
    ``summary`` (one sentence that also says what is waited for) and ``rules``.
    """

    decision: Decision
    verdict: dict[str, Any]
    percent: float


def advance(state: Rollout, evidence: Evidence, now: datetime) -> Step:
    """The next step of ``state`` at ``now`` (an aware time)."""
    verdict = {"decision": "inconclusive", "summary": "Nothing is judged.", "rules": []}
    return Step("hold", verdict, state.percent)
