"""How assets speak to people: metadata, tables, plots and failures.

Belongs here: turning plain results and ArtPulse errors into what the Dagster UI shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from artpulse_core.errors import ArtPulseError

MOST_ROWS = 20


def table(rows: Iterable[Mapping[Any, Any]], most: int = MOST_ROWS) -> dg.MetadataValue[Any]:
    """A small Markdown table; the first ``most`` rows."""
    shown = [dict(row) for row in rows]
    if not shown:
        return dg.MetadataValue.md("none")
    head = list(shown[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in head) + " |" for row in shown[:most]]
    if len(shown) > most:
        lines.append(f"\n… and {len(shown) - most} more")
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping) and {"value", "low", "high"} <= set(value):
        return f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")


def picture(png: bytes, alt: str) -> dg.MetadataValue[Any]:
    """A plot inside the page, kept under 100 kB."""
    from artpulse_assets.plots import markdown_image

    return dg.MetadataValue.md(markdown_image(png, alt))


def interval(metric: Mapping[str, float]) -> str:
    """A metric with its 95 % interval as text."""
    return f"{metric['value']:.3f} ({metric['low']:.3f}–{metric['high']:.3f})"


@contextmanager
def failures() -> Any:
    """Turn an ArtPulse error into a Dagster failure that lists every issue, and is not retried."""
    try:
        yield
    except ArtPulseError as error:
        raise dg.Failure(
            description=error.message,
            metadata={
                "code": error.code,
                "issues": table(issue.to_dict() for issue in error.issues),
            },
            allow_retries=False,
        ) from error


def progress(context: dg.AssetExecutionContext, what: str) -> Callable[[int, int], None]:
    """A callback that logs how far a long step is, in tenths."""
    last = [-1]

    def say(done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth != last[0]:
            last[0] = tenth
            context.log.info(f"{what}: {done} of {total}")

    return say
