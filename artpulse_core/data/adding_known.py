"""A CSV that is about what a shipped problem is about.

Belongs here: recognising it, judging it by what is known of that problem, and taking over that problem's description.
Does not belong here: any other CSV (``adding_table``), what speaks against a table (``doubts``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from artpulse_core.data import cells, doubts, problems, whole_table
from artpulse_core.data.coding import codings
from artpulse_core.data.dialect import shorten
from artpulse_core.data.problem import Problem, TableFile
from artpulse_core.data.tables import Table
from artpulse_core.errors import DataError, ProblemError

NONE = "none"  # the coding of a file that only looks as if it were about a shipped problem
OPTION = "--coding {}"


def resembled(names: Collection[str]) -> Problem | None:
    """The shipped problem whose fields are all among ``names``, of those whose codes or directions are known."""
    known = {}
    for name, path in problems.available([problems.SHIPPED]).items():
        try:
            problem = problems.read(path)
        except ProblemError:
            continue  # it needs a feature set this installation lacks, and is told by whoever loads it
        if isinstance(problem.source, TableFile) and whole_table.knows(problem):
            known[name] = problem
    found = doubts.resembling(names, {name: problem.fields for name, problem in known.items()})
    return known[found] if found else None


def stated(like: Problem | None, coding: str, target: str) -> Problem | None:
    """``like`` when a person stated one of its codings, None when none was stated.

    Raises ``DataError`` for a coding that does not exist, and a target that is one of its fields.
    """
    if not coding or coding == NONE:
        return None
    if like is None:
        raise DataError(
            f"The coding {coding!r} is stated, but the file has not all fields of a shipped problem that has codings; "
            "leave --coding out."
        )
    having = (like.coding, *codings(like.fields))
    if coding not in having:
        raise DataError(
            f"There is no coding {coding!r} of {like.name}; state {' or '.join(f'--coding {name}' for name in having)}, or "
            f"--coding {NONE} if the file is about something else."
        )
    if target in {item.name for item in like.fields}:
        raise DataError(f"The target {target!r} is a field of {like.name}; leave --coding out to learn it.")
    return like


def judge(like: Problem, table: Table, source: TableFile, target: str) -> None:
    """Raise ``DataError`` with all that speaks against a file that is about ``like``, whatever its target is called."""
    whole_table.refuse(whole_table.judged(like, table, source, target, stating=OPTION))


def labels(like: Problem, coding: str, target: str, counts: Counter[str]) -> dict[str, int]:
    """Label → rows by the cells of the target; raises ``DataError`` when the coding has none of these cells."""
    words = like.target.codes.get(coding, like.target.values)
    if not words:
        return {}
    found: Counter[str] = Counter()
    for cell, count in counts.items():
        text = cell if cell in words else cells.canonical(cell)
        if text in words:
            found[words[text]] += count
    if not found:
        raise DataError(
            f"The target {target!r} holds {shorten(', '.join(counts))}; in the coding {coding} of {like.name} it is "
            f"one of {', '.join(words)}."
        )
    return dict(sorted(found.items()))


def description(like: Problem, target: str) -> dict[str, Any]:
    """What a problem file takes over from ``like``: fields, target, decision, features, training, directions.

    Its card is not, for its figures are of other rows; that it is for no diagnosis holds for these as well.
    """
    own = like.target.model_dump(exclude_defaults=True, exclude={"name"})
    card = {"not_for": like.card.not_for} if like.card.not_for else None
    return {
        "features": like.features,
        "coding": like.coding,
        "target": {"name": target, **own},
        "fields": [
            {"name": item.name, "kind": item.kind, **item.model_dump(exclude_defaults=True)}
            for item in like.fields
        ],
        "rules": [item.model_dump(exclude_defaults=True) for item in like.rules] or None,
        "decision": like.decision.model_dump(exclude_defaults=True) or None,
        "training": like.training.model_dump(exclude_defaults=True),
        "quality": {"directions": dict(like.quality.directions)},
        "card": card,
    }


def note(like: Problem) -> str:
    """What a person should know whose file could be taken for ``like``."""
    ways = " or ".join(OPTION.format(name) for name in (like.coding, *codings(like.fields)))
    return f"the file has all fields of {like.name}: {ways} takes over its levels, ranges and labels"


def taken(like: Problem, left: Sequence[str]) -> list[str]:
    """What is said of a file that was taken for ``like``; ``left`` are its other columns."""
    said = [f"fields, labels and training are those of {like.name}"]
    if left:
        said.append(f"{like.name} has no field {', '.join(map(repr, left))}, which is left out")
    return said
