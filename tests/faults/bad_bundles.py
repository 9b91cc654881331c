"""Bundles nobody should serve: a good one, spoilt in one place, and registered by hand as in the MLflow UI.

Belongs here: spoiling and registering. Does not belong here: what must happen then.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from onnx import ModelProto, load_model_from_string

from artpulse_core.model import bundle
from tests.bundles import make_bundle
from tests.core.control.conftest import MODEL, House

Spoil = Callable[[Path], str]


def seal(folder: Path, **changes: Any) -> str:
    """Write the manifest anew, so that every digest in it is right; returns the bundle's digest."""
    path = folder / bundle.MANIFEST
    document = orjson.loads(path.read_bytes())
    files = {
        entry.name: hashlib.sha256(entry.read_bytes()).hexdigest()
        for entry in sorted(folder.iterdir())
        if entry.name != bundle.MANIFEST
    }
    path.write_bytes(bundle.json_bytes({**document, "files": files, **changes}))
    return bundle.digest_of(folder)


def register(house: House, folder: Path, spoil: Spoil, *, seed: int, after: Spoil | None = None) -> int:
    """A version of the model made by hand from a bundle that ``spoil`` has changed.

    ``spoil`` gives the digest it is registered with (empty: none); ``after`` changes the artifact once it is
    registered.
    """
    import mlflow

    place = folder / f"by-hand-{seed}" / "artifacts" / "bundle"
    make_bundle(place, seed=seed)
    digest = spoil(place)
    house.registry.aliases(MODEL)  # opens the store with this project's switches
    client = mlflow.MlflowClient(house.settings.tracking_uri, house.settings.registry_uri)
    tags = {"digest": digest} if digest else {}
    version = int(client.create_model_version(MODEL, str(place.parent.parent), tags=tags).version)
    if after is not None:
        after(place)
    return version


def replaced(name: str, data: bytes) -> Spoil:
    """Another content of one file, sealed."""

    def spoil(folder: Path) -> str:
        (folder / name).write_bytes(data)
        return seal(folder)

    return spoil


def edited(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    """One file with its bytes changed, the manifest untouched: what happens to an artifact on a disk."""

    def spoil(folder: Path) -> str:
        digest = bundle.digest_of(folder)
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        return digest

    return spoil


def flipped(data: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def graphed(change: Callable[[ModelProto], None]) -> Spoil:
    """Another ONNX graph, sealed."""

    def spoil(folder: Path) -> str:
        model = load_model_from_string((folder / "model.onnx").read_bytes())
        change(model)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        return seal(folder)

    return spoil


def sealed(folder: Path) -> str:
    """A good bundle."""
    return bundle.digest_of(folder)


def no_bundle(folder: Path) -> str:
    """A version with something else under it."""
    digest = bundle.digest_of(folder)
    shutil.rmtree(folder)
    (folder.parent / "model.pkl").write_bytes(b"somebody's model")
    return digest


def swapped(folder: Path) -> str:
    """Another whole bundle in its place, the digest that of the first."""
    digest = bundle.digest_of(folder)
    shutil.rmtree(folder)
    make_bundle(folder, seed=12345)
    return digest


def foreign_problem(folder: Path) -> str:
    """A good bundle of another problem."""
    shutil.rmtree(folder)
    return make_bundle(folder, problem="art", seed=3)


def other_answers(folder: Path) -> str:
    """Golden answers the model does not give."""
    shutil.rmtree(folder)
    return make_bundle(folder, seed=4, spoil_golden=True)


def newer_format(folder: Path) -> str:
    """What a later release may write."""
    return seal(folder, format=bundle.FORMAT + 1)


def foreign_file(folder: Path) -> str:
    """A file the manifest does not name."""
    digest = bundle.digest_of(folder)
    (folder / "helper.pkl").write_bytes(b"x")
    return digest


def without(name: str) -> Spoil:
    """One file gone from the artifact."""

    def spoil(folder: Path) -> str:
        (folder / name).unlink()
        return bundle.digest_of(folder)

    return spoil


def outside(name: str) -> Spoil:
    """A manifest that names a file elsewhere."""

    def spoil(folder: Path) -> str:
        seal(folder)
        files = orjson.loads((folder / bundle.MANIFEST).read_bytes())["files"]
        document = orjson.loads((folder / bundle.MANIFEST).read_bytes())
        document["files"] = {**files, name: "0" * 64}
        (folder / bundle.MANIFEST).write_bytes(bundle.json_bytes(document))
        return bundle.digest_of(folder)

    return spoil


def linked(folder: Path) -> str:
    """A member that is a link to a file outside, which is not the one that was registered."""
    digest = bundle.digest_of(folder)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("/etc/hostname")
    return digest


def renamed_fields(folder: Path) -> str:
    """A contract whose fields are not those the model learned."""
    path = folder / "contract.json"
    path.write_bytes(path.read_bytes().replace(b"hue_mean", b"hue_mode"))
    return seal(folder)


def other_labels(folder: Path) -> str:
    """A contract with one label more than the model gives."""
    path = folder / "contract.json"
    document = orjson.loads(path.read_bytes())
    document["target"]["labels"] = [*document["target"]["labels"], "baroque"]
    path.write_bytes(bundle.json_bytes(document))
    return seal(folder)


class Trap:
    """What would write a file, were it ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.open, (str(self.path), os.O_CREAT | os.O_WRONLY)


def sprung(house: House) -> Path:
    """The file that a trap of this house writes."""
    return house.folder / "sprung"


def trap_as_file(house: House) -> Spoil:
    """A pickle under the name of the fitted arrays."""
    return replaced("state.npz", pickle.dumps(Trap(sprung(house))))


def trap_as_array(house: House) -> Spoil:
    """An npz with an array of Python objects."""
    buffer = io.BytesIO()
    np.savez(buffer, temperature=np.array([Trap(sprung(house))], dtype=object))
    return replaced("state.npz", buffer.getvalue())


def bomb() -> bytes:
    """An npz of half a megabyte that unpacks to 512 MiB."""
    buffer, block = io.BytesIO(), bytes(1 << 20)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "<f8", "fortran_order": False, "shape": (512 << 17,)}
        )
        with archive.open("temperature.npy", "w") as member:
            member.write(head.getvalue())
            for _ in range(512):
                member.write(block)
    return buffer.getvalue()


def registered(house: House, spoil: Spoil, *, seed: int) -> int:
    """A version made and registered as the pipeline does, from a bundle that ``spoil`` has changed."""
    place = house.folder / f"registered-{seed}"
    make_bundle(place, seed=seed)
    return house.register_folder(place, spoil(place), f"key-{seed}")
