"""Pictures as the rest of ArtPulse sees them: one picture, a folder of them, and the verdict on each.

Belongs here: the names others use and the document of ``artpulse images check``. Does not belong here: how a
picture is decoded (``artpulse_core.data.picture``) or a folder walked (``artpulse_core.data.folder``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from artpulse_core.data.folder import EXTENSIONS, SKIP_REASONS, FileEntry, Scan, Skipped, read, scan
from artpulse_core.data.picture import DECODE_VERSION, MAX_BYTES, REASONS, Header, decode, inspect
from artpulse_core.errors import DataError, ImageRefused

__all__ = [
    "DECODE_VERSION", "EXTENSIONS", "MAX_BYTES", "REASONS", "SKIP_REASONS", "FileEntry", "Header", "Scan",
    "Skipped", "check", "decode", "inspect", "read", "scan",
]  # fmt: skip


def check(paths: Iterable[Path]) -> dict[str, Any]:
    """The verdict on every file below ``paths``, as ``{"files": [...], "skipped": [...]}``.

    ``files`` holds path, accepted, reason, width, height, mode, format and warning (``extension_differs``);
    paths are relative to the folder given, or the bare name for a file given. Raises ``DataError`` for a path
    that does not exist.
    """
    files: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    for path in paths:
        if path.is_dir():
            result = scan(path)
            names = [(path / item.path, item.path) for item in result.files]
            for item in result.skipped:
                if item.refused:
                    files.append(_row(item.path, None, item.reason))
                else:
                    skipped.append({"path": item.path, "reason": item.reason})
        elif path.exists() or path.is_symlink():
            names = [(path, path.name)]
        else:
            raise DataError(f"There is no file or folder {str(path)!r}.")
        files.extend(_verdict(full, name) for full, name in names)
    return {"files": files, "skipped": skipped}


def _verdict(full: Path, name: str) -> dict[str, Any]:
    header: Header | None = None
    try:
        data = read(full)
        header = inspect(data)
        decode(data, 64)
    except ImageRefused as error:
        return _row(name, header, error.reason)
    return _row(name, header, None)


def _row(name: str, header: Header | None, reason: str | None) -> dict[str, Any]:
    said = EXTENSIONS.get(PurePosixPath(name).suffix.lower())
    return {
        "path": name,
        "accepted": reason is None,
        "reason": reason,
        "width": header.width if header else None,
        "height": header.height if header else None,
        "mode": header.mode if header else None,
        "format": header.format if header else None,
        "warning": "extension_differs" if header and said != header.format else None,
    }
