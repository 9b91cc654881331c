"""Writes the table of environment variables in ``docs/configuration.md`` from ``artpulse_core.settings``.

Run without arguments it writes the file; with ``--check`` it only says whether the file is current (exit 1).
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr

from artpulse_core.settings import Settings, variables

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
BEGIN = "<!-- settings: written by scripts/configuration_table.py -->"
END = "<!-- end of settings -->"
SIMPLE = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
}


def kind(annotation: Any) -> str:
    """A type as a reader says it."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        plain = kind(inside[0])
        return {"text": "texts, comma separated", "secret": "secrets, comma separated"}.get(
            plain, f"{plain}s"
        )
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin in (Union, types.UnionType):
        return kind(next(part for part in inside if part is not type(None)))
    if inside:  # Annotated[type, …]
        return kind(inside[0])
    raise TypeError(f"a setting of type {annotation} has no name in the documentation")


def default(value: object) -> str:
    """A default as it is written in the environment."""
    if isinstance(value, tuple):
        return f"`{','.join(str(part) for part in value)}`" if value else ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None:
        return ""
    return "`.artpulse`" if value == Path() else f"`{value}`"


def table() -> str:
    """The Markdown table, one row a variable, in the order of the settings."""
    rows = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    for env, field in variables().items():
        info = Settings.model_fields[field]
        meaning = (info.description or "").replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `{env}` | {kind(info.annotation)} | {default(info.default)} | {meaning} |")
    return "\n".join(rows)


def rewritten(text: str) -> str:
    """``text`` with a current table between the markers."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> int:
    """Write the table, or with ``--check`` compare it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    current = rewritten(text)
    if "--check" in sys.argv[1:]:
        if text != current:
            print("docs/configuration.md is not current: run scripts/configuration_table.py", file=sys.stderr)
            return 1
        return 0
    DOCUMENT.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
