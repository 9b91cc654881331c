"""The bundle: a folder with all that is needed to answer and nothing that can run code.

Belongs here: writing, verifying and loading that folder. The digest of a bundle is the sha256 of its
``manifest.json``, which lists the sha256 of every other file; so one digest pins all bytes.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from artpulse_core.data.contract import Contract
from artpulse_core.errors import ArtPulseError, BundleError
from artpulse_core.exchange.files import sync_folder, write_whole
from artpulse_core.model import arrays

FORMAT = 1
MANIFEST = "manifest.json"
CONTRACT = "contract.json"
REQUIRED = (
    CONTRACT,
    "model.onnx",
    "state.npz",
    "profile.npz",
    "evaluation.json",
    "golden.json",
    "MODEL_CARD.md",
)
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_MANIFEST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says.

    ``features`` and ``fingerprint`` name the feature set the model was trained with; serving refuses a bundle
    whose fingerprint its own feature set does not have. ``feature_names`` are the columns of the input matrix: the
    fields of a row, or the features of a picture. ``watched`` are the columns that events and the drift profile
    keep, with a fingerprint of their own; absent they are the same. ``provenance`` holds data digest, git commit,
    run ids and ``synthetic``.
    """

    model: str
    problem: str
    features: str
    fingerprint: str
    feature_names: tuple[str, ...]
    algorithm: str
    key: str
    created_at: str
    provenance: Mapping[str, Any]
    files: Mapping[str, str]
    watched: tuple[str, ...] = ()
    watched_fingerprint: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not self.watched:
            object.__setattr__(self, "watched", self.feature_names)
            object.__setattr__(self, "watched_fingerprint", self.fingerprint)

    @property
    def watches_all(self) -> bool:
        """True when events keep the whole input matrix, so that answers can be computed again from them."""
        return self.watched == self.feature_names

    @property
    def synthetic(self) -> bool:
        """True when the model learned from generated pictures."""
        return bool(self.provenance.get("synthetic"))

    @property
    def contract_digest(self) -> str:
        """sha256 of ``contract.json``; two versions that share requests must have the same one."""
        return self.files[CONTRACT]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as written."""
        return {
            **vars(self),
            "feature_names": list(self.feature_names),
            "watched": list(self.watched),
            "provenance": dict(self.provenance),
            "files": dict(self.files),
        }


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory, all but the ONNX session."""

    folder: Path
    digest: str
    manifest: Manifest
    contract: Contract
    state: Mapping[str, np.ndarray]
    evaluation: Mapping[str, Any]
    golden: Mapping[str, Any]

    @property
    def onnx(self) -> bytes:
        """The serialized ONNX graph."""
        return (self.folder / "model.onnx").read_bytes()

    @property
    def profile_path(self) -> Path:
        """The reference profile for drift, an npz."""
        return self.folder / "profile.npz"


def json_bytes(document: Any) -> bytes:
    """Canonical JSON of a document that may hold numpy values."""
    return orjson.dumps(
        document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    )


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An npz in memory; object arrays are refused because loading them could run code."""
    for name, array in arrays.items():
        if array.dtype == object:
            raise BundleError(f"The array {name!r} holds Python objects, which a bundle cannot carry.")
    buffer = io.BytesIO()
    np.savez(buffer, **dict(arrays))  # type: ignore[arg-type]  # the stubs take names for allow_pickle
    return buffer.getvalue()


def write(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Write a new bundle into the empty or missing ``folder`` and return its digest (``sha256:…``).

    ``manifest`` holds every field of ``Manifest`` but ``files`` and ``format``. Raises ``BundleError`` when a
    required file is missing or the folder is not empty.
    """
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise BundleError(f"A bundle needs {missing[0]}.")
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"{folder.name} is not empty; a bundle is written once.")
    for name, data in files.items():
        write_whole(folder / name, data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    document = json_bytes({**manifest, "files": digests, "format": FORMAT})
    write_whole(folder / MANIFEST, document)
    sync_folder(folder)
    return "sha256:" + hashlib.sha256(document).hexdigest()


def digest_of(folder: Path) -> str:
    """The digest a folder claims; says nothing about the other files (see ``verify``)."""
    return "sha256:" + hashlib.sha256(_manifest_bytes(folder)).hexdigest()


def verify(folder: Path, digest: str | None = None) -> Manifest:
    """Check every byte of a bundle; with ``digest`` also that it is the one that was registered.

    Raises ``BundleError`` naming the file: missing, extra, altered, a link, too large, or of a newer format.
    """
    claimed = digest_of(folder)
    if digest is not None and claimed != digest:
        raise BundleError(f"{MANIFEST} has digest {claimed[:19]}…, registered was {digest[:19]}….")
    manifest = _manifest(folder)
    present = {entry.name for entry in os.scandir(folder)} - {MANIFEST}
    missing = sorted((set(manifest.files) | set(REQUIRED)) - present)
    extra = sorted(present - set(manifest.files))
    if missing or extra:
        raise BundleError(
            f"The bundle misses {missing[0]}." if missing else f"The bundle holds a foreign file {extra[0]}."
        )
    for name, expected in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise BundleError(f"{name} is not a plain file.")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise BundleError(f"{name} does not have the digest its manifest names.")
    return manifest


def load(folder: Path, digest: str | None = None) -> Bundle:
    """Verify and read a bundle; raises ``BundleError``."""
    manifest = verify(folder, digest)
    state = arrays.read(folder / "state.npz")
    arrays.check(folder / "profile.npz")
    try:
        return Bundle(
            folder=folder,
            digest=digest_of(folder),
            manifest=manifest,
            contract=Contract.from_dict(orjson.loads((folder / CONTRACT).read_bytes())),
            state=state,
            evaluation=orjson.loads((folder / "evaluation.json").read_bytes()),
            golden=orjson.loads((folder / "golden.json").read_bytes()),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArtPulseError) as error:
        raise BundleError(f"The bundle cannot be read: {type(error).__name__}: {error}") from error


def _manifest_bytes(folder: Path) -> bytes:
    path = folder / MANIFEST
    if path.is_symlink() or (path.exists() and not path.is_file()):  # a pipe would be read for ever
        raise BundleError(f"{MANIFEST} is not a plain file.")
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{folder.name} has no readable {MANIFEST}: {error.strerror}.") from None
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{MANIFEST} is larger than {MAX_MANIFEST_BYTES >> 20} MiB.")
    return data


def _manifest(folder: Path) -> Manifest:
    try:
        document = orjson.loads(_manifest_bytes(folder))
    except ValueError as error:
        raise BundleError(f"{MANIFEST} cannot be read: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else None
        raise BundleError(f"The bundle has format {found!r}; this release reads format {FORMAT}.")
    try:
        manifest = Manifest(
            **{
                **document,
                "feature_names": tuple(document["feature_names"]),
                "watched": tuple(document.get("watched", ())),
            }
        )
    except (KeyError, TypeError) as error:
        raise BundleError(f"{MANIFEST} is not a bundle manifest: {error}") from None
    for name in ("files", "provenance"):
        if not isinstance(getattr(manifest, name), dict):
            raise BundleError(f"{MANIFEST} is not a bundle manifest: {name} is no object.")
    for name in manifest.files:
        if Path(name).name != name or name.startswith("."):
            raise BundleError(f"{MANIFEST} names a file outside its folder: {name!r}.")
    return manifest
