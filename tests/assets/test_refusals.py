"""``artpulse train`` on folders and problem files that cannot be used: one sentence, an exit code, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from artpulse_core.cli import main
from tests.assets.conftest import NAME, Lane
from tests.bundles import picture

KEPT = ("dataset.parquet", "split.parquet")


def fill(root: Path, **counts: int) -> None:
    for place, (label, count) in enumerate(counts.items()):
        (root / label).mkdir(parents=True)
        for number in range(count):
            (root / label / f"{number}.jpg").write_bytes(picture(1000 * place + number))


def trained(root: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("DATASET_DIR", str(root))
    return CliRunner().invoke(main, ["train", "--problem", NAME])


def litter(root: Path) -> None:
    (root / "calm").mkdir(parents=True)
    (root / "calm" / ".DS_Store").write_bytes(b"x")


def with_manifest(text: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        fill(root, calm=2, loud=2)
        (root / "manifest.csv").write_text(text)

    return make


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda _root: None, "which is no folder; it must hold <label>/… folders", id="missing", marks=pytest.mark.extended),
        pytest.param(Path.mkdir, "holds no picture. Expected <folder>/<label>/<picture>", id="empty"),
        pytest.param(litter, "holds no picture", id="litter", marks=pytest.mark.extended),
        pytest.param(lambda root: fill(root, calm=12), "only the label 'calm'; at least 2 folders", id="one-label", marks=pytest.mark.extended),
        pytest.param(lambda root: fill(root, calm=12, odd=3), "Label 'odd' has 3 usable pictures; at least 10", id="three"),
        pytest.param(with_manifest("file,label,group\ncalm/99.jpg,calm,g\n"), "line 2 names 'calm/99.jpg', which is not there", id="unknown-file", marks=pytest.mark.extended),
        pytest.param(with_manifest("file,label,group,split\ncalm/1.jpg,calm,g,tran\n"), "line 2 has the split 'tran'; use train or test", id="split-typo"),
        pytest.param(with_manifest("path,label\ncalm/1.jpg,calm\n"), "manifest.csv has no column 'file'", id="no-column", marks=pytest.mark.extended),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_learned_from_stops_the_run_before_anything_is_written(
    make: Callable[[Path], None], says: str, empty_lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "art")
    done = trained(tmp_path / "art", monkeypatch)
    assert done.exit_code == 65
    *progress, last = done.stderr.splitlines()
    assert last.startswith("artpulse: ") and says in last
    assert len(progress) <= 3, progress  # the sentence is not buried
    home = empty_lane.settings.home
    written = {path.relative_to(home).as_posix() for name in ("assets", "splits", "artifacts", "cache", "mlartifacts") for path in (home / name).rglob("*") if path.is_file()}  # fmt: skip
    assert written <= {
        f"assets/{NAME}/labelled_events.parquet"
    }  # the answers' truth, which is no part of the folder
    assert empty_lane.aliases == {}


def test_pictures_that_turn_out_unusable_are_counted_and_the_quarantine_names_each(
    empty_lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "art"
    fill(root, calm=12, loud=12)
    for path in root.rglob("*.jpg"):
        path.write_bytes(path.read_bytes()[:200])
    done = trained(root, monkeypatch)
    assert done.exit_code == 65
    assert "There is no usable picture (24 × " in done.stderr.splitlines()[-1]
    quarantine = (empty_lane.settings.artifacts(NAME) / "quarantine.csv").read_text().splitlines()
    assert len(quarantine) == 25
    home = empty_lane.settings.home
    assert not [path for name in KEPT for path in (home / "assets").rglob(name)]
    assert not (home / "splits").exists()


def test_pictures_no_verdict_could_come_of_are_refused_before_anything_is_fitted(
    empty_lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "art", calm=24, loud=24)
    done = trained(tmp_path / "art", monkeypatch)
    assert done.exit_code == 65
    *progress, last = done.stderr.splitlines()
    assert "Of 48 usable pictures 12 are kept aside to judge with" in last
    assert "at least 30: about 120 pictures are needed." in last
    assert not [line for line in progress if "candidates" in line]
    assert empty_lane.registry.versions("artpulse-classifier") == []
    assert not (empty_lane.settings.home / "splits").exists()


GOOD = """\
name = "mine"
title = "Mine"
task = "classification"
input = "image"
model = "artpulse-mine"
features = "core5"
[source]
kind = "images"
dataset = "mine"
[target]
name = "style"
"""


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(GOOD + 'colour = "red"\n', "mine.toml: target.colour: there is no such key", id="unknown-key"),
        pytest.param(GOOD + "[training]\ntest_fraction = 0.9\n", "mine.toml: training.test_fraction", id="range"),
        pytest.param(GOOD + "[quality]\nmin_per_label = 1\n", "mine.toml: quality.min_per_label", id="minimum"),
        pytest.param(GOOD.replace('"mine"\ntitle', '"yours"\ntitle'), "name is 'yours' but the file is called 'mine'", id="name"),
        pytest.param(GOOD.replace("artpulse-mine", "artpulse-art"), "'artpulse-art' belongs to two problems", id="model-twice"),
        pytest.param(GOOD.replace('"core5"', '"core6"'), "core6", id="features"),
        pytest.param(GOOD + "[[[", "mine.toml is not TOML", id="no-toml"),
        pytest.param(GOOD.replace('title = "Mine"\n', ""), "mine.toml: title: this key is missing", id="missing-key"),
        pytest.param(
            GOOD.replace('"image"', '"table"') + '[[fields]]\nname = "hue_mean"\nminimum = 1\nmaximum = 0\n',
            "the ranges of hue_mean do not nest", id="field-range",
        ),
        pytest.param(
            GOOD.replace('"image"', '"table"') + '[[fields]]\nname = "hue"\nminimum = 0\nmaximum = 1\n',
            "mine.toml: [[fields]] must be the numbers of the feature set core5", id="foreign-field",
        ),
    ],
)  # fmt: skip
def test_a_problem_file_that_is_wrong_is_one_sentence_with_file_and_key(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "problems").mkdir()
    (tmp_path / "problems" / "mine.toml").write_text(text)
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path))
    done = CliRunner().invoke(main, ["train", "--problem", "mine"])
    assert done.exit_code == 65, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("artpulse: ") and says in line
    assert [path.name for path in tmp_path.iterdir()] == ["problems"]
