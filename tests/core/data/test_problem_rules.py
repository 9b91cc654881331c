"""A problem file whose parts do not fit is refused with one sentence, before anything is read."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.data import problems, tables, toml_text
from artpulse_core.data.problem import TableFile
from artpulse_core.errors import DataError, ProblemError

Document = dict[str, Any]
TABLE: Document = {
    "name": "mine", "title": "Mine", "task": "classification", "input": "table", "model": "artpulse-mine",
    "features": "table",
    "source": {"kind": "table", "file": "t.csv", "columns": ["who", "site", "of", "by", "kind", "y"], "id": "who", "group": "site",
               "ratios": [{"name": "share", "of": "of", "by": "by"}]},
    "target": {"name": "y", "positive_label": "yes", "values": {"1": "yes", "0": "no"}},
    "fields": [{"name": "share"}, {"name": "kind", "kind": "category", "levels": [1, 2]}],
}  # fmt: skip
IMAGES: Document = {
    "name": "mine", "title": "Mine", "task": "classification", "input": "image", "model": "artpulse-mine",
    "features": "core5", "source": {"kind": "images", "folder": "/pictures"}, "target": {"name": "label"},
}  # fmt: skip


def read(folder: Path, document: Document) -> problems.Problem:
    path = folder / "mine.toml"
    path.write_text(toml_text.dumps(document), encoding="utf-8")
    return problems.read(path)


def with_field(**field: Any) -> Callable[[Document], Any]:
    return lambda found: found["fields"].append(field)


def with_source(**keys: Any) -> Callable[[Document], Any]:
    return lambda found: found["source"].update(keys)


def with_target(**keys: Any) -> Callable[[Document], Any]:
    return lambda found: found["target"].update(keys)


def as_regression(**target: Any) -> Callable[[Document], Any]:
    return lambda found: found.update(task="regression", target={"name": "y", **target})


def coded(found: Document) -> None:
    found["fields"][1]["codes"] = {"other": {"0": 1, "1": 2}}


def coded_by(coding: str) -> Callable[[Document], Any]:
    def change(found: Document) -> None:
        coded(found)
        found["coding"] = coding

    return change


BAD: dict[str, tuple[Callable[[Document], Any], str]] = {
    "a field that is the target": (with_field(name="y"), "the field 'y' is the target; it cannot be learned from"),
    "a field that is the id": (with_field(name="who"), "the field 'who' is the id of [source]"),
    "a field that is the group": (with_field(name="site"), "the field 'site' is the group of [source]"),
    "a target that is the id": (with_source(id="y"), "the target 'y' is id or group of [source] too"),
    "the text 1 beside the number": (with_field(name="of", kind="category", levels=[1, "1"]), "of has the level 1 as a number and as text"),
    "a ratio called like a column": (with_source(ratios=[{"name": "of", "of": "by", "by": 2}]), "the ratio 'of' is called like a column"),
    "a ratio of no column": (with_source(ratios=[{"name": "share", "of": "odd", "by": 2}]), "'share' needs the column 'odd'"),
    "two ratios of one name": (with_source(ratios=[{"name": "share", "of": "of", "by": 1}] * 2), "the ratio 'share' is named twice"),
    "an id that is no column": (with_source(id="odd"), "id names the column 'odd'"),
    "an address without a digest": (with_source(url="https://example.org/t.csv"), "a url but no sha256"),
    "a comma for two things": (with_source(separator=",", decimal=","), "a comma is both separator and decimal"),
    "a regression with labels": (as_regression(values={"1": "yes"}), 'target.values belongs to task = "classification"'),
    "a regression with a positive label": (as_regression(positive_label="yes"), "target.positive_label belongs to task"),
    "a positive label that is none": (with_target(positive_label="Yes"), "target.positive_label is 'Yes', which is no label"),
    "a positive label of three": (with_target(values={"1": "yes", "0": "no", "2": "so"}), "is for two labels; target.values has 3"),
    "one label": (with_target(values={"1": "yes"}), "has only the label 'yes'"),
    "codes of other labels": (with_target(codes={"x": {"0": "maybe"}}), "target.codes.x names 'maybe'"),
    "codes without a coding": (coded, "there are codes of 'other', but no name for the levels' own"),
    "codes of the own coding": (coded_by("other"), "coding = 'other' is that of the levels themselves"),
    "a coding that is none": (with_source(coding="odd"), "source.coding is 'odd'; there is no coding here"),
    "a direction of no field": (lambda found: found.update(quality={"directions": {"odd": 1}}), "quality.directions names 'odd'"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), BAD.values(), ids=BAD)
def test_parts_that_do_not_fit_are_one_sentence(
    tmp_path: Path, change: Callable[[Document], Any], says: str
) -> None:
    document = copy.deepcopy(TABLE)
    assert read(tmp_path, document).name == "mine"
    change(document)
    with pytest.raises(ProblemError) as caught:
        read(tmp_path, document)
    assert says in caught.value.message
    assert caught.value.message.startswith("mine.toml: ")
    assert "\n" not in caught.value.message


def test_a_folder_of_pictures_is_a_whole_path(tmp_path: Path) -> None:
    assert read(tmp_path, IMAGES).source.kind == "images"
    with pytest.raises(ProblemError, match="folder 'pictures' is relative"):
        read(tmp_path, {**IMAGES, "source": {"kind": "images", "folder": "pictures"}})


def test_a_ratio_called_like_a_column_of_the_first_line_is_refused_when_the_file_is_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,share\n1,2,3\n", encoding="utf-8")
    source = TableFile(kind="table", file=str(path), ratios=[{"name": "share", "of": "a", "by": "b"}])  # type: ignore[arg-type]  # pydantic makes a tuple of it
    with pytest.raises(DataError, match=r"The ratio 'share' is called like a column of t\.csv"):
        tables.read(source, path)
