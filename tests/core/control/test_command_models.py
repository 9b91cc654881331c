"""Comparing versions, and freezing, lifting and adopting, on the command line."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from artpulse_core.cli import main
from artpulse_core.control import difference, promotion
from artpulse_core.control.registry import Registry
from artpulse_core.model import bundle
from artpulse_core.store import changes, reports
from tests.bundles import LABELS, make_bundle
from tests.core.control.conftest import MODEL, NOW, House

NO = {"decision": "reject", "rules": [{"name": "macro_f1", "passed": False}], "summary": "worse"}
YES = {"decision": "promote", "rules": [], "summary": "better"}


@pytest.fixture
def home(three: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The commands find the house by its environment."""
    monkeypatch.setenv("ARTPULSE_HOME", str(three.settings.home))
    return three


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def judged(house: House, verdict: dict[str, object], version: int = 3, champion: int = 2) -> None:
    document = {"version": version, "champion": champion, "verdict": verdict}
    reports.add(house.db, "gate", "art_core5", document, NOW)


def test_champion_and_challenger_are_compared_when_nothing_is_named(home: House) -> None:
    document = json.loads(asked("models", "diff", "art_core5", "--json").stdout)
    assert [(document[side]["version"], document[side]["aliases"]) for side in "ab"] == [
        (2, ["champion"]),
        (3, ["challenger"]),
    ]
    facts = {row["name"]: row for row in document["facts"]}
    assert facts["algorithm"] == {"name": "algorithm", "a": "linear", "b": "linear", "same": True}
    assert (facts["key"]["a"], facts["key"]["b"], facts["key"]["same"]) == (
        "key-art_core5-1",
        "key-art_core5-2",
        False,
    )
    assert document["contract"]["same"] is True
    assert document["metrics"] == [{"name": "macro_f1", "a": 0.5, "b": 0.5, "difference": 0.0}]
    same = {row["name"]: row["same"] for row in document["files"]}
    assert same["contract.json"] and not same["model.onnx"] and not same["manifest.json"]
    text = asked("models", "diff", "art_core5", "2", "3").stdout
    assert "version 2 (a) and version 3 (b)" in text
    assert "Contract the same" in text


@pytest.mark.parametrize("word", ["9", "nobody", "99999999999999"])
def test_a_version_or_alias_that_is_not_there_is_one_sentence(home: House, word: str) -> None:
    done = asked("models", "diff", "art_core5", "champion", word)
    assert (done.exit_code, done.stdout) == (77, "")
    assert done.stderr == f"artpulse: {MODEL} has no version or alias '{word}': see `artpulse models list`.\n"


def test_a_bundle_that_was_altered_is_not_compared_but_named(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Registry.download

    def altered(self: Registry, model: str, version: int, dest: Path) -> Path:
        folder = real(self, model, version, dest)
        if version == 3:
            (folder / "MODEL_CARD.md").write_bytes(b"another")
        return folder

    monkeypatch.setattr(Registry, "download", altered)
    done = asked("models", "diff", "art_core5")
    assert (done.exit_code, done.stdout) == (65, "")
    assert done.stderr.startswith(f"artpulse: Version 3 of {MODEL}: MODEL_CARD.md does not have the digest")


def test_labels_in_another_order_are_another_contract(home: House) -> None:
    make_bundle(home.folder / "a")
    make_bundle(home.folder / "b", labels=LABELS[::-1])
    found = difference.differences(bundle.load(home.folder / "a"), bundle.load(home.folder / "b"))["contract"]
    assert (found["same"], found["labels_moved"], found["labels_gone"], found["labels_new"]) == (
        False,
        True,
        [],
        [],
    )


def test_show_tells_of_a_freeze_a_rollout_and_an_alias_moved_by_hand(home: House) -> None:
    judged(home, YES)
    assert asked("rollout", "start", "art_core5").exit_code == 0
    assert asked("models", "freeze", "art_core5", "--reason", "the fair is on").exit_code == 0
    home.registry.set_alias(MODEL, "champion", 1)
    text = asked("models", "show", "art_core5").stdout
    assert "Rollout: version 3 beside version 2, canary at 1 %" in text
    assert "the fair is on" in text
    assert (
        "`artpulse models adopt art_core5` takes it over, `artpulse rollback art_core5` puts it back" in text
    )
    home.registry.delete_alias(MODEL, "champion")
    text = asked("models", "show", "art_core5").stdout
    assert "The champion alias was removed by hand: `artpulse rollback art_core5` puts it back." in text


def test_a_version_that_was_rolled_back_is_listed_as_rejected(home: House) -> None:
    home.rollback()
    listed = json.loads(asked("models", "list", "--json").stdout)["models"]
    assert {row["version"]: row["rejected"] for row in listed} == {1: False, 2: True, 3: False}


def test_another_registry_than_before_is_not_taken_for_a_new_house(
    home: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mlflow_store: Path
) -> None:
    shutil.copy(mlflow_store, tmp_path / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    text = asked("models", "list").stdout
    assert f"The registry holds no version of {MODEL}, but the table of changes does" in text
    back = asked("rollback", "art_core5", "--reason", "it looks odd")
    assert (back.exit_code, "is it the right registry?" in back.stderr) == (77, True), back.output


def test_another_contract_is_told_label_by_label(home: House) -> None:
    folder = home.folder
    make_bundle(folder / "a")
    make_bundle(folder / "b", labels=("minimal", "vibrant", "cubist"), seed=4)
    found = difference.differences(bundle.load(folder / "a"), bundle.load(folder / "b"))["contract"]
    assert found["same"] is False
    assert (found["labels_gone"], found["labels_new"]) == (["monochrome", "neo-pop", "surreal"], ["cubist"])
    assert found["fields"] == []


def test_a_frozen_model_refuses_promotion_and_says_who_froze_it(home: House) -> None:
    judged(home, YES)
    done = asked("models", "freeze", "art_core5", "--reason", "the fair is on")
    assert (done.exit_code, "is frozen" in done.stdout) == (0, True), done.output
    refused = asked("promote", "art_core5")
    assert (refused.exit_code, home.aliases["champion"]) == (77, 2), refused.output
    assert "the fair is on" in refused.stderr
    assert asked("models", "freeze", "art_core5", "--reason", "again").exit_code == 77
    assert asked("models", "lift", "art_core5", "--reason", "it is over").exit_code == 0
    assert asked("promote", "art_core5").exit_code == 0
    assert home.aliases["champion"] == 3


def test_an_alias_moved_by_hand_is_adopted(home: House) -> None:
    home.registry.set_alias(MODEL, "champion", 3)
    done = asked("models", "adopt", "art_core5", "--reason", "moved in the UI")
    assert (done.exit_code, "version 3 is the champion now, instead of version 2" in done.stdout) == (
        0,
        True,
    ), done.output
    again = asked("models", "adopt", "art_core5", "--reason", "moved in the UI")
    assert (again.exit_code, again.stdout) == (77, "")


@pytest.mark.smoke
def test_a_repeated_key_gives_the_first_answer_of_a_promotion_that_was_made(home: House) -> None:
    judged(home, YES)
    words = ("promote", "art_core5", "--idempotency-key", "monday")
    first, again = asked(*words), asked(*words)
    assert (first.exit_code, home.aliases["champion"]) == (0, 3), first.output
    assert (again.exit_code, again.output) == (first.exit_code, first.output)
    assert json.loads(asked(*words, "--json").stdout)["sequence"] == changes.history(home.db)[0].sequence


def test_a_repeated_key_gives_the_first_answer_of_a_promotion_that_was_refused(home: House) -> None:
    judged(home, NO)
    words = ("promote", "art_core5", "--idempotency-key", "monday")
    first = asked(*words)
    assert (first.exit_code, "reject: macro_f1" in first.stderr) == (77, True), first.output
    judged(home, YES)
    again = asked(*words)
    assert (again.exit_code, again.output) == (first.exit_code, first.output)
    assert home.aliases["champion"] == 2


def test_a_repeated_key_gives_the_first_answer_when_there_was_no_challenger(home: House) -> None:
    judged(home, YES)
    assert asked("promote", "art_core5").exit_code == 0
    for words in (("promote", "art_core5"), ("rollout", "start", "art_core5")):
        keyed = (*words, "--idempotency-key", words[0])
        first = asked(*keyed)
        assert (first.exit_code, "has no challenger" in first.stderr) == (77, True), first.output
        assert (changes.history(home.db)[0].state, changes.history(home.db)[0].target) == ("refused", None)
    home.register(seed=9)
    judged(home, YES, version=4, champion=3)
    for words in (("promote", "art_core5"), ("rollout", "start", "art_core5")):
        again = asked(*words, "--idempotency-key", words[0])
        assert (again.exit_code, "has no challenger" in again.stderr) == (77, True), again.output
    assert home.aliases["champion"] == 3


def test_a_repeated_key_gives_the_first_answer_of_a_rollback(home: House) -> None:
    words = ("rollback", "art_core5", "--reason", "worse", "--idempotency-key", "night")
    first, again = asked(*words), asked(*words)
    assert (first.exit_code, again.exit_code, home.aliases["champion"]) == (0, 0, 1), first.output
    assert again.output == first.output
    other = asked("promote", "art_core5", "--idempotency-key", "night")
    assert (other.exit_code, "was used for change" in other.stderr) == (75, True), other.output


def test_a_key_is_answered_while_the_registry_is_away(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(home, YES)
    words = ("promote", "art_core5", "--idempotency-key", "monday")
    first = asked(*words)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home.folder}/nowhere/mlflow.db")
    again = asked(*words)
    assert (again.exit_code, again.output) == (first.exit_code, first.output)


def test_the_champion_that_was_seen_is_expected(home: House) -> None:
    judged(home, YES)
    done = asked("promote", "art_core5", "--expected", "1")
    assert (done.exit_code, home.aliases["champion"]) == (75, 2), done.output
    assert promotion.recover(home.db, home.registry, datetime.now(UTC)) == []


def test_a_reason_that_is_no_utf_8_is_kept_as_far_as_it_is(home: House) -> None:
    judged(home, YES)
    done = asked("promote", "art_core5", "--reason", "caf\udce9")
    assert (done.exit_code, changes.history(home.db)[0].reason) == (0, "caf?"), done.output
