"""The feature cache: nothing unchanged is read twice, nothing damaged is believed."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import artpulse_core.features.cache as cache_module
from artpulse_core.data.images import read, scan
from artpulse_core.features import get, vector
from artpulse_core.features.batches import MERGE_ABOVE, write_batch
from artpulse_core.features.cache import Extracted, FeatureCache


def draw(path: Path, shade: int) -> None:
    pixels = np.full((32, 40, 3), shade, dtype=np.uint8)
    pixels[:, :20, 0] = 255 - shade
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for number in range(6):
        draw(folder / "ab"[number % 2] / f"{number}.png", 20 + 30 * number)
    (folder / "a" / "text.jpg").write_text("no picture")
    draw(Path(os.fsdecode(os.fsencode(folder / "b") + b"/\xe9\n.png")), 250)
    return folder


def run(tmp_path: Path, root: Path, name: str = "core5", workers: int = 1) -> Extracted:
    """One pass as a new process would do it."""
    return FeatureCache(tmp_path / "cache", get(name)).extract_files(root, scan(root).files, workers=workers)


def same(first: Extracted, second: Extracted) -> bool:
    return (
        (first.paths, first.hashes, first.refused) == (second.paths, second.hashes, second.refused)
        and np.array_equal(first.matrix, second.matrix)
        and np.array_equal(first.dhash, second.dhash)
    )


@pytest.mark.smoke
def test_a_pass_gives_the_numbers_that_the_api_gives_and_names_what_is_refused(
    tmp_path: Path, root: Path
) -> None:
    result = run(tmp_path, root)
    expected = np.stack([vector((root / path).read_bytes(), get("core5")) for path in result.paths])
    assert np.array_equal(result.matrix, expected)
    assert [(path, reason) for path, reason, _ in result.refused] == [("a/text.jpg", "not_an_image")]
    assert (len(result.paths), result.computed, result.reused) == (7, 8, 0)
    assert result.dhash.dtype == np.uint64
    assert all(len(digest) == 64 for digest in result.hashes)


@pytest.mark.smoke
def test_an_unchanged_file_is_not_even_opened(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path, root)

    def opened(path: Path) -> bytes:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(cache_module, "read", opened)
    second = run(tmp_path, root)
    assert same(first, second)
    assert (second.computed, second.reused) == (0, 8)


def test_only_what_changed_is_computed(tmp_path: Path, root: Path) -> None:
    first = run(tmp_path, root)
    draw(root / "a" / "2.png", 123)
    draw(root / "a" / "new.png", 99)
    (root / "a" / "0.png").rename(root / "b" / "moved.png")
    (root / "b" / "1.png").unlink()
    second = run(tmp_path, root)
    assert second.computed == 2
    assert second.hashes[second.paths.index("b/moved.png")] == first.hashes[first.paths.index("a/0.png")]
    assert second.hashes[second.paths.index("a/2.png")] != first.hashes[first.paths.index("a/2.png")]
    assert "b/1.png" not in second.paths


def test_a_file_of_the_same_size_and_time_with_other_bytes_is_noticed(tmp_path: Path, root: Path) -> None:
    path = root / "a" / "text.jpg"
    before = path.stat()
    run(tmp_path, root)
    path.write_text("NO picture")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(tmp_path, root).computed == 1


def test_a_file_that_is_too_large_is_refused_unread(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / "a" / "huge.jpg").open("wb") as handle:
        handle.truncate(20 * 1024**3)
    read_paths: list[str] = []

    def noted(path: Path) -> bytes:
        read_paths.append(path.name)
        return read(path)

    monkeypatch.setattr(cache_module, "read", noted)
    result = run(tmp_path, root)
    assert ("a/huge.jpg", "file_too_large") in [row[:2] for row in result.refused]
    assert "huge.jpg" not in read_paths


def test_feature_sets_and_versions_do_not_mix(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, root)
    joined = run(tmp_path, root, "core5+rich")
    assert joined.computed == 8
    assert joined.matrix.shape == (7, len(get("core5+rich").names))
    monkeypatch.setattr(type(get("core5")), "version", 99)
    assert run(tmp_path, root).computed == 8


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "another name"])
@pytest.mark.parametrize("store", ["stamps", "core5"])
def test_a_damaged_cache_file_is_recomputed_and_never_believed(
    tmp_path: Path, root: Path, store: str, damage: str
) -> None:
    first = run(tmp_path, root)
    (batch,) = (path for path in (tmp_path / "cache").glob("*/*.npz") if path.parent.name.startswith(store))
    data = bytearray(batch.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        batch.write_bytes(data)
    elif damage == "another name":
        batch.rename(batch.with_name("0" * 64 + ".npz"))
    else:
        batch.write_bytes(data[: len(data) // 2] if damage == "truncate" else b"")
    second = run(tmp_path, root)
    assert same(first, second)
    assert second.computed == (8 if store == "core5" else 0)
    assert run(tmp_path, root).computed == 0


def test_a_sound_batch_of_another_shape_is_dropped(tmp_path: Path, root: Path) -> None:
    first = run(tmp_path, root)
    folder = next(path for path in (tmp_path / "cache").iterdir() if path.name.startswith("core5"))
    odd = write_batch(
        folder, {"digests": np.zeros((1, 32), np.uint8), "matrix": np.zeros((1, 2)), "dhash": np.zeros(1)}
    )
    assert same(first, run(tmp_path, root))
    assert not odd.exists()


def test_two_processes_fill_one_cache(tmp_path: Path, root: Path) -> None:
    entries = scan(root).files
    one, two = (FeatureCache(tmp_path / "cache", get("core5")) for _ in range(2))
    assert one.extract_files(root, entries[:4]).computed == 4
    assert two.extract_files(root, entries[4:]).computed == 4
    assert one.extract_files(root, entries).computed == 0


def test_many_small_batches_are_merged_and_still_known(tmp_path: Path, root: Path) -> None:
    cache = FeatureCache(tmp_path / "cache", get("core5"))
    for number in range(MERGE_ABOVE + 3):
        draw(root / "a" / f"more{number}.png", 3 * number)
        cache.extract_files(root, scan(root).files)
    assert all(len(list(folder.glob("*.npz"))) <= MERGE_ABOVE for folder in (tmp_path / "cache").iterdir())
    assert run(tmp_path, root).computed == 0


def test_workers_give_the_same_answer_and_progress_is_told(tmp_path: Path, root: Path) -> None:
    told: list[tuple[int, int]] = []
    cache = FeatureCache(tmp_path / "other", get("core5"))
    result = cache.extract_files(
        root, scan(root).files, workers=2, on_progress=lambda done, total: told.append((done, total))
    )
    assert same(result, run(tmp_path, root))
    assert told == [(8, 8)]


def test_an_empty_folder_gives_an_empty_matrix(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    result = run(tmp_path, tmp_path / "none", "rich")
    assert result.matrix.shape == (0, len(get("rich").names))
    assert result.refused == ()
