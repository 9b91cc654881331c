"""/ops/control and POST /reload-model: what counts, what was changed, and changing what is served.

Belongs here: reading these requests and handing them to the agent of this host, which decides and does. Does not
belong here: whether a change may be made, or any knowledge of registry and table.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Request, Response
from pydantic import BaseModel, ValidationError

from artpulse_api import control_client
from artpulse_api.control_documents import (
    Audit,
    ChangeMade,
    ControlStates,
    EmergencyRollback,
    Freeze,
    GateCheck,
    GateChecked,
    PromotePrimary,
    Reloaded,
    RolloutChange,
)
from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import RequestRefused
from artpulse_api.rows import escape, json_body
from artpulse_api.serving import Call, Serving
from artpulse_api.views import reply
from artpulse_core.errors import ContractViolation, Issue

KEY = re.compile(r"[\x21-\x7e]{1,200}")
PAGE, LONGEST_PAGE = 50, 100
LARGEST = 2**63 - 1


def control_state(serving: Serving, call: Call) -> Response:
    """Champion, challenger, previous and colours, the rollout, who froze it and why, the open and the newest change."""
    problem = call.request.args.get("problem")
    return reply.json(control_client.look(serving.settings.socket, "control_state", problem=problem))


def control_audit(serving: Serving, call: Call) -> Response:
    """The change table, newest first; refused and undone changes are in it."""
    request = call.request
    fields = {
        "problem": request.args.get("problem"),
        "limit": _number(request, "limit", LONGEST_PAGE) or PAGE,
        "before": _number(request, "before", LARGEST),
    }
    return reply.json(control_client.look(serving.settings.socket, "control_audit", **fields))


def control_rollout(serving: Serving, call: Call) -> Response:
    """Start a rollout of a version beside the champion, set its share, pause or abort it."""
    return _change(serving, call, "rollout", RolloutChange)


def promote_primary(serving: Serving, call: Call) -> Response:
    """Make the challenger (or a named version) the champion, if the gate agrees or somebody overrides it."""
    return _change(serving, call, "promote", PromotePrimary)


def emergency_rollback(serving: Serving, call: Call) -> Response:
    """Go back to the newest earlier champion that was not rejected; also while changes are frozen."""
    return _change(serving, call, "rollback", EmergencyRollback)


def control_freeze(serving: Serving, call: Call) -> Response:
    """Refuse every change but rollback, pause and abort, or lift that; works while the registry is away."""
    return _change(serving, call, "freeze", Freeze)


def gate_check(serving: Serving, call: Call) -> Response:
    """The newest verdict of the gate on the challenger against the champion, and what a promotion would say now."""
    sent = _parse(GateCheck, json_body(call.request))
    return reply.json(control_client.change(serving.settings.socket, "gate_check", **sent))


def control_reload(serving: Serving, call: Call) -> Response:
    """Have the agent ask the registry now instead of at its next poll; workers follow within a second."""
    found = control_client.change(serving.settings.socket, "notify")
    return reply.json({"polled": found["polled"], "release": found["sequence"]})


def reload_model(serving: Serving, call: Call) -> Response:
    """The same as /ops/control/reload-model."""
    return control_reload(serving, call)


def _change(serving: Serving, call: Call, op: str, form: type[BaseModel]) -> Response:
    key = _idempotency_key(call.request)
    fields = _parse(form, json_body(call.request))
    signed = {**fields, "actor": f"key:{call.caller.id}", "idempotency_key": key}
    return reply.json(control_client.change(serving.settings.socket, op, **signed)["change"])


def _parse(form: type[BaseModel], body: object) -> dict[str, Any]:
    """What was sent and no default, so that the agent's own defaults count. Raises ``ContractViolation``."""
    try:
        fields: dict[str, Any] = form.model_validate(body).model_dump(exclude_unset=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise ContractViolation("The request cannot be read.", tuple(map(_issue, found))) from None
    return fields


def _issue(found: Any) -> Issue:
    # In a choice of bodies the first part of the place is the action, which is no part of the body.
    place = (
        found["loc"][1:]
        if found["loc"][:1] in {("start",), ("set",), ("pause",), ("abort",)}
        else found["loc"]
    )
    if found["type"].startswith("union_tag"):
        place = ("action",)
    return Issue("".join(f"/{escape(str(part))}" for part in place), found["type"], f"{found['msg']}.")


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and KEY.fullmatch(key) is None:
        message = "An Idempotency-Key is 1 to 200 visible ASCII characters without spaces."
        raise RequestRefused(422, "idempotency_key_invalid", message)
    return key


def _number(request: Request, name: str, largest: int) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= largest):
        raise RequestRefused(422, "query_invalid", f"The parameter {name} is a number from 1 to {largest}.")
    return int(text)


_LOOK = (401, 403, 404, 422, 503)
_CHANGE = (400, 401, 403, 404, 409, 413, 415, 422, 503)
_OPS = "/ops/control"


def _change_endpoint(path: str, handler: Any, summary: str, body: type[BaseModel]) -> Endpoint:
    return Endpoint(
        "POST",
        f"{_OPS}/{path}",
        handler,
        summary,
        role="operate",
        body=body,
        idempotent=True,
        answer=ChangeMade,
        refusals=_CHANGE,
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{_OPS}/state",
        control_state,
        "What counts for each problem, and since when",
        role="operate",
        query=("problem",),
        answer=ControlStates,
        refusals=(401, 403, 404, 503),
    ),
    Endpoint(
        "GET",
        f"{_OPS}/audit",
        control_audit,
        "What was changed, by whom and why",
        role="operate",
        query=("problem", "limit", "before"),
        answer=Audit,
        refusals=_LOOK,
    ),
    _change_endpoint("rollout", control_rollout, "Start, set, pause or abort a rollout", RolloutChange),
    _change_endpoint("promote-primary", promote_primary, "Make a version the champion", PromotePrimary),
    _change_endpoint(
        "emergency-rollback", emergency_rollback, "Go back to the champion before", EmergencyRollback
    ),
    _change_endpoint("freeze", control_freeze, "Refuse changes, or allow them again", Freeze),
    Endpoint(
        "POST",
        f"{_OPS}/gate-check",
        gate_check,
        "What the gate said and a promotion would say",
        role="operate",
        body=GateCheck,
        answer=GateChecked,
        refusals=_CHANGE,
    ),
    *(
        Endpoint(
            "POST",
            rule,
            handler,
            "Look at the registry now",
            role="operate",
            answer=Reloaded,
            refusals=(401, 403, 409, 503),
        )
        for rule, handler in ((f"{_OPS}/reload-model", control_reload), ("/reload-model", reload_model))
    ),
)
