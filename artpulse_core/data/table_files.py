"""Where the file of a table lies: a user's own, the data folder, what ships, or a public download.

Belongs here: the order in which a file is looked for, its checksum, and the download. Does not belong here: reading
it (``tables``).
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from artpulse_core.data.dialect import MAX_BYTES
from artpulse_core.data.problem import TableFile
from artpulse_core.errors import DataError
from artpulse_core.exchange.files import writing_whole
from artpulse_core.settings import PACKAGE_ROOT

Origin = Literal["own", "data folder", "shipped", "download"]
TIMEOUT = 30  # seconds without a byte
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A file that is there. ``matches`` says whether it is the one of the stated sha256, None when none is stated."""

    path: Path
    origin: Origin
    matches: bool | None


def shipped_folder() -> Path:
    """The data that ships: ``data/`` of a checkout, or where an installed wheel keeps it."""
    checkout = PACKAGE_ROOT / "workspace.yaml"  # site-packages may hold a folder data of somebody else
    return PACKAGE_ROOT / "data" if checkout.exists() else PACKAGE_ROOT / "artpulse_core" / "shipped"


def find_table(source: TableFile, data_dir: Path) -> Path:
    """The file of ``source``: its absolute path, else below ``data_dir``, else the shipped one, else downloaded.

    Raises ``DataError`` that names the missing file, or the one whose sha256 is not the stated one. A file a person
    put into ``data_dir`` may differ from the published one: ``locate`` says so.
    """
    place = locate(source, data_dir)
    if place is None:
        return download(source, data_dir)
    if place.matches is False and place.origin != "data folder":
        raise DataError(
            f"{str(place.path)!r} is not the file this problem was made for (its sha256 is not {source.sha256[:12]}…);"
            " restore it, or correct sha256 in [source]."
        )
    return place.path


def locate(source: TableFile, data_dir: Path) -> Place | None:
    """The first file that is there, without downloading; None when there is none."""
    if Path(source.file).is_absolute():
        path = Path(source.file)
        return Place(path, "own", _matches(path, source)) if path.is_file() else None
    places: tuple[tuple[Path, Origin], ...] = ((data_dir, "data folder"), (shipped_folder(), "shipped"))
    for folder, origin in places:
        path = folder / source.file
        if path.is_file():
            return Place(path, origin, _matches(path, source))
    return None


def missing(source: TableFile, data_dir: Path) -> DataError:
    """One sentence about a file that is nowhere."""
    if Path(source.file).is_absolute():
        return DataError(
            f"The file {source.file!r} is not there any more; put it back, or add the problem again with --replace."
        )
    return DataError(
        f"There is no table {source.file!r}: neither {str(data_dir / source.file)!r} nor the shipped "
        f"{str(shipped_folder() / source.file)!r} exists. Put the file into the first place, or set ARTPULSE_DATA_DIR."
    )


def download(source: TableFile, data_dir: Path) -> Path:
    """Fetch ``source.url`` to ``data_dir/<file>``; kept only when it has the stated sha256.

    Raises ``DataError``: no url, no network, another file. Nothing is left behind then.
    """
    if not source.url or Path(source.file).is_absolute():
        raise missing(source, data_dir)
    address = urllib.parse.urlsplit(source.url)
    if address.scheme != "https" and not (
        address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost")
    ):
        raise DataError(f"{source.url!r} is no https address; nothing was fetched.")
    target = data_dir / source.file
    digest, size = hashlib.sha256(), 0
    try:
        with (
            urllib.request.urlopen(source.url, timeout=TIMEOUT) as answer,  # noqa: S310 - https or loopback, see above
            writing_whole(target) as handle,
        ):
            while block := answer.read(_BLOCK):
                size += len(block)
                if size > MAX_BYTES:
                    raise DataError(
                        f"{source.url!r} is larger than {MAX_BYTES // 2**20} MiB; nothing was kept."
                    )
                digest.update(block)
                handle.write(block)
            if digest.hexdigest() != source.sha256:
                raise DataError(
                    f"{source.url!r} gave another file than the problem states (sha256 {digest.hexdigest()[:12]}… "
                    f"instead of {source.sha256[:12]}…); nothing was kept."
                )
    except (urllib.error.URLError, TimeoutError) as error:
        said = getattr(error, "reason", error)
        raise DataError(
            f"{missing(source, data_dir).message} The download of {source.url!r} failed: {said}."
        ) from None
    return target


def sha256(path: Path) -> str:
    """Hex digest of a file as it lies there."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _matches(path: Path, source: TableFile) -> bool | None:
    return sha256(path) == source.sha256 if source.sha256 else None
