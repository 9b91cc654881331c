"""Problems: what is learned, one TOML file each.

Belongs here: reading, checking and finding problem files. A file in ``<home>/problems`` is found at the next
start like the shipped ones. Does not belong here: anything that opens the data itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic import Field as PydanticField

from artpulse_core.data.contract import Contract, Field, Target
from artpulse_core.errors import ProblemError
from artpulse_core.settings import Settings

SHIPPED = Path(__file__).resolve().parent.parent / "problems"
SAID = {
    "extra_forbidden": "there is no such key; correct its name or remove the line",
    "missing": "this key is missing; add it",
}
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where the data comes from: a folder of labelled pictures named ``dataset``."""

    kind: Literal["images"]
    dataset: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]


class TargetText(_Part):
    """The target as the file states it; labels are found in the data."""

    name: str
    description: str = ""


class FieldText(_Part):
    """One field as the file states it."""

    name: Name
    minimum: float
    maximum: float
    unit: str = ""
    typical_minimum: float | None = None
    typical_maximum: float | None = None
    description: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> FieldText:
        low = self.minimum if self.typical_minimum is None else self.typical_minimum
        high = self.maximum if self.typical_maximum is None else self.typical_maximum
        if not self.minimum <= low < high <= self.maximum:
            raise ValueError(
                f"the ranges of {self.name} do not nest: minimum ≤ typical_minimum < typical_maximum ≤ maximum"
            )
        return self


class Training(_Part):
    """How candidates are compared and how much data is kept aside for the gate."""

    metric: Literal["macro_f1", "accuracy"] = "macro_f1"
    test_fraction: float = PydanticField(default=0.25, gt=0, lt=0.6)
    folds: int = PydanticField(default=5, ge=2, le=10)
    seed: int = 20


class Quality(_Part):
    """The least data that can be learned from."""

    min_labels: int = PydanticField(default=2, ge=2)
    min_per_label: int = PydanticField(default=10, ge=2)


class Problem(_Part):
    """What is learned; immutable, read from one TOML file."""

    name: Name
    title: str
    description: str = ""
    task: Literal["classification"]
    input: Literal["image", "table"]
    model: ModelName
    features: str
    owner: str = "team:artpulse"
    source: Source
    target: TargetText
    fields: tuple[FieldText, ...] = ()
    training: Training = Training()
    quality: Quality = Quality()

    @model_validator(mode="after")
    def _whole(self) -> Problem:
        names = [item.name for item in self.fields]
        if len(names) != len(set(names)):
            raise ValueError("a field is named twice")
        if (self.input == "table") != bool(names):
            raise ValueError('input = "table" needs [[fields]]; input = "image" has none')
        return self

    @property
    def contract(self) -> Contract:
        """The contract before the data was read: labels are still empty."""
        return Contract(
            problem=self.name,
            input=self.input,
            target=Target(self.target.name, (), self.target.description),
            fields=tuple(Field(**item.model_dump()) for item in self.fields),
        )


def read(path: Path) -> Problem:
    """One problem from a file; raises ``ProblemError`` naming the file and the key."""
    try:
        problem = Problem(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProblemError(f"{path.name} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        place = f"{path.name}: {key}" if key else path.name
        said = SAID.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise ProblemError(f"{place}: {said}") from None
    if problem.name != path.stem:
        raise ProblemError(f"{path.name}: name is {problem.name!r} but the file is called {path.stem!r}")
    _check_features(problem, path.name)
    return problem


def _check_features(problem: Problem, file: str) -> None:
    # Told here, because the graph would be built and fail half-way through its first run.
    from artpulse_core import features

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
