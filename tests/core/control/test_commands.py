"""The commands that change what is served, and the one that makes a key's entry: what they refuse."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from artpulse_core.cli import main
from artpulse_core.errors import ChangeRefused, SettingsError
from artpulse_core.store import changes
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
