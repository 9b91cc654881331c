"""From a folder of pictures to a problem: what is found out, and what is refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.data import adding
from artpulse_core.data.adding_images import from_images
from artpulse_core.errors import DataError
from tests.core.data.test_folders import write_picture


def pictures(root: Path, *labels: str, count: int = 10) -> Path:
    for label in labels:
        for place in range(count):
            write_picture(root / label / f"{place}.jpg", side=16 + place)
    return root


@pytest.mark.smoke
def test_a_folder_becomes_a_problem_of_pictures(tmp_path: Path) -> None:
    root = pictures(tmp_path / "p", "Würfel 🎨", "fauve/deep")
    write_picture(root / ".hidden" / "a.jpg")
    write_picture(root / "loose.jpg")
    (root / "empty").mkdir()
    draft = from_images("mine", root)
    problem = adding.checked(draft)
    assert (problem.input, problem.source.kind) == ("image", "images")
    assert draft.document["features"] == ["embedding", "rich"]  # the first that this machine has
    assert draft.labels == {"Würfel 🎨": 10, "fauve": 10}
    said = "\n".join(draft.warnings)
    for part in (
        "1 pictures lie in no label's folder",
        "1 × hidden",
        "'empty' holds no picture",
        "no groups are stated",
    ):
        assert part in said


def test_a_manifest_names_labels_and_groups(tmp_path: Path) -> None:
    root = pictures(tmp_path / "p", "all", count=20)
    lines = [f"all/{place}.jpg,{'ab'[place % 2]},g{place % 4}" for place in range(20)]
    (root / "manifest.csv").write_text("\n".join(["file,label,group", *lines]))
    draft = from_images("mine", root)
    assert draft.labels == {"a": 10, "b": 10}
    assert draft.warnings == ()


def spoiled(root: Path) -> Path:
    for path in pictures(root, "a", "b").glob("b/*.jpg"):
        path.write_text("no picture")
    return root


def other_files(root: Path) -> Path:
    (root / "a").mkdir()
    (root / "a" / "x.txt").write_text("x")
    return root


FOLDERS: list[tuple[str, Any, str]] = [
    ("missing", lambda root: root / "nowhere", "There is no folder"),
    ("empty", lambda root: root, "holds no picture; expected is FOLDER/<label>/<picture>"),
    (
        "only other files",
        other_files,
        "(1 × other_format)",
    ),
    ("in the root", lambda root: write_picture(root / "a.jpg").parent, "All 1 pictures lie in"),
    ("one label", lambda root: pictures(root, "cubist"), "only the label 'cubist'"),
    ("nested", lambda root: pictures(root, "top/cubist", "top/fauve"), "did you mean --images"),
    ("a split", lambda root: pictures(root, "train/a", "train/b", "test/a"), "are a split, not labels"),
    ("mixed case", lambda root: pictures(root, "Cubist", "cubist"), "'Cubist' (10) and 'cubist' (10)"),
    ("composed letters", lambda root: pictures(root, "caf\u00e9", "cafe\u0301"), "composed letters only"),
    ("too few", lambda root: pictures(pictures(root, "a"), "b", count=9), "fewer than 10 pictures: 'b' (9)"),
    (
        "no utf-8",
        lambda root: pictures(pictures(root, "a"), os.fsdecode(b"caf\xe9")),
        "'caf\\\\xe9' cannot be a label",
    ),
    ("control character", lambda root: pictures(root, "a", "b\n"), "cannot be a label"),
    ("none usable", spoiled, "None of the 10 pictures looked at under 'b' can be used"),
    ("too many labels", lambda root: pictures(root, *map(str, range(101)), count=1), "has 101 labels"),
]


@pytest.mark.parametrize(("made", "says"), [item[1:] for item in FOLDERS], ids=[item[0] for item in FOLDERS])
def test_a_folder_that_cannot_be_learned_is_one_sentence(tmp_path: Path, made: Any, says: str) -> None:
    root = tmp_path / "p"
    root.mkdir()
    with pytest.raises(DataError) as caught:
        from_images("mine", made(root))
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_some_refused_pictures_are_told(tmp_path: Path) -> None:
    root = pictures(tmp_path / "p", "a", "b")
    (root / "a" / "3.jpg").write_text("no picture")
    assert any(
        "1 of 10 pictures looked at under 'a' will be refused" in line
        for line in from_images("mine", root).warnings
    )


def test_a_path_that_is_no_unicode_cannot_be_written(tmp_path: Path) -> None:
    root = pictures(tmp_path / os.fsdecode(b"caf\xe9"), "a", "b")
    with pytest.raises(DataError, match=r"no UTF-8; rename"):
        _ = from_images("mine", root).text
