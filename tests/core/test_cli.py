"""Every command with bad input: an exit code and one sentence on standard error, with ``--json`` one document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from artpulse_core import settings as settings_module
from artpulse_core.cli import COMMANDS, main
from artpulse_core.errors import NotWritable, of_system
from artpulse_core.settings import Settings
from tests.bundles import picture


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def sentence(done: Result, code: int) -> str:
    """The one line on standard error of a command that failed with ``code`` on purpose."""
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("artpulse: ")
    return line


@pytest.fixture
def home(mlflow_home: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without pictures and without a model."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ARTPULSE_HOME", str(mlflow_home.home))
    return mlflow_home.home


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home nobody can write, root neither: it would lie below a file."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path / "file" / "home"))
    return tmp_path / "file"


UNKNOWN = [
    ("train", "--problem", "nobody"),
    ("retrain", "--problem", "nobody"),
    ("evaluate", "--problem", "nobody"),
    ("drift", "run", "--problem", "nobody"),
    ("drift", "history", "--problem", "nobody"),
    ("predict", "--problem", "nobody", "--row", "{}"),
    ("models", "show", "nobody"),
    ("models", "verify", "nobody"),
    ("promote", "nobody"),
    ("rollback", "nobody", "--reason", "x"),
    ("models", "diff", "nobody"),
    ("models", "freeze", "nobody", "--reason", "x"),
    ("models", "lift", "nobody", "--reason", "x"),
    ("models", "adopt", "nobody", "--reason", "x"),
    ("rollout", "status", "nobody"),
    ("rollout", "start", "nobody"),
    ("rollout", "set", "nobody", "--percent", "5"),
    ("rollout", "pause", "nobody"),
    ("rollout", "abort", "nobody", "--reason", "x"),
    ("audit", "tail", "nobody"),
    ("audit", "export", "nobody"),
    ("events", "export", "nobody"),
    ("events", "stats", "nobody"),
]
ABSENT = [
    (("predict", "--row", "{}"), 69, "no champion yet"),
    (("predict", "--problem", "art", "--row", "{}"), 65, "art takes picture files, not a row"),
    (("models", "verify", "art"), 77, "has no version"),
    (("promote", "art"), 77, "no challenger"),
    (("rollback", "art", "--reason", "x"), 77, "no earlier champion"),
    (("models", "diff", "art"), 77, "no version or alias 'champion'"),
    (("models", "lift", "art", "--reason", "x"), 77, "not frozen"),
    (("models", "adopt", "art", "--reason", "x"), 77, "no champion alias"),
    (("rollout", "start", "art"), 77, "no challenger"),
    (("rollout", "pause", "art"), 77, "No rollout"),
    (("audit", "verify", "--head", "1"), 77, "sequence:hash:seal"),
    (("images", "check", "/nowhere.jpg"), 65, "/nowhere.jpg"),
    (("features", "--set", "core6", "/"), 65, "core6"),
    (("keys", "hash"), 78, "no key"),
]  # fmt: skip


@pytest.mark.parametrize("words", UNKNOWN, ids=" ".join)
def test_an_unknown_problem_is_one_sentence(words: Sequence[str], home: Path) -> None:
    assert "nobody" in sentence(asked(*words), 65)


@pytest.mark.parametrize(
    ("words", "code", "says"), ABSENT, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_what_is_not_there_is_one_sentence_or_one_document(
    words: Sequence[str], code: int, says: str, home: Path
) -> None:
    assert says in sentence(asked(*words), code)
    done = asked(*words, "--json")
    assert (done.exit_code, says in json.loads(done.stdout)["error"]["message"]) == (code, True)


@pytest.mark.parametrize(
    "words",
    [
        ("data", "generate", "--per-label", "1"), ("train",), ("retrain",), ("drift", "run"), ("drift", "history"),
        ("predict", "--row", "{}"), ("models", "list"), ("models", "show", "art"), ("models", "verify", "art"),
        ("promote", "art"), ("rollback", "art", "--reason", "x"), ("serve",), ("demo", "--once"), ("status",),
        ("models", "diff", "art"), ("models", "freeze", "art", "--reason", "x"), ("rollout", "status", "art"),
        ("rollout", "start", "art"), ("audit", "tail"), ("audit", "verify"), ("audit", "export"),
        ("events", "export"), ("events", "stats"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_home_that_cannot_be_written_is_one_sentence(words: Sequence[str], no_home: Path) -> None:
    done = asked(*words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (69, 73), done.output
    assert done.stderr.splitlines()[-1].startswith("artpulse: ")
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "words",
    [("config", "show"), ("completion",), ("keys", "new"), ("data", "layout"), ("openapi",)],
    ids=" ".join,
)
def test_what_needs_no_home_answers_without_one(words: Sequence[str], no_home: Path) -> None:
    done = asked(*words, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert isinstance(json.loads(done.stdout), dict)


def test_doctor_says_that_the_home_cannot_be_written(no_home: Path) -> None:
    done = asked("doctor", "--json")
    assert done.exit_code == 1
    checks = {row["check"]: row["ok"] for row in json.loads(done.stdout)["checks"]}
    assert checks["home"] is False


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}', ""])
def test_status_says_that_the_release_file_is_damaged(text: str, home: Path) -> None:
    run = settings_module.load().run
    run.mkdir(parents=True)
    (run / "release.json").write_text(text)
    done = asked("status")
    assert (done.exit_code, "Traceback" in done.output) == (65, False), done.output
    assert str(run / "release.json") in done.output
    assert json.loads(asked("status", "--json").stdout)["damage"]


@pytest.mark.parametrize(
    "words", [("drift", "run", "--rows", "0"), ("drift", "history", "--limit", "-1")], ids=" ".join
)
def test_a_number_that_makes_no_sense_is_a_wrong_use(words: Sequence[str], home: Path) -> None:
    done = asked(*words)
    assert (done.exit_code, "x>=1" in done.stderr) == (2, True), done.output


def test_what_the_system_says_keeps_its_path_and_its_kind() -> None:
    assert isinstance(of_system(PermissionError(13, "Permission denied", "/a/b")), NotWritable)
    full = of_system(OSError(28, "No space left on device", "/a/b"))
    assert (full.exit_code, full.message) == (
        74,
        "No space left on device: /a/b. Free some space, or set ARTPULSE_HOME to another disk.",
    )
    assert of_system(OSError("odd")).message == "odd."


def pair(folder: Path) -> tuple[str, str]:
    (folder / "good.jpg").write_bytes(picture(1))
    (folder / "broken.jpg").write_bytes(picture(2)[:300])
    return str(folder / "good.jpg"), str(folder / "broken.jpg")


@pytest.mark.parametrize("first", [True, False])
def test_features_of_the_good_pictures_are_shown_and_the_refused_named(first: bool, tmp_path: Path) -> None:
    good, broken = pair(tmp_path)
    words = ("features", *((good, broken) if first else (broken, good)))
    done = asked(*words)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (65, good)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"artpulse: {broken}: The picture ")
    document = json.loads(asked(*words, "--json").stdout)
    assert [row["path"] for row in document["files"]] == [good]
    assert [row["path"] for row in document["refused"]] == [broken]
    sentence(asked("features", broken), 65)
    assert "no plain file" in sentence(asked("features", str(tmp_path)), 65)


def test_every_command_is_in_these_tables() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f'"{name}"' not in text] == []
