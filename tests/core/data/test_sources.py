"""Where pictures come from: the folder, its manifest, and the generated sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artpulse_core.data.images import decode, scan
from artpulse_core.data.sources import ManifestRow, find_images, generate, is_synthetic, read_manifest
from artpulse_core.errors import DataError
from artpulse_core.features import get, vector


def manifest(root: Path, text: bytes) -> Path:
    (root / "red").mkdir(exist_ok=True)
    (root / "red" / "x.jpg").write_bytes(b"x")
    (root / "red" / "y.jpg").write_bytes(b"y")
    (root / "manifest.csv").write_bytes(text)
    return root


def test_the_given_folder_comes_before_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    (tmp_path / "mine").mkdir()
    assert find_images("art", dataset_dir=None, data_dir=tmp_path) == tmp_path / "art"
    assert find_images("art", dataset_dir=tmp_path / "mine", data_dir=tmp_path) == tmp_path / "mine"


def test_a_missing_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"art.*DATASET_DIR=.*artpulse data generate"):
        find_images("art", dataset_dir=None, data_dir=tmp_path)
    with pytest.raises(DataError, match=r"DATASET_DIR names .*gone"):
        find_images("art", dataset_dir=tmp_path / "gone", data_dir=tmp_path)


@pytest.mark.smoke
def test_a_manifest_may_have_a_byte_order_mark_windows_lines_and_more_columns(tmp_path: Path) -> None:
    text = "\ufefffile, label,colour,group,split\r\nred/x.jpg,red,9,anna,train\r\ny.jpg,red,8,,\r\n"
    assert read_manifest(manifest(tmp_path, text.encode())) == {
        "red/x.jpg": ManifestRow("red", "anna", "train"),
        "red/y.jpg": ManifestRow("red", "", None),
    }


def test_a_folder_without_a_manifest_has_an_empty_one(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"name,label\nx.jpg,red\n", "no column 'file'"),
        (b"file,kind\nx.jpg,red\n", "no column 'label'"),
        (b"", "no column 'file'"),
        (b"file,label\nx.jpg,red\nz.jpg,red\n", "line 3 names 'z.jpg'"),
        (b"file,label\n../manifest.csv,red\n", "leads out"),
        (b"file,label\n/etc/passwd,red\n", "leads out"),
        (b"file,label\nx.jpg,\n", "no file or no label"),
        (b"file,label,split\nx.jpg,red,valid\n", "split 'valid'"),
        (b"file,label,group\nx.jpg,red,a\nred/x.jpg,red,b\n", "second, different row"),
        (b"file,label\n\xff\xfe.jpg,red\n", "not UTF-8"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_line(tmp_path: Path, text: bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_manifest(manifest(tmp_path, text))
    assert said in caught.value.message


def test_generated_pictures_are_the_same_for_the_same_seed_and_others_for_another(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        generate(tmp_path / name, per_label=2, seed=seed)
    content = {
        name: [(tmp_path / name / item.path).read_bytes() for item in scan(tmp_path / name).files]
        for name in "abc"
    }
    assert content["a"] == content["b"]
    assert not set(content["a"]) & set(content["c"])
    assert len(set(content["a"])) == 10


@pytest.mark.smoke
def test_growing_adds_pictures_of_new_artists_and_leaves_the_old_ones_alone(tmp_path: Path) -> None:
    first = generate(tmp_path, per_label=5, seed=1, labels=("minimal", "vibrant"))
    before = {item.path: item.stamp for item in scan(tmp_path).files}
    second = generate(tmp_path, per_label=5, seed=1, labels=("minimal", "vibrant"), start=5)
    after = {item.path: item.stamp for item in scan(tmp_path).files}
    assert (first.written, second.written) == (10, 10)
    assert {path: after[path] for path in before} == before
    rows = read_manifest(tmp_path)
    assert set(rows) == set(after)
    assert len({row.group for row in rows.values()}) == 4
    again = generate(tmp_path, per_label=10, seed=1, labels=("minimal", "vibrant"))
    assert (again.written, again.unchanged) == (0, 20)


def test_generated_folders_say_so_and_others_do_not(tmp_path: Path) -> None:
    generate(tmp_path / "made", per_label=1, seed=1)
    (tmp_path / "real").mkdir()
    assert is_synthetic(tmp_path / "made") is True
    assert is_synthetic(tmp_path / "real") is False
    note = json.loads((tmp_path / "made" / "SOURCE.json").read_text())
    assert (note["synthetic"], note["seed"]) == (True, 1)
    (tmp_path / "made" / "SOURCE.json").write_text("{")
    with pytest.raises(DataError, match=r"SOURCE\.json"):
        is_synthetic(tmp_path / "made")


def test_synthetic_pictures_are_never_mixed_with_others(tmp_path: Path) -> None:
    (tmp_path / "real" / "red").mkdir(parents=True)
    with pytest.raises(DataError, match="not mixed"):
        generate(tmp_path / "real", per_label=1, seed=1)
    generate(tmp_path / "made", per_label=1, seed=1)
    with pytest.raises(DataError, match="other options"):
        generate(tmp_path / "made", per_label=1, seed=2)


@pytest.mark.parametrize(
    "options", [{"labels": ("cubist",)}, {"per_label": 0}, {"start": -1}, {"style": "odd"}]
)
def test_impossible_wishes_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(DataError):
        wishes: dict[str, Any] = {"per_label": 1, "seed": 0}
        generate(tmp_path / "x", **(wishes | options))
    assert not (tmp_path / "x").exists()


def test_shifted_pictures_are_greyer_darker_and_less_sharp(tmp_path: Path) -> None:
    generate(tmp_path / "a", per_label=4, seed=9)
    generate(tmp_path / "b", per_label=4, seed=9, style="shifted")
    core5 = get("core5")
    means = {
        name: np.mean(
            [vector((tmp_path / name / f.path).read_bytes(), core5) for f in scan(tmp_path / name).files],
            axis=0,
        )
        for name in "ab"
    }
    change = dict(zip(core5.names, means["b"] / means["a"], strict=True))
    assert change["sat_mean"] < 0.75
    assert change["val_mean"] < 0.8
    assert change["edges"] < 0.85


def test_generated_pictures_are_256_pixels_square(tmp_path: Path) -> None:
    generate(tmp_path, per_label=1, seed=0, labels=("surreal",))
    (item,) = scan(tmp_path).files
    assert decode((tmp_path / item.path).read_bytes(), 512).shape == (256, 256, 3)
