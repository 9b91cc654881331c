"""Bodies with rows: four forms a caller may write, one list of rows, and where each value stood in the body.

Belongs here: strict JSON, the forms, and pointers that name a field as the caller wrote it. Does not belong here:
what a field may hold (the contract).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from artpulse_api.errors import RequestRefused
from artpulse_core.data.contract import Contract
from artpulse_core.errors import ContractViolation, Issue

MAX_ROWS = 1000
Form = Literal["flat", "rows", "instances", "records"]


@dataclass(frozen=True)
class Checked:
    """Rows of one body: ``matrix`` holds the ``accepted`` ones (their numbers, rising), ``issues`` the others'."""

    total: int
    flat: bool
    matrix: np.ndarray
    accepted: Sequence[int]
    warnings: Sequence[Sequence[str]]
    issues: Sequence[tuple[int, Issue]] = ()


def json_body(request: Request) -> Any:
    """The parsed body; raises ``RequestRefused`` 415 for another type and 400 for what is not strict JSON."""
    if not request.is_json:
        raise RequestRefused(415, "media_type", "Send the body as application/json.")
    try:
        return orjson.loads(body_bytes(request))
    except orjson.JSONDecodeError as error:
        raise RequestRefused(400, "json_invalid", f"The body is not JSON: {error}.") from None


def body_bytes(request: Request) -> bytes:
    """The raw body; raises ``RequestEntityTooLarge`` above the limit of its address."""
    data = request.get_data(cache=False)
    if request.content_length is None and len(data) >= (request.max_content_length or 0) > 0:
        # Werkzeug cuts a body without a stated length off at the limit and says nothing.
        raise RequestEntityTooLarge
    return data


def check(body: Any, contract: Contract, *, partial: bool) -> Checked:
    """Rows of ``body`` that keep the contract.

    Raises ``ContractViolation`` with pointers into ``body`` when a row breaks it, or, with ``partial``, only when
    the body itself has no rows.
    """
    form, rows = _rows(body)
    rows, broken = _as_objects(rows, form, contract.names)
    if not broken:
        try:
            checked = contract.validate(rows, "")
            return Checked(len(rows), form == "flat", checked.matrix, range(len(rows)), checked.warnings)
        except ContractViolation as violation:
            broken = [(int(issue.pointer.split("/")[1]), issue) for issue in violation.issues]
    issues = [(row, _placed(row, issue, form, body, contract.names)) for row, issue in broken]
    if not partial:
        raise ContractViolation("The input breaks the contract.", tuple(issue for _, issue in issues))
    return _without(rows, contract, form, body, issues)


def _without(
    rows: list[Any], contract: Contract, form: Form, body: Any, issues: list[tuple[int, Issue]]
) -> Checked:
    bad = {row for row, _ in issues}
    good = [number for number in range(len(rows)) if number not in bad]
    try:
        checked = contract.validate([rows[number] for number in good], "")
    except ContractViolation as violation:  # rows that were not looked at while others had no fields at all
        more = [(good[int(issue.pointer.split("/")[1])], issue) for issue in violation.issues]
        placed = [(row, _placed(row, issue, form, body, contract.names)) for row, issue in more]
        return _without(rows, contract, form, body, sorted([*issues, *placed], key=lambda item: item[0]))
    return Checked(len(rows), form == "flat", checked.matrix, good, checked.warnings, issues)


def _rows(body: Any) -> tuple[Form, list[Any]]:
    if not isinstance(body, dict):
        raise _violation("", "object_type", 'The body is an object: {"rows": […]} or the fields of one row.')
    for form in ("rows", "instances", "records"):
        if form in body and (isinstance(body[form], list) or len(body) == 1):
            return form, _list(body, form)
    return "flat", [body]


def _list(body: dict[str, Any], form: str) -> list[Any]:
    rows = body[form]
    extra = sorted(set(body) - {form})
    if extra:
        raise _violation(
            f"/{escape(extra[0])}", "extra_forbidden", f"Beside {form} nothing else belongs here."
        )
    if not isinstance(rows, list):
        raise _violation(f"/{form}", "list_type", f"{form} is a list.")
    if not rows:
        raise _violation(f"/{form}", "rows_empty", "At least one row is needed.")
    if len(rows) > MAX_ROWS:
        raise _violation(f"/{form}", "too_many_rows", f"At most {MAX_ROWS:,} rows are answered at once.")
    return rows


def _as_objects(
    rows: list[Any], form: Form, names: Sequence[str]
) -> tuple[list[Any], list[tuple[int, Issue]]]:
    """Lists of values become objects; what cannot is reported with a pointer ``/<row>``."""
    if form in ("flat", "rows"):
        return rows, []
    found: list[Any] = []
    broken: list[tuple[int, Issue]] = []
    for number, row in enumerate(rows):
        values = row
        if form == "records":
            values = row.get("values") if isinstance(row, dict) and set(row) == {"values"} else None
        if isinstance(values, list) and len(values) == len(names):
            found.append(dict(zip(names, values, strict=True)))
        elif isinstance(values, dict) and form == "instances":
            found.append(values)
        else:
            expected = f"{len(names)} values in the order {', '.join(names)}"
            message = (
                f'A record is {{"values": […]}} with {expected}.'
                if form == "records"
                else f"An instance is an object of fields, or {expected}."
            )
            broken.append((number, Issue(f"/{number}", "values_length", message)))
            found.append({})
    return found, broken


def _placed(row: int, issue: Issue, form: Form, body: Any, names: Sequence[str]) -> Issue:
    """``issue`` at ``/<row>/<field>`` with the pointer the caller's body has."""
    field = issue.pointer.split("/", 2)[2] if issue.pointer.count("/") > 1 else ""
    tail = f"/{field}" if field else ""
    if form == "flat":
        return Issue(tail, issue.code, issue.message)
    listed = form == "records" or (
        form == "instances" and isinstance(body, dict) and isinstance(body[form][row], list)
    )
    if listed and field in names:
        tail = f"/{names.index(field)}"
    middle = "/values" if form == "records" and issue.code != "values_length" else ""
    return Issue(f"/{form}/{row}{middle}{tail}", issue.code, issue.message)


def escape(token: str) -> str:
    """One step of a JSON pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def _violation(pointer: str, code: str, message: str) -> ContractViolation:
    return ContractViolation(message, (Issue(pointer, code, message),))
