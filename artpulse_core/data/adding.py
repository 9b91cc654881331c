"""A user's own problem: its name, and its file written whole.

Belongs here: which names can be taken, the draft of a problem file and writing it. Does not belong here: judging a
CSV (``adding_table``) or a folder (``adding_images``), training.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from artpulse_core.data import problems, toml_text
from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError, ProblemError
from artpulse_core.exchange.files import write_whole
from artpulse_core.settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
HEAD = "# Written by `artpulse data add`; edit it as you like, `artpulse data validate {name}` reads it again.\n\n"


@dataclass(frozen=True)
class Draft:
    """A problem that could be written: its document, ``rows`` (or pictures) seen, label counts, what to look at."""

    name: str
    document: Mapping[str, Any]
    rows: int
    labels: Mapping[str, int]
    warnings: tuple[str, ...]
    input: Literal["image", "table"]

    @property
    def text(self) -> str:
        """The problem file. Raises ``DataError`` for a path that is no Unicode."""
        try:
            return HEAD.format(name=self.name) + toml_text.dumps(self.document)
        except UnicodeEncodeError:
            raise DataError(
                "A path or name holds bytes that are no UTF-8; rename the file or its folder."
            ) from None


def model_name(name: str) -> str:
    """The registered model of a user's problem."""
    return f"artpulse-{name.replace('_', '-')}"


def place(settings: Settings, name: str) -> Path:
    """Where the file of a user's problem lies."""
    return settings.home / "problems" / f"{name}.toml"


def judge_name(settings: Settings, name: str, *, replace: bool = False) -> None:
    """Raise ``ProblemError`` when ``name`` cannot be one, is shipped, or is taken and not to be replaced."""
    if not _NAME.fullmatch(name):
        raise ProblemError(
            f"{name!r} cannot be a problem's name: use a small letter, then up to 39 small letters, digits or _."
        )
    shipped = problems.available([problems.SHIPPED])
    if name in shipped:
        raise ProblemError(f"{name!r} is a problem that ships with ArtPulse; choose another name.")
    own = problems.available([place(settings, name).parent])
    if name in own and not replace:
        raise ProblemError(f"There is a problem {name!r} already; choose another name, or add --replace.")
    for other, path in {**shipped, **own}.items():
        if other != name and _model_of(path) == model_name(name):
            raise ProblemError(
                f"The registered model {model_name(name)!r} belongs to the problem {other!r}; choose another name."
            )


def _model_of(path: Path) -> str:
    try:
        return problems.read(path).model
    except ProblemError:
        return ""  # a broken file is told by whoever loads it


def checked(draft: Draft) -> Problem:
    """The problem as every process will load it; raises ``ProblemError`` when the draft could not be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{draft.name}.toml"
        path.write_text(draft.text, encoding="utf-8")
        return problems.read(path)


def write(settings: Settings, draft: Draft) -> Path:
    """Write ``<home>/problems/NAME.toml`` whole, after it was loaded once. Raises ``ProblemError``, ``OSError``."""
    checked(draft)
    path = place(settings, draft.name)
    write_whole(path, draft.text.encode())
    return path
