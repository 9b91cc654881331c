"""Pictures: what could not be read and what is odd is named with its reason; measured on real files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from artpulse_assets.association import cramers_v
from artpulse_assets.pipeline.memo import Memo
from artpulse_assets.pipeline.quality.looking import kept
from artpulse_assets.pipeline.quality.looking import looks as measured
from tests.assets.quality.tables import check, looks, pictures, problem, refused

IMAGES = problem(source="images")


@pytest.mark.smoke
def test_a_file_that_could_not_be_read_is_named_with_its_reason() -> None:
    assert check("unreadable_pictures", pictures(), IMAGES, refused("duplicate")).passed
    found = check("unreadable_pictures", pictures(), IMAGES, refused("truncated", "truncated", "vanished"))
    assert found.count == 3
    assert "2 × truncated, 1 × vanished" in found.summary


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"width": 63}, "very small: a side under 64 pixels"),
        ({"width": 801}, "stretched: one side over 4 times the other"),
        ({"spread": 1.0}, "flat colour"),
        ({"frames": 2}, "animated; only the first frame is used"),
        ({"chroma": 2.0}, "greyscale among colour"),
        ({"format": "PNG"}, "another format than JPEG"),
        ({"width": 64}, None),
        ({"width": 800}, None),
        ({"spread": 2.0}, None),
        ({"chroma": 8.0}, None),
    ],
)
def test_an_odd_picture_is_named_and_one_just_inside_is_not(change: dict[str, Any], rule: str | None) -> None:
    frame = pictures()
    table = looks(frame).astype({"format": object})
    for name, value in change.items():
        table.loc[6, name] = value
    found = check("odd_pictures", frame, IMAGES, looks=table)
    assert [(row.path, row.rule) for row in found.rows] == ([(frame.loc[6, "path"], rule)] if rule else [])


def test_grey_is_not_odd_where_a_label_is_grey() -> None:
    frame = pictures()
    table = looks(frame)
    table.loc[frame["label"] == "calm", "chroma"] = 0.0
    assert check("odd_pictures", frame, IMAGES, looks=table).passed


def test_without_measured_files_a_flat_picture_is_known_by_its_hash_and_feedback_has_none() -> None:
    frame = pictures()
    frame.loc[[4, 5], "dhash"] = np.uint64(0)
    frame.loc[5, "path"] = "feedback:a:0"
    assert [row.path for row in check("odd_pictures", frame, IMAGES).rows] == [frame.loc[4, "path"]]


def test_files_whose_format_gives_the_label_away_are_told() -> None:
    frame = pictures()
    assert check("telling_files", frame, IMAGES, looks=looks(frame)).passed
    telling = looks(frame).assign(format=np.where(frame["label"] == "calm", "PNG", "JPEG"))
    found = check("telling_files", frame, IMAGES, looks=telling)
    assert [row.path for row in found.rows] == ["format"]
    mixed = looks(frame).assign(format=np.where(np.arange(len(frame)) % 4 < 2, "PNG", "JPEG"))
    assert check("telling_files", frame, IMAGES, looks=mixed).passed
    assert check("telling_files", frame, IMAGES) is None


def test_cramers_v_is_one_for_copies_and_near_nothing_for_chance() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, 400).astype(str)
    assert cramers_v(a, a) == pytest.approx(1, abs=0.01)
    assert cramers_v(a, rng.permutation(a)) < 0.1
    assert cramers_v(a, np.full(400, "x")) == 0


def test_looks_are_measured_on_files_and_what_cannot_be_decoded_has_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (80, 120, 3), dtype=np.uint8)).save(tmp_path / "noise.png")
    Image.new("RGB", (50, 40), (200, 20, 20)).save(tmp_path / "flat.jpg")
    Image.linear_gradient("L").save(tmp_path / "grey.webp")
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff no more")
    os.mkfifo(tmp_path / "pipe.jpg")
    files = [(os.fsencode(path.name), path.name) for path in sorted(tmp_path.iterdir())]
    found = measured(tmp_path, files).set_index("path")
    assert set(found.index) == {"flat.jpg", "grey.webp", "noise.png", "two.gif"}
    assert found.loc["noise.png", ["width", "height", "format", "frames"]].tolist() == [120, 80, "PNG", 1]
    assert found.loc["flat.jpg", "spread"] < 1
    assert found.loc["flat.jpg", "chroma"] > 100
    assert found.loc["grey.webp", "chroma"] < 8
    assert found.loc["two.gif", "frames"] == 2


def test_looks_are_measured_once_for_the_same_listing(tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), (200, 20, 20)).save(tmp_path / "flat.png")
    memo, files = Memo(tmp_path / "memo"), [(b"flat.png", "flat.png")]
    first = kept(memo, tmp_path, files, "before")
    (tmp_path / "flat.png").unlink()
    assert kept(memo, tmp_path, files, "before").equals(first)
    assert len(first) == 1
    assert len(kept(memo, tmp_path, files, "after")) == 0
