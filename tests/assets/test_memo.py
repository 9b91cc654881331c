"""Results keyed by what they were made from: whole or absent, and found again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpulse_assets.pipeline.memo import Memo, key_of

PARTS = {"rows": "abc", "version": "1"}


def write(folder: Path) -> None:
    (folder / "answer").write_text("42")


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*"))


@pytest.mark.smoke
def test_a_result_is_built_once_and_found_again(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        built.append(folder)
        write(folder)

    first, second = (Memo(tmp_path).make("kind", PARTS, build) for _ in range(2))
    assert (first.reused, second.reused, len(built)) == (False, True, 1)
    assert first.folder == second.folder == tmp_path / "kind" / first.key
    assert (second.folder / "answer").read_text() == "42"
    assert stat.S_IMODE(second.folder.stat().st_mode) == 0o755


@pytest.mark.smoke
@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_killed_build_leaves_nothing_and_is_built_anew(tmp_path: Path, stop: type[BaseException]) -> None:
    def half(folder: Path) -> None:
        (folder / "answer").write_text("4")
        raise stop

    memo = Memo(tmp_path)
    with pytest.raises(stop):
        memo.make("kind", PARTS, half)
    assert names(tmp_path) == ["kind"]
    made = memo.make("kind", PARTS, write)
    assert not made.reused
    assert (made.folder / "answer").read_text() == "42"


def test_of_two_makers_the_first_wins_and_the_second_takes_its_result(tmp_path: Path) -> None:
    memo = Memo(tmp_path)

    def slow(folder: Path) -> None:
        (folder / "answer").write_text("slow")
        memo.make("kind", PARTS, write)  # another run finishes while this one is at work

    made = memo.make("kind", PARTS, slow)
    assert (made.folder / "answer").read_text() == "42"
    assert names(tmp_path) == sorted(["kind", made.key, "answer"])


def test_a_disk_that_refuses_the_rename_is_not_taken_for_another_maker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, _target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="disk full"):
        Memo(tmp_path).make("kind", PARTS, write)
    assert names(tmp_path) == ["kind"]


DOCUMENTS = st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5), max_size=5)


@given(DOCUMENTS, st.randoms())
def test_a_key_does_not_depend_on_the_order_of_the_document(document: dict[str, object], random) -> None:
    shuffled = list(document.items())
    random.shuffle(shuffled)
    assert key_of({"a": document}) == key_of({"a": dict(shuffled)})


@given(DOCUMENTS, DOCUMENTS)
def test_different_documents_have_different_keys(first: dict[str, object], second: dict[str, object]) -> None:
    assert (key_of(first) == key_of(second)) == (first == second)


def test_the_kind_belongs_to_the_key(tmp_path: Path) -> None:
    memo = Memo(tmp_path)
    assert memo.make("one", PARTS, write).key != memo.make("two", PARTS, write).key
