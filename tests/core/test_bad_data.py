"""Bad data given to ``artpulse data``: each is one clear sentence, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from artpulse_core.cli import main
from tests.core.data.test_adding import ROWS, frame, write
from tests.core.data.test_adding_images import pictures
from tests.core.data.test_folders import write_picture


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, ["data", *words])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet: what is refused must not make it."""
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def huge(folder: Path) -> Path:
    path = folder / "t.csv"
    with path.open("wb") as handle:
        handle.write(b"a,y\n1,2\n")
        handle.truncate(2 * 1024**3)
    return path


def text(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def like(folder: Path, **columns: Any) -> Path:
    return write(folder, frame(**columns))


BAD: dict[str, tuple[Any, str]] = {
    "no target": (lambda at: ("--csv", like(at)), "--target COLUMN"),
    "a target that is not there": (lambda at: ("--csv", like(at), "--target", "Y"), "did you mean 'y'"),
    "a target with one value": (
        lambda at: ("--csv", like(at, y=["a"] * ROWS), "--target", "y"),
        "in every row",
    ),
    "a target that is empty": (
        lambda at: ("--csv", like(at, y=[""] * ROWS), "--target", "y"),
        "empty in every row",
    ),
    "duplicate columns": (
        lambda at: ("--csv", text(at, "a,a,y\n1,2,3\n"), "--target", "y"),
        "two columns called 'a'",
    ),
    "10,000 columns": (
        lambda at: ("--csv", text(at, ",".join(f"c{n}" for n in range(10_000)) + "\n1\n"), "--target", "c1"),
        "10,000 columns",
    ),
    "2 GB": (lambda at: ("--csv", huge(at), "--target", "y"), "2,048 MiB"),
    "dates": (
        lambda at: ("--csv", like(at, day=["2024-01-02", "2024-01-03"] * 30), "--target", "y"),
        "'day' holds dates",
    ),
    "mixed types": (
        lambda at: ("--csv", like(at, mix=["1", "2", "3", "x"] * 15), "--target", "y"),
        "numbers and text",
    ),
    "UTF-16": (lambda at: ("--csv", text(at, "a,y\n1,2\n".encode("utf-16")), "--target", "y"), "UTF-16"),
    "Latin-1": (lambda at: ("--csv", text(at, "a,y\n1,é\n".encode("latin-1")), "--target", "y"), "byte 6"),
    "a lone quote": (lambda at: ("--csv", text(at, 'a,y\n1,"2\n3,4\n'), "--target", "y"), "line 2"),
    "a ragged row": (lambda at: ("--csv", text(at, "a,y\n1,2,3\n"), "--target", "y"), "line 2 has 3 cells"),
    "NUL bytes": (lambda at: ("--csv", text(at, "a,y\n1,\0\n"), "--target", "y"), "NUL byte"),
    "an empty file": (lambda at: ("--csv", text(at, ""), "--target", "y"), "is empty"),
    "no file": (lambda at: ("--csv", at / "gone.csv", "--target", "y"), "There is no file"),
    "a leak": (
        lambda at: ("--csv", like(at, copy=frame()["y"]), "--target", "y"),
        "gives the target 'y' away",
    ),
    "one label": (lambda at: ("--images", pictures(at / "p", "a")), "only the label 'a'"),
    "nested folders": (
        lambda at: ("--images", pictures(at / "p", "top/a", "top/b")),
        "did you mean --images",
    ),
    "mixed case": (
        lambda at: ("--images", pictures(at / "p", "Cubist", "cubist")),
        "'Cubist' (10) and 'cubist' (10)",
    ),
    "hidden names": (lambda at: ("--images", pictures(at / "p", ".a", ".b")), "2 × hidden"),
    "pictures in the root": (
        lambda at: ("--images", write_picture(at / "p" / "a.jpg").parent),
        "sort them into one folder",
    ),
    "no folder": (lambda at: ("--images", at / "gone"), "There is no folder"),
}


@pytest.mark.parametrize(("made", "says"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    home: Path, tmp_path: Path, made: Any, says: str
) -> None:
    words = [str(word) for word in made(tmp_path)]
    done = asked("add", "mine", *words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert (done.exit_code, done.stdout) == (65, ""), done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("artpulse: ")
    assert says in line
    assert not home.exists()
    document = json.loads(asked("validate", *words, "--json").stdout)
    assert says in document["error"]["message"]
    assert not home.exists()


def test_a_home_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path / "file" / "home"))
    done = asked("add", "mine", "--csv", str(like(tmp_path)), "--target", "y")
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (73, "", 1), done.output


def test_a_problem_that_is_replaced_stays_as_it_was_when_its_new_data_is_bad(
    home: Path, tmp_path: Path
) -> None:
    path = like(tmp_path)
    assert asked("add", "mine", "--csv", str(path), "--target", "y").exit_code == 0
    written = home / "problems" / "mine.toml"
    before = written.read_bytes()
    path.write_text("a,y\n")
    assert asked("add", "mine", "--csv", str(path), "--target", "y", "--replace").exit_code == 65
    assert [item.name for item in written.parent.iterdir()] == ["mine.toml"]
    assert written.read_bytes() == before
