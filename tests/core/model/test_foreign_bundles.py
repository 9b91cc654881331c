"""Bundles that somebody else made, with a manifest that agrees with its files: each is refused by name."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import TensorProto, load_from_string

from artpulse_core.agent import check
from artpulse_core.errors import BundleError
from artpulse_core.model import arrays, bundle, golden
from artpulse_core.model.predictor import Predictor
from tests.bundles import make_bundle

Files = dict[str, bytes]


def rewritten(folder: Path, change: Callable[[Files, dict[str, Any]], None]) -> str:
    """A bundle whose files and manifest were changed by ``change``, with the digests put right; its digest."""
    make_bundle(folder)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    files = {name: (folder / name).read_bytes() for name in manifest["files"]}
    change(files, manifest)
    for name, data in files.items():
        (folder / name).write_bytes(data)
        if name in manifest["files"]:
            manifest["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_bytes(bundle.json_bytes(manifest))
    return bundle.digest_of(folder)


def answer(folder: Path, digest: str) -> int:
    return golden.check(Predictor(bundle.load(folder, digest)))


def npz(**named: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **named)  # type: ignore[arg-type]  # the stubs take names for allow_pickle
    return buffer.getvalue()


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def claiming(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + b"\0" * 64


def graph(change: Callable[[Any], None]) -> Callable[[Files, dict[str, Any]], None]:
    def work(files: Files, _manifest: dict[str, Any]) -> None:
        model = load_from_string(files["model.onnx"])
        change(model)
        files["model.onnx"] = model.SerializeToString()

    return work


def outside(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def put(name: str, data: bytes) -> Callable[[Files, dict[str, Any]], None]:
    return lambda files, _manifest: files.update({name: data})


NAN = np.full(5, np.nan, dtype=np.float32).tobytes()
CASES = {
    "a newer format": (lambda _, manifest: manifest.update(format=2), "has format 2; this release reads"),
    "a member above its folder": (
        lambda _, manifest: manifest["files"].update({"../evil": "0"}),
        r"names a file outside its folder: '\.\./evil'",
    ),
    "an absolute member": (
        lambda _, manifest: manifest["files"].update({"/etc/passwd": "0"}),
        "names a file outside its folder: '/etc/passwd'",
    ),
    "members that are a list": (lambda _, manifest: manifest.update(files=[]), "files is no object"),
    "an array of objects": (put("state.npz", npz(temperature=np.array([{}]))), r"Python objects \(a pickle\)"),
    "a pickle": (put("state.npz", pickle.dumps({"temperature": 1.0})), r"state\.npz is not an npz file"),
    "a zip bomb": (put("state.npz", zipped("temperature.npy", bytes(300 << 20))), "more than 256 MiB"),
    "a bomb in the profile": (put("profile.npz", zipped("n.npy", bytes(300 << 20))), r"profile\.npz unpacks"),
    "a shape beyond the file": (put("state.npz", zipped("a.npy", claiming((10**11,)))), "says it holds 8000"),
    "a zip of something else": (put("state.npz", zipped("../a.py", b"x")), "which is no array"),
    "a state without temperature": (put("state.npz", npz(other=np.ones(1))), "no calibration temperature"),
    "no JSON": (put("contract.json", b"{"), "The bundle cannot be read: JSONDecodeError"),
    "another contract": (put("contract.json", b"[]"), "The bundle cannot be read"),
    "golden answers of another shape": (put("golden.json", b'{"rows": [{}]}'), r"golden\.json cannot be used"),
    "no golden answers": (put("golden.json", b'{"rows": [], "images": []}'), "holds no answer"),
    "an unknown operator": (graph(lambda model: setattr(model.graph.node[0], "op_type", "Frob")), "Frob"),
    "weights in another file": (graph(outside), "keeps weights in another file"),
    "NaN answers": (graph(lambda model: setattr(model.graph.initializer[1], "raw_data", NAN)), "not a probab"),
    "no graph": (put("model.onnx", b"\x80\x04"), r"model\.onnx cannot be loaded"),
    "a graph for other fields": (
        graph(lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 9)),
        r"model\.onnx cannot be loaded|fails to answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_by_name(tmp_path: Path, name: str) -> None:
    change, says = CASES[name]
    digest = rewritten(tmp_path / "bundle", change)
    with pytest.raises(BundleError, match=says):
        answer(tmp_path / "bundle", digest)


def test_the_untouched_bundle_of_these_cases_answers(tmp_path: Path) -> None:
    assert answer(tmp_path / "bundle", rewritten(tmp_path / "bundle", lambda _files, _manifest: None)) == 6


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_pipe_or_a_link_is_refused_without_being_read(tmp_path: Path, name: str) -> None:
    digest = make_bundle(tmp_path / "bundle")
    place = tmp_path / "bundle" / name
    place.rename(tmp_path / "moved")
    os.mkfifo(place)
    with pytest.raises(BundleError, match=f"{name} is not a plain file"):
        bundle.verify(tmp_path / "bundle", digest)
    place.unlink()
    place.symlink_to(tmp_path / "moved")
    with pytest.raises(BundleError, match=f"{name} is not a plain file"):
        bundle.verify(tmp_path / "bundle", digest)


def test_a_member_that_lies_about_its_size_gives_no_more_than_it_states(tmp_path: Path) -> None:
    bomb = bytearray(zipped("a.npy", bytes(8 << 20)))
    at = bomb.index(b"PK\1\2") + 24  # the uncompressed size in the central directory
    bomb[at : at + 4] = (100).to_bytes(4, "little")
    (tmp_path / "state.npz").write_bytes(bytes(bomb))
    with pytest.raises(BundleError, match=r"state\.npz"):
        arrays.read(tmp_path / "state.npz")


def test_a_model_slower_than_its_budget_is_refused(tmp_path: Path) -> None:
    predictor = Predictor(bundle.load(tmp_path / "bundle", make_bundle(tmp_path / "bundle")))
    check.within(predictor, 60_000.0)
    with pytest.raises(BundleError, match="ms for one row; its budget is 0 ms"):
        check.within(predictor, 0.0)
