"""Changes that are asked for over the control socket, by name.

Belongs here: reading a request, calling ``artpulse_core.control`` for it, and asking for a poll, so that the workers of
this host follow at once. Does not belong here: whether a change may be made (``artpulse_core.control``), or the
protocol (``socket``).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from artpulse_core.agent.patience import Patient
from artpulse_core.agent.socket import TALKERS, Operation
from artpulse_core.control import promotion, traffic, verdicts
from artpulse_core.control.overview import overview
from artpulse_core.control.registry import Registry
from artpulse_core.control.rollout import Plan
from artpulse_core.control.verdicts import Meant
from artpulse_core.data import problems
from artpulse_core.data.problems import Problem
from artpulse_core.errors import AgentUnavailable, BundleError, ChangeConflict, ChangeRefused, RegistryError
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.changes import Change
from artpulse_core.store.database import Database

log = logging.getLogger(__name__)
# A registry that hangs may hold a thread for half a minute. Places for what asks it, and as many for what the table
# alone can answer or do; the rest is for status and feedback.
AT_ONCE = TALKERS // 2 - 1
LONGEST_PAGE = 100
PATIENCE_SECONDS = 2.0
Request = Mapping[str, Any]


class Operations:
    """The operations of one agent; ``poll`` asks for a poll and returns at once."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        registry: Registry,
        *,
        clock: Callable[[], datetime],
        poll: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._db = db
        self._registry = registry
        self._clock = clock
        self._poll = poll
        self._patient = Patient(registry, PATIENCE_SECONDS)
        self._asking = threading.BoundedSemaphore(AT_ONCE)
        self._at_hand = threading.BoundedSemaphore(AT_ONCE)

    def table(self) -> dict[str, Operation]:
        """Every operation by its name on the socket."""
        return {
            "control_state": self._state,
            "control_audit": self._audit,
            "gate_check": self._gate_check,
            "rollout": lambda request: self._changed(request, self._rollout),
            "promote": lambda request: self._changed(request, self._promote),
            "rollback": lambda request: self._changed(request, self._rollback),
            "freeze": lambda request: self._changed(request, self._freeze),
        }

    def _state(self, request: Request) -> dict[str, Any]:
        with self._ready(self._at_hand):
            shown, away = {}, None
            for problem in self._asked_for(request):
                found = None
                try:
                    found = self._patient.aliases(problem.model) if away is None else None
                except RegistryError as error:
                    away = error.message  # one wait is enough
                rows = changes.history(self._db, problem.model)
                shown[problem.name] = {"model": problem.model, "registry": away, **overview(rows, found)}
            return {"problems": shown}

    def _audit(self, request: Request) -> dict[str, Any]:
        with self._ready(self._at_hand):
            model = self._problem(request).model if request.get("problem") is not None else None
            limit = min(int(request["limit"]), LONGEST_PAGE)
            rows = changes.history(self._db, model, limit + 1, before=request.get("before"))
            more = len(rows) > limit
            return {
                "changes": [row.to_dict() for row in rows[:limit]],
                "next": rows[limit - 1].sequence if more else None,
                "head": str(changes.head(self._db)),
            }

    def _gate_check(self, request: Request) -> dict[str, Any]:
        with self._ready(self._asking):
            problem = self._problem(request)
            return verdicts.check(self._db, self._registry, problem, request.get("version"))

    def _changed(self, request: Request, make: Callable[[Problem, Request], Change]) -> dict[str, Any]:
        needs_registry = request["op"] != "freeze" and request.get("action") not in {"pause", "abort"}
        with self._ready(self._asking if needs_registry else self._at_hand):
            try:
                change = make(self._problem(request), request)
            except BundleError as error:  # a version that cannot be what was asked for
                raise ChangeRefused(error.message) from error
        self._poll()
        fields = {"sequence": change.sequence, "action": change.action, "model": change.model}
        log.info(
            "change was made before" if change.replayed else "change made on request",
            extra={"fields": {**fields, "by": change.actor, "state": change.state}},
        )
        return {"change": {**change.to_dict(), "replayed": change.replayed}}

    def _promote(self, problem: Problem, request: Request) -> Change:
        signed = self._signed(request)
        found = self._meant(problem, "promote", request, signed)
        return promotion.promote(
            self._db,
            self._registry,
            problem.model,
            found.version,
            expected=request["expected"],
            verdict=found.verdict,
            override=bool(request.get("override")),
            **signed,
        )

    def _rollback(self, problem: Problem, request: Request) -> Change:
        return promotion.rollback(
            self._db,
            self._registry,
            problem.model,
            expected=int(request["expected"]),
            **self._signed(request),
        )

    def _freeze(self, problem: Problem, request: Request) -> Change:
        signed, expected = self._signed(request), request["expected"]
        first = changes.by_key(self._db, signed["idempotency_key"]) if signed["idempotency_key"] else None
        if expected is None and first is None:
            known = changes.last_champion(self._db, problem.model)
            if known is not None:
                raise ChangeConflict(
                    f"The champion of {problem.model} is version {known.target}, not none; look again and repeat."
                )
        return promotion.freeze(
            self._db,
            self._registry,
            problem.model,
            frozen=bool(request["frozen"]),
            expected=expected,
            **signed,
        )

    def _rollout(self, problem: Problem, request: Request) -> Change:
        here, signed = (self._db, self._registry, problem.model), self._signed(request)
        expected = int(request["expected"])
        match request["action"]:
            case "start":
                found = self._meant(problem, "rollout", request, signed)
                return traffic.start(
                    *here,
                    found.version,
                    mode=request["mode"],
                    percent=request.get("percent"),
                    plan=_plan(request.get("plan") or {}),
                    expected=expected,
                    verdict=found.verdict,
                    override=bool(request.get("override")),
                    **signed,
                )
            case "set":
                return traffic.set_percent(*here, float(request["percent"]), expected=expected, **signed)
            case "pause":
                return traffic.pause(*here, expected=expected, **signed)
            case "abort":
                return traffic.abort(*here, expected=expected, **signed)
            case other:
                raise ValueError(f"a rollout is not {other!r}")

    def _meant(self, problem: Problem, action: str, request: Request, signed: Mapping[str, Any]) -> Meant:
        given = {"version": request.get("version"), "expected": request["expected"]}
        return verdicts.meant(self._db, self._registry, problem, action, **given, **signed)

    def _signed(self, request: Request) -> dict[str, Any]:
        return {
            "actor": str(request["actor"]),
            "reason": str(request["reason"]),
            "idempotency_key": request.get("idempotency_key"),
            "now": self._clock(),
        }

    def _problem(self, request: Request) -> Problem:
        return problems.get(self._settings, str(request["problem"]))

    def _asked_for(self, request: Request) -> list[Problem]:
        if request.get("problem") is not None:
            return [self._problem(request)]
        return list(problems.load(self._settings).values())

    @contextlib.contextmanager
    def _ready(self, places: threading.BoundedSemaphore) -> Iterator[None]:
        if not places.acquire(blocking=False):
            raise AgentUnavailable(
                "The agent of this host is busy with other changes; try again in a moment."
            )
        try:
            self._db.migrate()
            yield
        finally:
            places.release()


def _plan(fields: Mapping[str, Any]) -> Plan:
    steps = {"steps": tuple(fields["steps"])} if "steps" in fields else {}
    return Plan(**{**fields, **steps})
