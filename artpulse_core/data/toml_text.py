"""Plain data as the text of a TOML file; the standard library reads TOML but does not write it.

Belongs here: correct escaping of any key and value. tomli-w would do the same in a package of its own; this is fifty
lines, and a property test reads everything back with ``tomllib``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def dumps(document: Mapping[str, Any]) -> str:
    """TOML of text, numbers, booleans, lists and mappings; a key whose value is None is left out.

    A list of mappings becomes an array of tables. Raises ``ValueError`` for text that is no Unicode (a lone
    surrogate) and ``TypeError`` for another type.
    """
    return "\n".join(_table(document, ())).strip("\n") + "\n"


def _table(document: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    below: list[str] = []
    for key, value in document.items():
        inner = (*path, key)
        if value is None:
            continue
        if isinstance(value, Mapping):
            nested = bool(value) and all(isinstance(item, Mapping) for item in value.values())
            below += [*([] if nested else ["", f"[{_path(inner)}]"]), *_table(value, inner)]
        elif _is_tables(value):
            for item in value:
                below += ["", f"[[{_path(inner)}]]", *_table(item, inner)]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + below


def _is_tables(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _path(keys: Sequence[str]) -> str:
    return ".".join(map(_key, keys))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, Mapping):  # within a list that holds other things too
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} has no form in TOML")


def _text(value: str) -> str:
    value.encode()  # a lone surrogate has no form in a UTF-8 file: UnicodeEncodeError is a ValueError
    return '"' + "".join(_SHORT.get(letter) or _escaped(letter) for letter in value) + '"'


def _escaped(letter: str) -> str:
    return f"\\u{ord(letter):04X}" if ord(letter) < 0x20 or ord(letter) == 0x7F else letter
