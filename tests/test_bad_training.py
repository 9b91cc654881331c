"""``artpulse train`` in its own process on what nobody wants to be given: broken files, full disks, wrong problems."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from artpulse_core import settings as settings_module
from artpulse_core.control.registry import Registry
from artpulse_core.data.generator import generate, picture
from tests.homes import MODEL, NAME, Home, believed
from tests.require import require

pytestmark = pytest.mark.extended
SEED = 3


def nasty(root: Path, good: dict[str, list[bytes]]) -> dict[str, str]:
    """A folder with enough good pictures under odd labels and one of each broken kind; name → reason expected."""
    for label, pictures in good.items():
        (root / label).mkdir(parents=True)
        for number, data in enumerate(pictures):
            (root / label / f"{number}.jpg").write_bytes(data)
    first, second = (root / label for label in list(good)[:2])
    one = next(iter(good.values()))
    files = {
        "torn.jpg": one[0][: len(one[0]) // 2],
        "empty.jpg": b"",
        "text.jpg": b"I am not a picture, whatever my name says.",
        "bomb.png": encoded(Image.new("1", (12000, 12000)), "PNG"),
        "dot.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
        "heavy.jpg": one[1] + bytes(11 * 1024 * 1024),
        "again.jpg": one[2],
        "both.jpg": picture("surreal", 3000, seed=SEED),
        "renamed.png": picture("neo-pop", 3001, seed=SEED),  # a JPEG: told by its content and used
        "moving.gif": moving(picture("neo-pop", 3002, seed=SEED), picture("neo-pop", 3003, seed=SEED)),
    }
    for name, data in files.items():
        (first / name).write_bytes(data)
    (second / "both.jpg").write_bytes(files["both.jpg"])
    (first / "outside.jpg").symlink_to("/etc/hostname")
    (first / "dangling.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(first / "pipe.jpg")
    return {
        "torn.jpg": "truncated", "empty.jpg": "empty_file", "text.jpg": "not_an_image", "bomb.png": "too_many_pixels",
        "dot.png": "side_too_short", "heavy.jpg": "file_too_large", "outside.jpg": "link_leaves_root",
        "dangling.jpg": "link_dangling", "pipe.jpg": "not_a_file", "both.jpg": "label_conflict",
    }  # fmt: skip


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def moving(*pictures: bytes) -> bytes:
    first, *more = [Image.open(io.BytesIO(data)) for data in pictures]
    return encoded(first, "GIF", save_all=True, append_images=more)


def test_a_folder_with_every_kind_of_broken_file_and_odd_labels_gives_a_model_and_a_quarantine(
    mlflow_store: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    shutil.copy(mlflow_store, home.path / "mlflow.db")
    kinds = {"neo pop & more": "neo-pop", "单色 – été": "monochrome", "caf\udce9": "minimal"}
    good = {
        label: [picture(kind, number, seed=SEED) for number in range(40)] for label, kind in kinds.items()
    }
    root = tmp_path / "art"
    expected = nasty(root, good)
    home.more["DATASET_DIR"] = str(root)
    trained = home.json("train", "--problem", NAME)["trained"][0]
    assert trained["champion"] == trained["version"]
    text = (home.path / "artifacts" / NAME / "quarantine.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    found = {row["path"].rpartition("/")[2]: row["reason"] for row in rows}
    twins = [row["reason"] for row in rows if row["path"].endswith(("more/2.jpg", "again.jpg"))]
    assert twins == ["duplicate"]
    assert {name: found.get(name) for name in expected} == expected
    assert all(row["message"] for row in rows)
    assert {"renamed.png", "moving.gif"}.isdisjoint(found)
    code, out, err = home.run("predict", str(root / "neo pop & more" / "1.jpg"), "--problem", NAME, "--json")
    assert code == 0, err
    assert "caf\\\\xe9" in out and "\\u5355" in out


@pytest.mark.parametrize("bytes_left", [60_000, 1_000_000])
def test_a_training_on_a_disk_that_is_full_fails_with_a_sentence_and_leaves_nothing_half_written(
    bytes_left: int, mlflow_store: Path, tmp_path: Path
) -> None:
    place = Path(os.path.realpath(tmp_path)) / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        require("the right to mount a small disk", "run it as root")
    try:
        home = Home(place / "home")
        home.path.mkdir()
        shutil.copy(mlflow_store, home.path / "mlflow.db")
        root = tmp_path / "art"
        generate(root, per_label=12, seed=SEED)
        home.more["DATASET_DIR"] = str(root)
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        (place / "filler").write_bytes(b"x" * (free - bytes_left))
        code, _, err = home.run("train", "--problem", NAME)
        last = err.strip().splitlines()[-1]
        assert code in {65, 69, 73, 74}, err
        assert last.startswith("artpulse: "), err
        assert "space" in last or "full" in last or "(0 MiB free)" in last, last
        assert "Traceback" not in err, err
        (place / "filler").unlink()
        settings = settings_module.load({}, home=home.path)
        believed(settings)
        assert Registry(settings).aliases(MODEL) == {}
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_definitions_over_a_wrong_problem_file_fail_with_the_sentence_that_the_command_says(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    (home.path / "problems").mkdir(parents=True)
    (home.path / "problems" / "mine.toml").write_text('name = "mine"\ncolour = "red"\n')
    code, _, said = home.run("train", "--problem", "mine")
    assert code == 65
    sentence = said.strip().removeprefix("artpulse: ")
    command = [
        sys.executable,
        "-m",
        "dagster",
        "definitions",
        "validate",
        "-m",
        "artpulse_assets.definitions",
    ]
    done = subprocess.run(
        command, env=home.environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
