"""What the champion alias says becomes the release; what cannot be trusted never does."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.agent import check
from artpulse_core.control.registry import Registry
from artpulse_core.errors import BundleError, RegistryError, StoreError
from artpulse_core.model import bundle
from tests.bundles import make_bundle
from tests.core.agent.hosts import Host, away
from tests.core.control.conftest import MODEL, House


@pytest.mark.smoke
def test_the_champion_is_fetched_tried_and_published_once(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    slot = host.served.primary
    info = three.registry.version(MODEL, 2)
    assert info is not None
    assert (slot.version, slot.digest, host.served.unaudited) == (2, info.digest, False)
    assert bundle.verify(host.run / slot.path, slot.digest).problem == "art_core5"
    host.puller.poll()
    assert (host.sequence, host.tried) == (1, [slot.digest])


def test_promotion_and_rollback_are_followed_and_kept_bundles_are_not_fetched_again(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(three)
    host.puller.poll()
    three.promote(3, 2)
    host.puller.poll()
    assert (host.served.primary.version, host.sequence) == (3, 2)
    three.rollback()
    monkeypatch.setattr(three.registry, "download", away)
    host.puller.poll()
    assert (host.served.primary.version, host.sequence, len(host.tried)) == (2, 3, 2)


def test_with_its_alias_removed_a_champion_goes_on_being_served_and_says_so(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    three.registry.delete_alias(MODEL, "champion")
    host.puller.poll()
    assert (host.served.primary.version, host.served.unaudited) == (2, True)
    three.rollback()
    host.puller.poll()
    assert (host.served.primary.version, host.served.unaudited) == (2, False)


def test_an_empty_registry_publishes_nothing(house: House) -> None:
    host = Host(house)
    assert host.puller.poll().release is None
    assert host.sequence is None


@pytest.mark.parametrize("method", ["aliases", "version", "download"])
def test_a_registry_that_is_away_changes_nothing(
    three: House, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    host = Host(three)
    host.puller.poll()
    three.promote(3, 2)
    registry = Registry(three.settings)
    monkeypatch.setattr(registry, method, away)
    other = Host(three, registry)
    pulled = other.puller.poll()
    assert (other.served.primary.version, other.sequence) == (2, 1)
    assert (pulled.registry_error is not None) == (method == "aliases")
    assert ("art_core5" in pulled.failures) == (method != "aliases")


def test_a_refused_bundle_keeps_the_old_slot_and_is_tried_again_with_a_growing_pause(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    three.promote(3, 2)
    host.refuse = "Golden answer 0 differs by 0.5."
    for _ in range(3):
        pulled = host.puller.poll()
    assert (host.served.primary.version, host.sequence, len(host.tried)) == (2, 1, 2)
    assert (pulled.failures["art_core5"].message, pulled.failures["art_core5"].attempts) == (host.refuse, 1)
    host.now += timedelta(seconds=16)
    host.puller.poll()
    host.now += timedelta(seconds=16)
    pulled = host.puller.poll()
    assert (len(host.tried), pulled.failures["art_core5"].attempts) == (3, 2)
    host.refuse = ""
    host.now += timedelta(minutes=10)
    assert host.puller.poll().failures == {}
    assert host.served.primary.version == 3


def test_a_refused_bundle_does_not_stop_a_rollback(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    three.promote(3, 2)
    host.refuse = "no"
    host.puller.poll()
    host.refuse = ""
    three.rollback()
    assert host.puller.poll().failures == {}
    assert (host.served.primary.version, host.sequence) == (2, 1)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (
            lambda folder: (folder / "model.onnx").write_bytes(b"swapped"),
            r"model\.onnx does not have the digest",
        ),
        (lambda folder: (folder / "state.npz").unlink(), r"misses state\.npz"),
        (lambda folder: (folder / "extra.pkl").write_bytes(b"x"), r"foreign file extra\.pkl"),
        (lambda folder: (shutil.rmtree(folder), make_bundle(folder, seed=77)), "registered was"),
        (lambda folder: (shutil.rmtree(folder), make_bundle(folder, problem="art")), "registered was"),
    ],
)
def test_an_artifact_altered_in_the_store_is_refused_by_name(three: House, harm: Any, says: str) -> None:
    host = Host(three)
    host.puller.poll()
    real = three.registry.download

    def altered(model: str, version: int, dest: Path) -> Path:
        found = real(model, version, dest)
        harm(found)
        return found

    three.registry.download = altered  # type: ignore[method-assign]  # the test stands in for a failing part
    three.promote(3, 2)
    pulled = host.puller.poll()
    assert pulled.failures["art_core5"].message
    with pytest.raises(BundleError, match=says):
        raise BundleError(pulled.failures["art_core5"].message)
    assert host.served.primary.version == 2
    assert len(list((host.run / "bundles").iterdir())) == 1


def test_an_artifact_swapped_together_with_its_tag_is_refused_by_the_table(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    other = three.registry.version(MODEL, 3)
    assert other is not None
    three.registry.set_tag(MODEL, 1, "digest", other.digest)
    three.registry.set_alias(MODEL, "champion", 1)
    assert "not the one that was registered" in host.puller.poll().failures["art_core5"].message
    assert host.served.primary.version == 2


def test_an_alias_moved_by_hand_is_served_and_shown_as_unaudited(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    three.registry.set_alias(MODEL, "champion", 3)
    host.puller.poll()
    assert (host.served.primary.version, host.served.unaudited) == (3, True)
    three.registry.set_alias(MODEL, "champion", 2)
    host.puller.poll()
    assert (host.served.primary.version, host.served.unaudited) == (2, False)


def test_without_a_database_a_new_version_counts_as_unaudited_until_it_is_back(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artpulse_core.store import changes

    def gone(*_: Any, **__: Any) -> Any:
        raise StoreError("away")

    host = Host(three)
    with monkeypatch.context() as patch:
        patch.setattr(changes, "history", gone)
        patch.setattr(changes, "registration", gone)
        host.puller.poll()
        assert host.served.unaudited
    host.puller.poll()
    assert (host.served.unaudited, host.sequence) == (False, 2)


def test_a_served_bundle_damaged_on_disk_is_fetched_again_at_the_next_start(three: House) -> None:
    host = Host(three)
    host.puller.poll()
    folder = host.run / host.served.primary.path
    (folder / "model.onnx").write_bytes(b"half")
    again = Host(three)
    again.puller.poll()
    assert bundle.verify(folder, host.served.primary.digest)
    assert again.sequence == 1


def test_a_start_over_a_good_release_fetches_and_tries_nothing(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    Host(three).puller.poll()
    monkeypatch.setattr(three.registry, "download", away)
    again = Host(three)
    again.puller.poll()
    assert (again.tried, again.sequence) == ([], 1)


def test_old_bundles_go_and_the_newest_stay(three: House) -> None:
    host = Host(three)
    folders = host.run / "bundles"
    folders.mkdir(parents=True)
    (folders / ".download-x").mkdir()
    for number in range(9):
        (folders / f"{number:064d}").mkdir()
    host.puller.poll()
    kept = {path.name for path in folders.iterdir()}
    assert Path(host.served.primary.path).name in kept
    assert ".download-x" not in kept
    assert len(kept) == 1 + 2 + 1


def test_an_unreadable_release_document_is_replaced(three: House) -> None:
    host = Host(three)
    host.run.mkdir(parents=True)
    (host.run / "release.json").write_text("{")
    host.puller.poll()
    assert host.served.primary.version == 2


def test_the_trial_in_a_child_tells_good_from_bad(tmp_path: Path) -> None:
    digest = make_bundle(tmp_path / "good")
    check.in_child(tmp_path / "good", digest)
    spoilt = make_bundle(tmp_path / "spoilt", spoil_golden=True)
    with pytest.raises(BundleError, match="Golden answer 0 differs"):
        check.in_child(tmp_path / "spoilt", spoilt)


@pytest.mark.extended
def test_a_trial_that_hangs_is_ended_and_garbage_is_named(tmp_path: Path) -> None:
    digest = make_bundle(tmp_path / "good")
    with pytest.raises(BundleError, match=r"within 0\.01 s"):
        check.in_child(tmp_path / "good", digest, timeout=0.01)
    (tmp_path / "good" / "manifest.json").write_bytes(b"\xff")
    with pytest.raises(BundleError, match=r"has digest|cannot be read"):
        check.in_child(tmp_path / "good", digest)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EROFS, os.strerror(errno.EROFS)),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
        RegistryError("Version 3 cannot be fetched: [Errno 28] No space left on device"),
    ],
)
def test_a_run_folder_that_takes_nothing_is_no_fault_of_the_version(
    three: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any) -> Path:
        raise error

    host = Host(three)
    host.puller.poll()
    three.promote(3, 2)
    with monkeypatch.context() as patch:
        patch.setattr(three.registry, "download", refuse)
        for _ in range(3):
            pulled = host.puller.poll()
            assert any(words in str(pulled.folder_error) for words in ("No space left", "Read-only"))
            assert pulled.failures == {}
    assert host.served.primary.version == 2
    assert host.puller.poll().folder_error is None  # at once: no version has to wait for a pause
    assert host.served.primary.version == 3
