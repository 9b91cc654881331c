"""The data quality page: one HTML file that needs no other file, script or network.

Belongs here: arranging a report for people, and thumbnails that are safe to make. Does not belong here: a verdict, or
the look (``templates/data_quality.html`` and ``.css``).
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from artpulse_assets.pipeline.quality.finding import Check, counted, listed
from artpulse_assets.pipeline.quality.reporting import QualityReport
from artpulse_core.data.images import decode, read
from artpulse_core.errors import ImageRefused
from artpulse_core.exchange.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Template

SIDE = 96  # pixels
MOST_PICTURES = 60
MOST_BYTES = 300_000  # of thumbnails; one may stand in four places and the page stays under 1.5 MB
MOST_LISTED = 240  # files of the quarantine on the page; the rest is in quarantine.csv
MOST_DOUBTS = 60
MOST_REFUSED = 36  # of them are looked at for a thumbnail, so that some are left for doubts
MOST_LABELS = 30
MOST_TEXT = 400
# Reasons after which a file is not opened again: it is no plain file, or not one of this folder.
CLOSED = frozenset(
    {"not_a_file", "link_leaves_root", "link_dangling", "unreadable", "vanished", "file_too_large"}
)


def thumbnails(root: Path, files: Iterable[tuple[bytes, str]], report: QualityReport) -> dict[str, str]:
    """Path → JPEG data URI of at most 60 pictures the page speaks of; a file that cannot be decoded has none.

    ``files``: name below ``root`` as bytes, and the path it is shown as. Files of the quarantine come first, then
    what checks name, then doubtful labels. Nothing outside ``root`` is opened.
    """
    names = {path: name for name, path in files}
    inside = os.path.realpath(root)
    made: dict[str, str] = {}
    size = 0
    for path in _spoken_of(report):
        if path not in names or path in made or len(made) == MOST_PICTURES:
            continue
        picture = _thumbnail(Path(inside) / os.fsdecode(names[path]), inside)
        if picture is not None and size + len(picture) <= MOST_BYTES:
            made[path] = picture
            size += len(picture)
    return made


def _spoken_of(report: QualityReport) -> Iterable[str]:
    open_ = (row for row in report.quarantine if row["reason"] not in CLOSED)
    for number, row in enumerate(open_):
        if number == MOST_REFUSED:
            break
        yield row["path"]
    yield from (row.path for check in report.checks if not check.passed for row in check.finding.rows)
    yield from (str(row["path"]) for row in report.label_noise[:MOST_DOUBTS])


def _thumbnail(file: Path, root: str) -> str | None:
    from PIL import Image

    if os.path.commonpath([root, os.path.realpath(file)]) != root:
        return None
    try:
        pixels = decode(read(file), SIDE)
    except ImageRefused:
        return None
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=72, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def page(report: QualityReport, thumbnails: Mapping[str, str] | None = None) -> str:
    """The report as HTML; names are escaped wherever they come from. ``thumbnails``: path → data URI."""
    pictures = dict(thumbnails or {})
    shown = sorted(report.quarantine[:MOST_LISTED], key=lambda row: row["path"] not in pictures)
    most = max(report.counts.values(), default=1)
    labels = list(report.counts.items())
    html: str = _template().render(
        report=report,
        thing="picture" if report.pictures else "row",
        title=report.problem,
        verdict=verdict(report),
        groups=[
            ("Stops the run", "block", report.blocking),
            ("Worth a look", "warn", report.warnings),
            ("In order", "good", tuple(check for check in report.checks if check.passed)),
        ],
        good=sum(check.passed for check in report.checks),
        quarantine=shown,
        more=max(0, len(report.quarantine) - len(shown)),
        labels=[(label, count, 100 * count / most) for label, count in labels[:MOST_LABELS]],
        more_labels=len(labels[MOST_LABELS:]),
        doubts=report.label_noise[:MOST_DOUBTS],
        pictures=pictures,
    )
    return html.encode("utf-8", "backslashreplace").decode()


def write(folder: Path, report: QualityReport, thumbnails: Mapping[str, str] | None = None) -> None:
    """Write ``data_quality_report.json`` and ``data_quality_report.html`` into ``folder``, each whole."""
    document = orjson.dumps(report.to_dict(), option=orjson.OPT_INDENT_2)
    write_whole(folder / "data_quality_report.json", document + b"\n")
    write_whole(folder / "data_quality_report.html", page(report, thumbnails).encode())


def verdict(report: QualityReport) -> str:
    """The first sentence: what state the data is in and what to do."""
    rows = counted(report.rows, "picture" if report.pictures else "row")
    if report.status == "blocked":
        names = listed(_said(check) for check in report.blocking)
        return f"Not to be learned from yet: {names} would make a model wrong."
    if report.status == "look":
        names = listed(_said(check) for check in report.warnings)
        return f"{rows} can be learned from; look at {names} first."
    return f"{rows} in good order: there is nothing to do."


def _said(check: Check) -> str:
    return check.name.replace("_", " ")


def clip(value: Any, most: int = MOST_TEXT) -> str:
    """A text of a user on the page: at most ``most`` characters, bytes that are no text written out."""
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("artpulse_assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clip": clip, "said": _said, "counted": counted}
    return environment.get_template("data_quality.html")
