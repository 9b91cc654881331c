"""A champion that nobody should serve: refused by name, shown, counted, and the old model goes on answering."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.control.registry import Registry
from tests.core.control.conftest import MODEL, House
from tests.faults import bad_bundles as bad
from tests.faults import bad_graphs
from tests.serving import Serving
from tests.waiting import until

pytestmark = pytest.mark.extended
SERVED = 2


@pytest.fixture(autouse=True)
def _good_before_and_after(serving: Serving, shared: House) -> Iterator[None]:
    """Each fault meets a server that is well, and is taken away after it."""
    until(lambda: serving.metric("artpulse_champion_refused", '"art_core5"') == 0.0)
    yield
    Registry(shared.settings).set_alias(MODEL, "champion", SERVED)
    serving.notify()
    assert serving.status()["failures"] == {}


@dataclass(frozen=True)
class Case:
    """``says`` is in the refusal; ``spoil`` makes the bundle (given the house), ``after`` harms it once registered."""

    says: str
    spoil: Callable[[House], bad.Spoil]
    after: bad.Spoil | None = None


def plain(spoil: bad.Spoil) -> Callable[[House], bad.Spoil]:
    return lambda _house: spoil


GOOD = plain(bad.sealed)
CASES = {
    "a version without a bundle": Case("has no bundle|No such artifact|No such file", plain(bad.no_bundle)),
    "a version without a digest": Case("carries no digest", plain(lambda _folder: "")),
    "a bundle of a newer format": Case("has format 2; this release reads format 1", plain(bad.newer_format)),
    "a foreign contract: other fields": Case("fields of contract.json are not", plain(bad.renamed_fields)),
    "a foreign contract: other labels": Case(
        "not a (probability|number) for each label", plain(bad.other_labels)
    ),
    "a bundle of another problem": Case("answers the problem 'art'", plain(bad.foreign_problem)),
    "a flipped bit in the artifact": Case(
        "model.onnx does not have the digest", GOOD, bad.edited("model.onnx", bad.flipped)
    ),
    "a truncated artifact": Case(
        "model.onnx does not have the digest", GOOD, bad.edited("model.onnx", lambda data: data[:99])
    ),
    "an empty manifest": Case(
        "manifest.json has digest", GOOD, bad.edited("manifest.json", lambda _data: b"")
    ),
    "a swapped artifact": Case("registered was", GOOD, bad.swapped),
    "a file the manifest does not name": Case("foreign file helper.pkl", GOOD, bad.foreign_file),
    "a missing file": Case(
        "misses golden.json",
        GOOD,
        bad.without("golden.json"),
    ),
    "a pickle in place of the arrays": Case("cannot be read|state.npz", bad.trap_as_file),
    "an array of Python objects": Case("cannot be read|[Oo]bject", bad.trap_as_array),
    "a zip bomb in the arrays": Case(
        "state.npz.*(larger|MiB|unpack)", lambda _house: bad.replaced("state.npz", bad.bomb())
    ),
    "a manifest that names ../…": Case(
        "outside its folder: '../model.onnx'", plain(bad.outside("../model.onnx"))
    ),
    "a manifest that names an absolute path": Case(
        "outside its folder: '/etc/hostname'", plain(bad.outside("/etc/hostname"))
    ),
    "a link to a file elsewhere": Case(
        "outside the artifact directory|model.onnx (is not a plain file|does not have)", GOOD, bad.linked
    ),
    "answers that are NaN": Case("not a probability", plain(bad.graphed(bad_graphs.not_a_number))),
    "an operator nobody knows": Case("Telepathy", plain(bad.graphed(bad_graphs.unknown_operator))),
    "weights in a file outside the bundle": Case(
        "weights in another file", plain(bad.graphed(bad_graphs.external_data))
    ),
    "a graph that is no graph": Case("cannot be loaded", plain(bad.replaced("model.onnx", b"\x00" * 64))),
    "a model slower than its budget": Case(r"\bms\b|budget|slow", plain(bad.graphed(bad_graphs.slow))),
    "golden answers that differ": Case("Golden answer 0 differs", plain(bad.other_answers)),
}
EXPECTED = "refused by name, one line in the log, artpulse_champion_refused 1, version 2 answers"


@pytest.mark.parametrize(
    ("seed", "case"),
    [
        pytest.param(100 + place, case, id=what, marks=pytest.mark.fault(what, EXPECTED))
        for place, (what, case) in enumerate(CASES.items())
    ],
)
def test_what_cannot_be_trusted_is_refused_by_name(
    shared: House, serving: Serving, seen: Callable[[str], None], seed: int, case: Case
) -> None:
    spoil = case.spoil(shared)
    version = bad.register(shared, shared.folder, spoil, seed=seed, after=case.after)
    shared.registry.set_alias(MODEL, "champion", version)
    serving.notify()
    seen(refused(serving, version, case.says))
    assert not bad.sprung(shared).exists()


def refused(serving: Serving, version: int, says: str) -> str:
    """The refusal of ``version``, once all that is expected of one was found."""
    failure: dict[str, Any] = serving.status()["failures"]["art_core5"]
    assert failure["version"] == version
    assert re.search(says, failure["message"]), failure["message"]
    assert serving.versions() == {SERVED}
    assert serving.whole(SERVED)
    until(lambda: serving.metric("artpulse_champion_refused", '"art_core5"') == 1.0)
    lines = [line for line in serving.lines("champion refused") if f'"version":{version},' in line]
    attempts = serving.status()["failures"]["art_core5"]["attempts"]
    assert (len(lines), attempts) == (1, 1)
    return f"“{failure['message'][:88]}”; 1 line, metric 1, version {SERVED} answers"


@pytest.mark.fault("an alias that points at a missing version", EXPECTED)
def test_an_alias_to_nowhere(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    with sqlite3.connect(shared.settings.home / "mlflow.db") as connection:
        connection.execute("UPDATE registered_model_aliases SET version = 9999 WHERE alias = 'champion'")
    serving.notify()
    seen(refused(serving, 9999, "has no version 9999"))


@pytest.mark.fault("an artifact swapped together with the digest in its tag", EXPECTED)
def test_a_swap_with_its_tag_is_found_by_the_table(
    shared: House, serving: Serving, seen: Callable[[str], None]
) -> None:
    info = shared.registry.version(MODEL, 3)
    assert info is not None
    shared.registry.set_tag(MODEL, 3, "digest", "sha256:" + "1" * 64)
    shared.registry.set_alias(MODEL, "champion", 3)
    serving.notify()
    try:
        seen(refused(serving, 3, "not the one that was registered"))
    finally:
        shared.registry.set_tag(MODEL, 3, "digest", info.digest)


@pytest.mark.fault(
    "the champion alias removed by hand", "what serves goes on: version 2 answers, nothing is refused"
)
def test_an_alias_that_is_gone(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    shared.registry.delete_alias(MODEL, "champion")
    serving.notify()
    assert serving.status()["failures"] == {}
    assert serving.versions() == {SERVED}
    seen("version 2 answers, nothing refused")


@pytest.mark.fault("the champion alias moved by hand to a good version", "served, and shown as unaudited")
def test_an_alias_moved_by_hand(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    shared.registry.set_alias(MODEL, "champion", 1)
    serving.notify()
    until(lambda: serving.whole(1))
    assert serving.versions() == {1}
    assert serving.status()["problems"]["art_core5"]["unaudited"]
    shared.registry.set_alias(MODEL, "champion", SERVED)
    serving.notify()
    until(lambda: serving.whole(SERVED))
    assert not serving.status()["problems"]["art_core5"]["unaudited"]
    seen("version 1 answers, unaudited; put back: version 2, audited")


@pytest.mark.fault(
    "a promotion whose artifact is spoilt, then a rollback", "refused by name; the rollback is served at once"
)
def test_a_refusal_hinders_no_rollback(
    shared: House, three_versions: Path, serving: Serving, seen: Callable[[str], None]
) -> None:
    known = set((three_versions / "mlartifacts").rglob("bundle/model.onnx"))  # new ones go there too
    version = shared.register(seed=77)
    (graph,) = set((three_versions / "mlartifacts").rglob("bundle/model.onnx")) - known
    graph.write_bytes(bad.flipped(graph.read_bytes()))
    shared.promote(version, SERVED)
    serving.notify()
    said = refused(serving, version, "model.onnx does not have the digest")
    shared.rollback()
    serving.notify()
    assert serving.status()["failures"] == {}
    assert serving.versions() == {SERVED}
    seen(f"{said}; rolled back: nothing refused")
