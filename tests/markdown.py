"""Reading the project's own documents: tables, code and the commands named in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"^```[a-z]*\n(?P<block>.*?)^```|`(?P<inline>[^`\n]+)`", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """The documents for people: the three in the root and all of docs/."""
    return [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def code(path: Path) -> list[str]:
    """Every line of code in a document, from fences and from code spans, without comments."""
    lines = []
    for found in CODE.finditer(path.read_text(encoding="utf-8")):
        lines += (found["block"] or found["inline"]).splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.strip()]


def rows(path: Path, heading: str | None = None) -> list[list[str]]:
    """The cells of every table row below ``heading`` (up to the next of any level), heads left out."""
    text = path.read_text(encoding="utf-8")
    if heading is not None:
        text = f"\n{text}".split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = text.splitlines()
    rules = {number for number, line in enumerate(lines) if re.fullmatch(r"\|(-+\|)+", line)}
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for number, line in enumerate(lines)
        if line.startswith("|") and number not in rules and number + 1 not in rules
    ]


def spans(text: str) -> list[str]:
    """The code spans of one piece of text."""
    return re.findall(r"`([^`]+)`", text)
