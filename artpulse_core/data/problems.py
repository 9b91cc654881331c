"""Problems: what is learned, one TOML file each.

Belongs here: reading, checking and finding problem files. A file in ``<home>/problems`` is found at the next
start like the shipped ones. Does not belong here: what may stand in one (``problem``), opening the data itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artpulse_core.data.problem import Problem
from artpulse_core.errors import ProblemError
from artpulse_core.settings import Settings

SHIPPED = Path(__file__).resolve().parent.parent / "problems"
SAID = {
    "extra_forbidden": "there is no such key; correct its name or remove the line",
    "missing": "this key is missing; add it",
}
KINDS = ("images", "table")  # pydantic names the kind of source in a key's path, which stands in no file
__all__ = ["SHIPPED", "Problem", "available", "get", "load", "read"]


def read(path: Path) -> Problem:
    """One problem from a file; raises ``ProblemError`` naming the file and the key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        problem = Problem(**_chosen_features(document, path.name))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProblemError(f"{path.name} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in KINDS)
        place = f"{path.name}: {key}" if key else path.name
        said = SAID.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise ProblemError(f"{place}: {said}") from None
    if problem.name != path.stem:
        raise ProblemError(f"{path.name}: name is {problem.name!r} but the file is called {path.stem!r}")
    _check_features(problem, path.name)
    return problem


def _chosen_features(document: dict[str, Any], file: str) -> dict[str, Any]:
    """``features`` may be a list: the first set that this installation can compute counts."""
    from artpulse_core import features
    from artpulse_core.features import table

    stated = document.get("features")
    if not isinstance(stated, list):
        return document
    try:
        usable = [
            name
            for name in stated
            if isinstance(name, str) and (name in table.names() or features.available(name))
        ]
    except ProblemError as error:
        raise ProblemError(f"{file}: features: {error.message}") from None
    if not usable:
        raise ProblemError(
            f"{file}: features: none of {', '.join(map(str, stated)) or 'nothing'} is available here."
        )
    return {**document, "features": usable[0]}


def _check_features(problem: Problem, file: str) -> None:
    # Told here, because the graph would be built and fail half-way through its first run.
    from artpulse_core import features
    from artpulse_core.features import table

    if problem.source.kind == "table":
        if problem.features not in table.names():
            raise ProblemError(
                f"{file}: features: a table has one of {', '.join(table.names())}, not {problem.features!r}."
            )
        return

    try:
        known = features.get(problem.features).names
    except ProblemError as error:
        raise ProblemError(f"{file}: features: {error.message}") from None
    stated = tuple(item.name for item in problem.fields)
    if stated and stated != tuple(known):
        raise ProblemError(
            f"{file}: [[fields]] must be the numbers of the feature set {problem.features}, in its order: "
            f"{', '.join(known[:8])}{' …' if len(known) > 8 else ''}."
        )


def with_features(problem: Problem, features: str) -> Problem:
    """The same problem with another feature set; raises ``ProblemError`` for one it cannot have."""
    changed = problem.model_copy(update={"features": features})
    _check_features(changed, f"{problem.name}.toml")
    return changed


def available(folders: Iterable[Path]) -> dict[str, Path]:
    """Problem name → file; a later folder wins over an earlier one."""
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}


def load(settings: Settings) -> dict[str, Problem]:
    """The problems of this installation in the order of ARTPULSE_PROBLEMS, then a user's own files.

    Raises ``ProblemError`` for an unknown name, or two problems with one registered model.
    """
    own = settings.home / "problems"
    files = available([SHIPPED, own])
    names = list(dict.fromkeys([*settings.problems, *available([own])]))
    unknown = [name for name in names if name not in files]
    if unknown:
        raise ProblemError(f"No problem is called {unknown[0]!r}. There are: {', '.join(sorted(files))}.")
    problems = {name: read(files[name]) for name in names}
    if settings.model_name:
        default = problems[settings.default_problem]
        problems[settings.default_problem] = default.model_copy(update={"model": settings.model_name})
    models = [problem.model for problem in problems.values()]
    twice = sorted({model for model in models if models.count(model) > 1})
    if twice:
        raise ProblemError(
            f"The registered model {twice[0]!r} belongs to two problems; give one another name."
        )
    return problems


def get(settings: Settings, name: str) -> Problem:
    """One problem by name; raises ``ProblemError`` with the names that exist."""
    problems = load(settings)
    if name not in problems:
        raise ProblemError(f"No problem is called {name!r}. There are: {', '.join(problems)}.")
    return problems[name]
