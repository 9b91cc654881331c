"""From a folder to a table: every file is in it, with its numbers or with the reason why not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline import dataset, ingest
from artpulse_core import features
from artpulse_core import settings as settings_module
from artpulse_core.data.problems import Problem
from artpulse_core.errors import DataError
from artpulse_core.settings import Settings
from tests.bundles import picture

CORE5 = features.get("core5")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two labels of three pictures."""
    folder = tmp_path / "art"
    for place in range(6):
        path = folder / ("calm", "loud")[place % 2] / f"{place}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(place))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({}, home=tmp_path / "home", data_dir=tmp_path)


def read(problem: Problem, settings: Settings) -> tuple[ingest.Listing, ingest.Featured]:
    listing = ingest.list_data(problem, settings)
    return listing, ingest.extract(problem, listing.frame, listing.root, settings.cache / "features")


def by_path(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in frame.to_dict("records")}


@pytest.mark.smoke
def test_every_picture_has_its_label_and_the_numbers_the_feature_set_gives(
    root: Path, problem: Problem, settings: Settings
) -> None:
    listing, found = read(problem, settings)
    assert (listing.synthetic, found.computed, found.reused) == (False, 6, 0)
    rows = by_path(found.frame)
    assert sorted(rows) == [f"{label}/{n}.jpg" for label in ("calm", "loud") for n in range(6) if n % 2 == (label == "loud")]  # fmt: skip
    vector, dhash = CORE5.vector_and_hash(picture(3))
    row = rows["loud/3.jpg"]
    assert row["label"] == "loud"
    assert row["dhash"] == dhash
    assert [row[name] for name in CORE5.names] == pytest.approx(vector.tolist(), abs=1e-12)


@pytest.mark.smoke
def test_bad_files_keep_their_row_with_a_reason_and_the_others_their_exact_hash(
    root: Path, problem: Problem, settings: Settings
) -> None:
    _, before = read(problem, settings)
    (root / "calm" / "torn.jpg").write_bytes(picture(9)[:400])
    (root / "calm" / "words.png").write_text("no picture at all")
    (root / "loud" / "away.jpg").symlink_to("/etc/hostname")
    (root / "loose.jpg").write_bytes(picture(8))
    (root / "calm" / "notes.txt").write_text("notes")
    listing, found = read(problem, settings)
    rows = by_path(found.frame)
    assert {path: row["reason"] for path, row in rows.items() if row["reason"]} == {
        "calm/torn.jpg": "truncated", "calm/words.png": "not_an_image", "loud/away.jpg": "link_leaves_root",
        "loose.jpg": "no_label",
    }  # fmt: skip
    assert all(row["message"] for row in rows.values() if row["reason"])
    assert dict(listing.skipped) == {"calm/notes.txt": "other_format"}
    kept = by_path(before.frame)
    assert {path: rows[path]["dhash"] for path in kept} == {path: row["dhash"] for path, row in kept.items()}
    assert max(row["dhash"] for row in kept.values()) >= 2**53  # more than a float could hold
    assembled = dataset.assemble(found.frame, ingest.labelled_rows(problem, []))
    assert (len(assembled.frame), len(assembled.quarantine)) == (6, 4)


def test_names_that_are_no_text_are_read_and_shown_with_escapes(
    root: Path, problem: Problem, settings: Settings
) -> None:
    name = os.fsencode(root / "calm") + b"/\xff|\n.jpg"
    with open(name, "wb") as handle:  # noqa: PTH123 - a name of bytes
        handle.write(picture(7))
    _, found = read(problem, settings)
    row = by_path(found.frame)["calm/\\xff|\n.jpg"]
    assert (row["reason"], row["label"]) == ("", "calm")
    assert row["sat_mean"] == pytest.approx(features.extract(picture(7), "core5")["sat_mean"])


@pytest.mark.smoke
def test_a_file_that_vanishes_between_listing_and_reading_is_named(
    root: Path, problem: Problem, settings: Settings
) -> None:
    listing = ingest.list_data(problem, settings)
    (root / "calm" / "0.jpg").unlink()
    found = ingest.extract(problem, listing.frame, root, settings.cache / "features")
    row = by_path(found.frame)["calm/0.jpg"]
    assert (row["reason"], row["id"], found.computed) == ("vanished", "", 5)


def test_the_manifest_gives_label_group_and_wish_also_to_a_file_in_the_root(
    root: Path, problem: Problem, settings: Settings
) -> None:
    (root / "loose.jpg").write_bytes(picture(8))
    (root / "manifest.csv").write_text("file,label,group,split\nloose.jpg,loud,anna,test\n0.jpg,calm,ben,\n")
    _, found = read(problem, settings)
    rows = by_path(found.frame)
    assert [rows["loose.jpg"][key] for key in ("label", "group", "wanted", "reason")] == [
        "loud",
        "anna",
        "test",
        "",
    ]
    assert [rows["calm/0.jpg"][key] for key in ("label", "group", "wanted")] == ["calm", "ben", ""]


def test_an_empty_folder_and_a_missing_one_are_refused_by_name(
    tmp_path: Path, problem: Problem, settings: Settings
) -> None:
    with pytest.raises(DataError, match="DATASET_DIR"):
        ingest.list_data(problem, settings)
    (tmp_path / "art").mkdir()
    with pytest.raises(DataError, match=r"art.*holds no picture.*at least 2 labels"):
        ingest.list_data(problem, settings)


@pytest.mark.smoke
def test_the_listing_changes_when_a_file_comes_goes_or_is_rewritten_and_only_then(root: Path) -> None:
    seen = [ingest.listing_digest(root)]
    assert ingest.listing_digest(root) == seen[0]
    (root / "calm" / "new.jpg").write_bytes(picture(9))
    seen.append(ingest.listing_digest(root))
    os.utime(root / "calm" / "new.jpg", ns=(1, 1))
    seen.append(ingest.listing_digest(root))
    (root / "manifest.csv").write_text("file,label\n0.jpg,calm\n")
    seen.append(ingest.listing_digest(root))
    (root / "calm" / "2.jpg").unlink()
    seen.append(ingest.listing_digest(root))
    assert len(set(seen)) == 5


def event(**over: Any) -> dict[str, Any]:
    return {
        "id": "r1:0", "content": "c" * 64, "label": "calm", "fingerprint": CORE5.fingerprint,
        "features": dict.fromkeys(CORE5.names, 0.5), **over,
    }  # fmt: skip


@pytest.mark.smoke
def test_feedback_becomes_rows_unless_its_numbers_are_another_feature_set_s(problem: Problem) -> None:
    told = [
        event(),
        event(id="r2:0", fingerprint="other"),
        event(id="r3:0", features=None),
        event(id="r4:0", content=None),
    ]
    frame = ingest.labelled_rows(problem, told)
    assert frame["path"].tolist() == ["feedback:r1:0", "feedback:r4:0"]
    assert frame["id"].tolist() == ["c" * 64, "r4:0"]
    assert frame["dhash"].dtype == np.uint64
    assert list(frame.columns) == list(ingest.labelled_rows(problem, []).columns)
    assert ingest.labelled_rows(problem, []).dtypes.equals(frame.dtypes)
