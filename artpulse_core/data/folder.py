"""A folder of pictures: which files count, which are left out and why, and reading one of them safely.

Belongs here: the walk, the names of what is skipped, the bounded read. Does not belong here: what is inside a
file (``artpulse_core.data.picture``), what a manifest says about it (``artpulse_core.data.manifest``).

Paths are text relative to the root with ``/`` between parts. Bytes that are no UTF-8 appear as surrogate
escapes (PEP 383): such a text goes back to the file system unchanged, but must not be given to a strict UTF-8
encoder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from artpulse_core.data.picture import MAX_BYTES, refuse, sniff
from artpulse_core.errors import DataError

EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".apng": "PNG",
    ".webp": "WEBP", ".bmp": "BMP", ".dib": "BMP", ".gif": "GIF",
}  # fmt: skip
SKIP_REASONS: dict[str, str] = {
    "hidden": "The name starts with a dot.",
    "litter": "Left behind by an operating system or a download.",
    "other_format": "Neither the name nor the first bytes are those of JPEG, PNG, WebP, BMP or GIF.",
    "already_seen": "The link leads to a folder that was walked already.",
}
"""Reason code → sentence, for what is passed over without being refused."""
OWN_FILES = frozenset({"manifest.csv", "SOURCE.json"})
_LITTER = frozenset({
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin", "lost+found",
    "system volume information",
})  # fmt: skip
_LITTER_ENDINGS = ("~", ".tmp", ".part", ".crdownload", ".swp")


@dataclass(frozen=True)
class FileEntry:
    """A file that will be read. ``label`` is the first folder, or "" for a file in the root itself."""

    path: str
    label: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """Changes whenever the file's bytes may have changed."""
        return (self.size, self.mtime_ns, self.ctime_ns, self.inode)


@dataclass(frozen=True)
class Skipped:
    """Something that will not be read, and a code of ``SKIP_REASONS`` or ``picture.REASONS``."""

    path: str
    reason: str

    @property
    def refused(self) -> bool:
        """True when it should have been a picture and belongs in quarantine, False when it was never one."""
        return self.reason not in SKIP_REASONS


@dataclass(frozen=True)
class Scan:
    """The files of a folder in a stable order, and everything that was left out."""

    files: tuple[FileEntry, ...]
    skipped: tuple[Skipped, ...]


def scan(root: Path) -> Scan:
    """Walk ``root`` without reading a picture; real folders first, then links to folders, each at most once.

    Raises ``DataError`` when ``root`` is no folder that can be listed.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {str(root)!r}.")
    found = sorted(_walk(root), key=lambda item: os.fsencode(item.path))
    files = tuple(item for item in found if isinstance(item, FileEntry))
    return Scan(files, tuple(item for item in found if isinstance(item, Skipped)))


def read(path: Path) -> bytes:
    """The bytes of one picture file; never more than the limit, never from a pipe or device.

    Raises ``ImageRefused`` (``file_too_large``, ``not_a_file``, ``unreadable``).
    """
    try:
        # Without O_NONBLOCK opening a pipe waits for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise refuse("unreadable", type(error).__name__) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):  # before fdopen, which takes no folder
        os.close(descriptor)
        raise refuse("not_a_file")
    with os.fdopen(descriptor, "rb") as handle:
        if status.st_size > MAX_BYTES:
            raise refuse("file_too_large")
        try:
            return handle.read(MAX_BYTES + 1)
        except OSError as error:
            raise refuse("unreadable", type(error).__name__) from error


def _walk(root: Path) -> Iterator[FileEntry | Skipped]:
    real_root = os.path.realpath(root)
    seen: set[str] = set()
    todo: list[tuple[str, str]] = [(real_root, "")]
    links: list[tuple[str, str]] = []  # taken only when every real folder was seen under its own name
    while todo or links:
        folder, prefix = todo.pop() if todo else links.pop()
        real = os.path.realpath(folder)
        if real in seen:
            yield Skipped(prefix.rstrip("/"), "already_seen")
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError:
            if not prefix:
                raise DataError(f"The folder {folder!r} cannot be listed; check its permissions.") from None
            yield Skipped(prefix.rstrip("/"), "unreadable")
            continue
        for entry in entries:
            relative = prefix + entry.name
            item = _classify(entry, relative, real_root)
            if item is None:
                (links if entry.is_symlink() else todo).append((entry.path, relative + "/"))
            elif relative not in OWN_FILES:
                yield item


def _classify(entry: os.DirEntry[str], relative: str, real_root: str) -> FileEntry | Skipped | None:
    """What one directory entry is; None for a folder to walk."""
    name = entry.name.lower()
    if name.startswith("."):
        return Skipped(relative, "hidden")
    if name in _LITTER or name.endswith(_LITTER_ENDINGS):
        return Skipped(relative, "litter")
    try:
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not os.path.lexists(target) or Path(target).is_symlink():
                return Skipped(relative, "link_dangling")
            if os.path.commonpath([real_root, target]) != real_root:
                return Skipped(relative, "link_leaves_root")
        status = entry.stat()
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            return Skipped(relative, "not_a_file")
        if PurePosixPath(name).suffix not in EXTENSIONS and not _looks_like_picture(entry.path):
            return Skipped(relative, "other_format")
    except OSError:
        return Skipped(relative, "unreadable")
    label = relative.split("/", 1)[0] if "/" in relative else ""
    return FileEntry(relative, label, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _looks_like_picture(path: str) -> bool:
    with Path(path).open("rb") as handle:
        return sniff(handle.read(16)) is not None
