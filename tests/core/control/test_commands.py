"""The commands that change what is served, and the one that makes a key's entry: what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from artpulse_core.cli import main
from artpulse_core.errors import ChangeRefused, RegistryError, SettingsError
from artpulse_core.store import changes
from tests.bundles import picture
from tests.core.control.conftest import MODEL, House


@pytest.fixture
def home(three: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The commands find the house by its environment."""
    monkeypatch.setenv("ARTPULSE_HOME", str(three.settings.home))
    return three


@pytest.mark.parametrize("reason", [(), ("--reason", "  ")])
def test_an_override_without_a_reason_is_refused(home: House, reason: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["promote", "art_core5", "--override", *reason])
    assert (done.exit_code, home.aliases["champion"]) == (ChangeRefused.exit_code, 2), done.output
    assert "needs a reason" in done.output


def test_an_override_keeps_the_reason_that_was_given(home: House) -> None:
    done = CliRunner().invoke(
        main, ["promote", "art_core5", "--override", "--reason", "the fault was elsewhere"]
    )
    assert (done.exit_code, home.aliases["champion"]) == (0, 3), done.output
    assert changes.history(home.db, MODEL)[0].reason == "the fault was elsewhere"


def test_version_zero_is_not_the_challenger(home: House) -> None:
    done = CliRunner().invoke(main, ["promote", "art_core5", "--version", "0", "--override", "--reason", "x"])
    assert done.exit_code != 0
    assert home.aliases["champion"] == 2


@pytest.mark.parametrize("line", ["", "\n", "   \n"])
def test_nothing_is_no_key(line: str) -> None:
    done = CliRunner().invoke(main, ["keys", "hash"], input=line)
    assert done.exit_code == SettingsError.exit_code
    assert "sha256" not in done.output


def test_a_first_version_that_was_held_back_is_promoted_by_an_override_without_naming_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTPULSE_HOME", str(house.settings.home))
    house.register()
    house.registry.delete_alias(MODEL, "challenger")
    asked = CliRunner().invoke(main, ["predict", "--problem", "art_core5", "--row", "{}"])
    assert asked.exit_code == RegistryError.exit_code
    assert "Registered, but not promoted: 1. See why: artpulse models show art_core5" in asked.stderr
    plain = CliRunner().invoke(main, ["promote", "art_core5"])
    assert (plain.exit_code, house.aliases) == (ChangeRefused.exit_code, {}), plain.output
    assert "needs the gate's verdict" in plain.stderr
    done = CliRunner().invoke(main, ["promote", "art_core5", "--override", "--reason", "good enough for me"])
    assert (done.exit_code, house.aliases["champion"]) == (0, 1), done.output


def test_good_pictures_are_answered_and_the_refused_named(home: House, tmp_path: Path) -> None:
    good, broken = tmp_path / "good.jpg", tmp_path / "broken.jpg"
    good.write_bytes(picture(1))
    broken.write_bytes(picture(2)[:300])
    words = ["predict", "--problem", "art_core5", str(broken), str(good)]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, done.stdout.startswith(f"{good}: ")) == (65, True), done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"artpulse: {broken}: The picture ")
    document = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert [row["input"] for row in document["answers"]] == [str(good)]
    assert [row["path"] for row in document["refused"]] == [str(broken)]
    alone = CliRunner().invoke(main, words[:-1])
    assert (alone.exit_code, alone.stdout, alone.stderr) == (65, "", done.stderr)
