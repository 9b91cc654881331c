"""The pydantic model of one row, made from the fields of a contract, and what its errors say.

Belongs here: fields → model, another coding → own levels, validation error → issue. Does not belong here: what a
field is (``fields``), whole bodies (the API).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema, create_model
from pydantic import Field as PydanticField
from pydantic_core import PydanticCustomError

from artpulse_core.data.fields import MISSING, Field
from artpulse_core.errors import Issue

CODING = "coding"
SHOWN_LEVELS = 12
MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field; remove it.",
    "finite_number": "The value must be a finite number.",
    "float_type": "The value must be a number.",
    "float_parsing": "The value must be a number.",
    "dict_type": "A row is an object of field names and values.",
    "model_type": "A row is an object of field names and values.",
    "model_attributes_type": "A row is an object of field names and values.",
}


def key(place: int) -> str:
    """Attribute of the model for the field at ``place``: a field's own name may be any text, which is its alias."""
    return f"f{place}"


def build(problem: str, fields: Sequence[Field], coding: str, codings: Sequence[str]) -> type[BaseModel]:
    """The model of one row; validated values are numbers of the input matrix."""
    definitions: dict[str, Any] = {}
    for place, item in enumerate(fields):
        text = " ".join(
            part
            for part in (item.description, f"Unit: {item.unit}." if item.unit else "", _or_missing(item))
            if part
        )
        kind = _category(item) if item.kind == "category" else _number(item)
        default = None if item.nullable else ...
        definitions[key(place)] = (
            kind,
            PydanticField(default, alias=item.name, description=text or None, validate_default=False),
        )
    if codings:
        stated = Literal[(*([coding] if coding else []), *codings)]  # type: ignore[valid-type]  # names known at run time only
        definitions[CODING] = (
            stated,
            PydanticField(coding or None, description="The coding of the categories."),
        )
    name = "".join(part.capitalize() for part in problem.split("_")) + "Row"
    config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    return cast(type[BaseModel], create_model(name, __config__=config, **definitions))


def _or_missing(item: Field) -> str:
    return "Null when it is not known." if item.nullable else ""


def _number(item: Field) -> Any:
    bounds = PydanticField(ge=item.minimum, le=item.maximum, allow_inf_nan=False, strict=True)
    number = Annotated[float, bounds]
    return number | None if item.nullable else number


def _category(item: Field) -> Any:
    places = {level: float(place) for place, level in enumerate(item.levels)}
    levels = ", ".join(str(level) for level in item.levels[:SHOWN_LEVELS])
    more = " …" if len(item.levels) > SHOWN_LEVELS else ""

    def place(value: Any) -> float:
        if value is None and item.nullable:
            return math.nan
        # the dictionary finds 4 and 4.0 alike; True would be 1, and an odd type may have no hash
        known = isinstance(value, int | float | str) and not isinstance(value, bool)
        found = places.get(value) if known else None
        if found is None:
            hint = _hint(item, value)
            raise PydanticCustomError(
                "unknown_level", "{text}", {"text": f"The value must be one of {levels}{more}.{hint}"}
            )
        return found

    values: list[Any] = [*item.levels, *([None] if item.nullable else [])]
    return Annotated[Any, PlainValidator(place), WithJsonSchema({"enum": values})]


def _hint(item: Field, value: Any) -> str:
    text = code_text(value)
    named = [name for name, codes in item.codes.items() if text in codes]
    return (
        f' {item.name} {text} occurs only in the coding {named[0]}: send "coding": "{named[0]}".'
        if named
        else ""
    )


def code_text(value: Any) -> str:
    """A value as the codings write it: 3 and 3.0 are "3", None is "missing"."""
    if value is None:
        return MISSING
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def recoded(
    rows: Sequence[Any], fields: Sequence[Field], coding: str, pointer: str
) -> tuple[list[Any], list[Issue]]:
    """``rows`` with the codes of a stated coding turned into the fields' own levels, and what has no level."""
    found: list[Any] = []
    issues: list[Issue] = []
    for place, row in enumerate(rows):
        stated = row.get(CODING) if isinstance(row, dict) else None
        if (
            not isinstance(stated, str)
            or stated == coding
            or not any(stated in item.codes for item in fields)
        ):
            found.append(row)
            continue
        changed = dict(row)
        for item in fields:
            codes = item.codes.get(stated)
            if codes is None or item.name not in row:
                continue
            text = code_text(row[item.name])
            if text in codes:
                changed[item.name] = None if codes[text] == MISSING else codes[text]
            elif not (row[item.name] is None and item.nullable):
                own = (
                    f' {text} is {coding}\'s own: leave "coding" out.'
                    if item.place(row[item.name]) is not None
                    else ""
                )
                known = ", ".join(codes)
                message = f"In the coding {stated} the value must be one of {known}.{own}"
                issues.append(Issue(f"{pointer}/{place}/{_step(item.name)}", "unknown_level", message))
        found.append(changed)
    return found, issues


def issue(item: Mapping[str, Any], pointer: str) -> Issue:
    """One pydantic error as an issue with a JSON pointer below ``pointer``."""
    place = "".join("/" + _step(str(part)) for part in item["loc"])
    context = item.get("ctx", {})
    match item["type"]:
        case "greater_than_equal":
            message = f"The value must be at least {context['ge']:g}."
        case "less_than_equal":
            message = f"The value must be at most {context['le']:g}."
        case kind:
            message = MESSAGES.get(kind, item["msg"])
    return Issue(pointer + place, item["type"], message)


def _step(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")
