"""Where the file of a table lies, in which order, and a download that is kept only when it is the right one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from artpulse_core.data import table_files
from artpulse_core.data.problem import TableFile
from artpulse_core.data.sources import find_table
from artpulse_core.data.table_files import locate, shipped_folder
from artpulse_core.errors import DataError

CONTENT = b"a,b\n1,2\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def source(file: str = "set/t.csv", **more: Any) -> TableFile:
    return TableFile(kind="table", file=file, **more)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped data that holds one table."""
    folder = tmp_path / "shipped"
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "t.csv").write_bytes(CONTENT)
    monkeypatch.setattr(table_files, "shipped_folder", lambda: folder)
    return folder


@pytest.fixture
def address() -> Iterator[str]:
    """A web server on loopback that has the file."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/t.csv"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(CONTENT if found else b"")

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.smoke
def test_the_data_folder_wins_over_what_ships(tmp_path: Path, shipped: Path) -> None:
    assert find_table(source(sha256=DIGEST), tmp_path / "data") == shipped / "set" / "t.csv"
    own = tmp_path / "data" / "set" / "t.csv"
    own.parent.mkdir(parents=True)
    own.write_bytes(CONTENT + b"3,4\n")
    assert find_table(source(sha256=DIGEST), tmp_path / "data") == own
    place = locate(source(sha256=DIGEST), tmp_path / "data")
    assert place is not None
    assert (place.origin, place.matches) == ("data folder", False)


def test_an_absolute_path_is_a_users_own_file(tmp_path: Path, shipped: Path) -> None:
    path = tmp_path / "own.csv"
    with pytest.raises(DataError, match="not there any more"):
        find_table(source(str(path)), tmp_path)
    path.write_bytes(CONTENT)
    assert find_table(source(str(path), sha256=DIGEST), tmp_path) == path
    path.write_bytes(b"other")
    with pytest.raises(DataError, match="is not the file this problem was made for"):
        find_table(source(str(path), sha256=DIGEST), tmp_path)


def test_an_altered_shipped_file_is_refused(tmp_path: Path, shipped: Path) -> None:
    (shipped / "set" / "t.csv").write_bytes(b"a,b\n")
    with pytest.raises(DataError, match="is not the file"):
        find_table(source(sha256=DIGEST), tmp_path / "data")


def test_a_missing_file_is_named_with_every_place_it_was_looked_for(tmp_path: Path, shipped: Path) -> None:
    with pytest.raises(DataError) as caught:
        find_table(source("set/other.csv"), tmp_path / "data")
    for place in (
        tmp_path / "data" / "set" / "other.csv",
        shipped / "set" / "other.csv",
        "ARTPULSE_DATA_DIR",
    ):
        assert str(place) in caught.value.message


def test_what_is_nowhere_is_downloaded_once_and_checked(tmp_path: Path, shipped: Path, address: str) -> None:
    wanted = source("new/t.csv", sha256=DIGEST, url=f"{address}/t.csv")
    path = find_table(wanted, tmp_path / "data")
    assert (path, path.read_bytes()) == (tmp_path / "data" / "new" / "t.csv", CONTENT)
    assert (
        find_table(source("new/t.csv", sha256=DIGEST, url="https://unreachable.invalid"), tmp_path / "data")
        == path
    )


@pytest.mark.parametrize(
    ("where", "sha256", "says"),
    [
        ("{address}/t.csv", "0" * 64, "gave another file than the problem states"),
        ("{address}/gone.csv", DIGEST, "failed: Not Found"),
        ("http://127.0.0.1:9/t.csv", DIGEST, "failed"),
        ("http://example.org/t.csv", DIGEST, "no https address"),
        ("file:///etc/hostname", DIGEST, "no https address"),
    ],
)
def test_a_download_that_is_not_the_stated_file_leaves_nothing(
    tmp_path: Path, shipped: Path, address: str, where: str, sha256: str, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        find_table(source("new/t.csv", sha256=sha256, url=where.format(address=address)), tmp_path / "data")
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


def test_a_download_beyond_the_limit_is_stopped(
    tmp_path: Path, shipped: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "MAX_BYTES", 3)
    with pytest.raises(DataError, match="larger than"):
        find_table(source("new/t.csv", sha256=DIGEST, url=f"{address}/t.csv"), tmp_path / "data")


def test_an_installed_wheel_keeps_its_data_inside_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert shipped_folder().name == "data"
    monkeypatch.setattr(table_files, "PACKAGE_ROOT", tmp_path)
    assert shipped_folder() == tmp_path / "artpulse_core" / "shipped"
