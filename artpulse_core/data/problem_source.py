"""Where the data of a problem lies, as typed records: the [source] of a problem file.

Belongs here: its keys and the rules between them. Does not belong here: finding the files (``sources``,
``table_files``), the rest of a problem (``problem``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator, model_validator
from pydantic import Field as PydanticField

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Part(BaseModel):
    """A table of a problem file: no other keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Images(Part):
    """A folder of labelled pictures: the data set ``dataset``, or a user's own ``folder``."""

    kind: Literal["images"]
    dataset: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")] = ""
    folder: str = ""

    @model_validator(mode="after")
    def _one(self) -> Images:
        if bool(self.dataset) == bool(self.folder):
            raise ValueError("images come from either a dataset or a folder; state one of them")
        if self.folder and not Path(self.folder).is_absolute():
            raise ValueError(
                f"folder {self.folder!r} is relative, to no place in particular; state its whole path from /"
            )
        return self


class Ratio(Part):
    """A derived column: column ``of`` divided by column or number ``by``."""

    name: FieldName
    of: FieldName
    by: FieldName | Annotated[float, PydanticField(gt=0, allow_inf_nan=False)]


class TableFile(Part):
    """A CSV: ``file`` below the data folder, or a user's own by its absolute path."""

    kind: Literal["table"]
    file: Annotated[str, StringConstraints(min_length=1)]
    columns: tuple[FieldName, ...] = ()
    separator: Literal["", ",", ";", "\t", "|"] = ""
    decimal: Literal[".", ","] = "."
    missing: tuple[str, ...] = ()
    id: FieldName | None = None
    group: FieldName | None = None
    coding: str = ""
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    url: str = ""
    ratios: tuple[Ratio, ...] = ()

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        if ".." in value.replace("\\", "/").split("/"):
            raise ValueError("the path leads outside its folder; remove the .. from it")
        return value

    @field_validator("columns")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := repeated(value):
            raise ValueError(f"the column {twice!r} is named twice")
        return value

    @model_validator(mode="after")
    def _whole(self) -> TableFile:
        if self.url and not self.sha256:
            raise ValueError("there is a url but no sha256 to check what comes from it; add sha256")
        if self.separator == "," and self.decimal == ",":
            raise ValueError("a comma is both separator and decimal; one of them is another character")
        if twice := repeated(ratio.name for ratio in self.ratios):
            raise ValueError(f"the ratio {twice!r} is named twice")
        if self.columns:
            self.judge_names(self.columns)
        return self

    def judge_names(self, columns: Iterable[str]) -> None:
        """Raise ``ValueError`` for what does not fit the ``columns`` of the file: a ratio, id or group."""
        having = set(columns)
        for ratio in self.ratios:
            if ratio.name in having:
                raise ValueError(
                    f"the ratio {ratio.name!r} is called like a column of the file; give it another name"
                )
            for part in (ratio.of, ratio.by):
                if isinstance(part, str) and part not in having:
                    raise ValueError(
                        f"the ratio {ratio.name!r} needs the column {part!r}, which the file does not have"
                    )
        for key, name in (("id", self.id), ("group", self.group)):
            if name and name not in having:
                raise ValueError(f"{key} names the column {name!r}, which the file does not have")


def repeated(values: Iterable[Any]) -> Any:
    """The first value that occurs a second time, None when there is none."""
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
