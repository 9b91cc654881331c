"""A file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from artpulse_core.exchange.files import write_whole, writing_whole


@pytest.mark.smoke
def test_a_file_that_is_written_in_parts_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with writing_whole(path) as handle:
        handle.write(b"one ")
        assert not path.exists()
        handle.write(b"two")
    assert path.read_bytes() == b"one two"
    assert [item.name for item in path.parent.iterdir()] == ["file"]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def half() -> None:
        with writing_whole(path) as handle:
            handle.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
