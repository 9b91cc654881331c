"""The name and the file of a user's own problem: which names can be taken, and what goes through the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from artpulse_core import settings as settings_module
from artpulse_core.data import adding
from artpulse_core.data.adding import Draft
from artpulse_core.errors import ProblemError
from artpulse_core.settings import Settings
from tests.core.data.tabling import drafted


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({}, home=tmp_path / "home")


@pytest.mark.parametrize("name", ["Mine", "1st", "a-b", "", "a" * 41, "../x", "a b", "é"])
def test_a_name_that_cannot_be_one_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(ProblemError, match="cannot be a problem's name"):
        adding.judge_name(settings, name)


def test_a_shipped_name_a_taken_one_and_one_with_a_taken_model_are_refused(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ProblemError, match="ships with ArtPulse"):
        adding.judge_name(settings, "art", replace=True)
    with pytest.raises(ProblemError, match="'artpulse-classifier' belongs to the problem 'art_core5'"):
        adding.judge_name(settings, "classifier")
    path = adding.write(settings, drafted(tmp_path))
    assert path == settings.home / "problems" / "mine.toml"
    with pytest.raises(ProblemError, match="add --replace"):
        adding.judge_name(settings, "mine")
    adding.judge_name(settings, "mine", replace=True)


ODD = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=9)
    .map(str.strip)
    .filter(bool)
)


@examples(max_examples=40, deadline=None)
@given(
    names=st.lists(ODD, min_size=2, max_size=2, unique_by=str.casefold),
    labels=st.lists(ODD, min_size=2, max_size=2, unique=True),
)
def test_any_printable_name_of_column_and_label_goes_through_the_file(
    names: list[str], labels: list[str]
) -> None:
    document = {"a": {"name": names[0], "values": {label: label for label in labels}}, names[1]: 1}
    draft = Draft("mine", document, 1, {}, (), input="table")
    assert tomllib.loads(draft.text) == document
