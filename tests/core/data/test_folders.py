"""A folder of pictures: what is read, refused unread or passed over, and the document of the check."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from artpulse_core.data.images import check, read, scan
from artpulse_core.errors import DataError, ImageRefused


def write_picture(path: Path, kind: str = "JPEG", side: int = 32) -> Path:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 80, 40)).save(buffer, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two labels, with one of everything a folder can hold."""
    root = tmp_path / "pictures"
    outside = write_picture(tmp_path / "outside.jpg")
    write_picture(root / "red" / "a.jpg")
    write_picture(root / "red" / "deep" / "b.PNG", "PNG")
    write_picture(root / "blue" / "no_extension")
    write_picture(root / "blue" / "really_a_png.jpg", "PNG")
    write_picture(root / "blue" / "ümläut 🎨 'quoted'.jpg")
    write_picture(Path(os.fsdecode(os.fsencode(root / "blue") + b"/caf\xe9\n.jpg")))
    write_picture(root / "in_the_root.jpg")
    (root / "red" / "inside.jpg").symlink_to("a.jpg")
    (root / "red" / "outside.jpg").symlink_to(outside)
    (root / "red" / "outside").symlink_to(tmp_path)
    (root / "red" / "dangling.jpg").symlink_to("nothing.jpg")
    (root / "red" / "itself.jpg").symlink_to("itself.jpg")
    (root / "red" / "loop").symlink_to("..")
    (root / "aaa_alias").symlink_to("red")
    os.mkfifo(root / "red" / "pipe.jpg")
    write_picture(root / "red" / ".hidden.jpg")
    write_picture(root / ".cache" / "c.jpg")
    (root / "red" / "Thumbs.db").write_bytes(b"x")
    (root / "__MACOSX").mkdir()
    (root / "red" / "notes.txt").write_text("hello")
    (root / "manifest.csv").write_text("file,label\n")
    return root


@pytest.mark.smoke
def test_a_scan_finds_every_picture_once_and_names_the_rest(folder: Path) -> None:
    result = scan(folder)
    assert {(item.path, item.label) for item in result.files} == {
        ("red/a.jpg", "red"),
        ("red/deep/b.PNG", "red"),
        ("red/inside.jpg", "red"),
        ("blue/no_extension", "blue"),
        ("blue/really_a_png.jpg", "blue"),
        ("blue/ümläut 🎨 'quoted'.jpg", "blue"),
        ("blue/caf\udce9\n.jpg", "blue"),
        ("in_the_root.jpg", ""),
    }
    assert {item.path: item.reason for item in result.skipped} == {
        "red/outside.jpg": "link_leaves_root",
        "red/outside": "link_leaves_root",
        "red/dangling.jpg": "link_dangling",
        "red/itself.jpg": "link_dangling",
        "red/loop": "already_seen",
        "aaa_alias": "already_seen",
        "red/pipe.jpg": "not_a_file",
        "red/.hidden.jpg": "hidden",
        ".cache": "hidden",
        "red/Thumbs.db": "litter",
        "__MACOSX": "litter",
        "red/notes.txt": "other_format",
    }


def test_what_should_have_been_a_picture_is_refused_and_what_never_was_is_passed_over(folder: Path) -> None:
    refused = {item.path for item in scan(folder).skipped if item.refused}
    assert refused == {"red/outside.jpg", "red/outside", "red/dangling.jpg", "red/itself.jpg", "red/pipe.jpg"}


def test_a_scan_has_a_stable_order(folder: Path) -> None:
    paths = [os.fsencode(item.path) for item in scan(folder).files]
    assert paths == sorted(paths)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        scan(tmp_path / "nowhere")


def test_reading_never_waits_for_a_pipe_and_never_reads_a_huge_file(folder: Path) -> None:
    with pytest.raises(ImageRefused) as caught:
        read(folder / "red" / "pipe.jpg")
    assert caught.value.reason == "not_a_file"
    huge = folder / "red" / "huge.jpg"
    with huge.open("wb") as handle:
        handle.truncate(50 * 1024 * 1024 * 1024)  # sparse: reading it whole would exhaust memory
    with pytest.raises(ImageRefused) as caught:
        read(huge)
    assert caught.value.reason == "file_too_large"


def test_the_check_gives_one_document_for_folders_and_files(folder: Path) -> None:
    (folder / "red" / "text.jpg").write_text("not a picture")
    write_picture(folder / "red" / "small.png", "PNG", side=15)
    document = check([folder, folder / "red" / "a.jpg"])
    files = {row["path"]: row for row in document["files"]}
    assert files["red/a.jpg"] == {
        "path": "red/a.jpg",
        "accepted": True,
        "reason": None,
        "width": 32,
        "height": 32,
        "mode": "RGB",
        "format": "JPEG",
        "warning": None,
    }
    assert files["a.jpg"]["accepted"] is True
    assert files["blue/really_a_png.jpg"]["warning"] == "extension_differs"
    refused = {path: row["reason"] for path, row in files.items() if not row["accepted"]}
    assert refused == {
        "red/text.jpg": "not_an_image",
        "red/small.png": "side_too_short",
        "red/outside.jpg": "link_leaves_root",
        "red/outside": "link_leaves_root",
        "red/dangling.jpg": "link_dangling",
        "red/itself.jpg": "link_dangling",
        "red/pipe.jpg": "not_a_file",
    }
    assert {"path": "red/notes.txt", "reason": "other_format"} in document["skipped"]
    assert json.loads(json.dumps(document)) == document


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.jpg"):
        check([tmp_path / "missing.jpg"])
