"""Arrays in an npz, read without trusting it.

Belongs here: that a file from elsewhere can neither run code nor fill the memory. An npz is a zip of npy files: what
each member says of its size, and what its header says of its shape, is looked at before anything is unpacked.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from artpulse_core.errors import BundleError

MAX_BYTES = 256 * 1024 * 1024  # of all members together, unpacked
MAX_MEMBERS = 10_000


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """The arrays of ``path`` by name. Raises ``BundleError`` naming what is wrong."""
    try:
        with zipfile.ZipFile(path) as archive:
            _measure(path.name, archive, max_bytes)
        with np.load(path, allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except BundleError:
        raise
    except zipfile.BadZipFile:
        raise BundleError(f"{path.name} is not an npz file.") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zlib.error) as error:
        raise BundleError(f"{path.name} cannot be read: {error}") from None


def check(path: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """What ``read`` would refuse before unpacking; raises ``BundleError``."""
    try:
        with zipfile.ZipFile(path) as archive:
            _measure(path.name, archive, max_bytes)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, zlib.error) as error:
        raise BundleError(f"{path.name} is not an npz file: {error}") from None


def _measure(file: str, archive: zipfile.ZipFile, max_bytes: int) -> None:
    members = archive.infolist()
    # A member gives no more than the size it states: zipfile stops there.
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > max_bytes:
        raise BundleError(f"{file} unpacks to more than {max_bytes >> 20} MiB.")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise BundleError(f"{file} holds {member.filename[:60]!r}, which is no array.")
        with archive.open(member) as data:
            _header(f"{file}: {member.filename[:60]}", data, member.file_size)


def _header(name: str, data: IO[bytes], size: int) -> None:
    version = np.lib.format.read_magic(data)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read_header(data)
    if kind.hasobject:
        raise BundleError(f"{name} holds Python objects (a pickle), which a bundle cannot carry.")
    count = 1
    for side in shape:
        count *= side
    if count * kind.itemsize > size:  # the memory is taken before the bytes are read
        raise BundleError(f"{name} says it holds {count * kind.itemsize} bytes and has {size}.")
