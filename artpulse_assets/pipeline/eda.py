"""A first look at a dataset: what is in it, what is odd, and the files that show it.

Belongs here: numbers about a table of features, and writing the figures people look at. Does not belong here:
refusing data (the validated dataset does that) or how a figure looks (``artpulse_assets.plots``).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from artpulse_assets import plots
from artpulse_assets.association import informative
from artpulse_assets.columns import correlations, finite, missing_share
from artpulse_core.exchange.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

FIGURE_NAMES = frozenset(
    {
        "histograms",
        "correlation_heatmap",
        "class_balance",
        "categories",
        "target",
        "missing_values",
        "outliers",
        "model_comparison",
        "confusion",
        "roc",
        "calibration",
        "predictions_vs_actual",
        "feature_importance",
        "residuals",
        "interval_coverage",
        "threshold_costs",
        "slices",
        "learning_curve",
        "error_gallery",
        "examples",
        "quarantine",
        "drift_overview",
    }
)
OUTLIER_Z = 3.5
MOST_PAIRS = 20
MOST_COLUMNS = 40  # of more, those that tell most about the target are drawn


@dataclass(frozen=True)
class Eda:
    """What ``summarise`` saw.

    ``labels`` counts rows and ``groups`` distinct groups a label; ``missing`` and ``outliers`` name only the
    columns that have any (counts of rows); ``correlated`` holds the strongest pairs, |r| descending.
    """

    n: int
    features: int
    labels: Mapping[str, int]
    groups: Mapping[str, int]
    missing: Mapping[str, int]
    constant: tuple[str, ...]
    outliers: Mapping[str, int]
    correlated: tuple[tuple[str, str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        pairs = [{"a": a, "b": b, "r": round(r, 4)} for a, b, r in self.correlated]
        return {**asdict(self), "constant": list(self.constant), "correlated": pairs}


def summarise(
    frame: pd.DataFrame,
    feature_names: Sequence[str],
    label_column: str = "label",
    group_column: str = "group",
    categories: Collection[str] = (),
) -> Eda:
    """Look at the feature columns of ``frame`` (one row an example); label and group columns may be absent.

    ``categories`` names the columns of level indices, which have no outliers and no correlation. Raises ``KeyError`` when a feature is not a column.
    """
    columns = {name: frame[name].to_numpy() for name in feature_names}
    labels = frame[label_column].astype(str) if label_column in frame else None
    groups: dict[str, int] = {}
    if labels is not None and group_column in frame:
        groups = {
            str(key): int(value) for key, value in frame.groupby(labels)[group_column].nunique().items()
        }
    numeric = {name: column for name, column in columns.items() if name not in categories}
    names, matrix = correlations(numeric)
    varying = {*names, *(name for name in categories if len(np.unique(finite(columns.get(name, ())))) > 1)}
    counts = {} if labels is None else labels.value_counts().sort_index().to_dict()
    return Eda(
        n=len(frame),
        features=len(columns),
        labels={str(key): int(value) for key, value in counts.items()},
        groups=groups,
        missing=_counted(
            {name: round(missing_share(column) * len(frame)) for name, column in columns.items()}
        ),
        constant=tuple(name for name in columns if name not in varying),
        outliers=_counted({name: outliers(column) for name, column in numeric.items()}),
        correlated=_pairs(names, matrix),
    )


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def outliers(values: Any) -> int:
    """How many values have a robust z over 3.5 (Iglewicz and Hoaglin 1993: 0.6745 · |x − median| / MAD).

    Where over half of the values are equal the MAD is zero and the mean absolute deviation, 1.2533 of it, stands in.
    """
    known = finite(values)
    if known.size < 3:
        return 0
    distance = np.abs(known - np.median(known))
    unit = float(np.median(distance)) / 0.6745 or float(distance.mean()) * 1.2533
    return int(np.sum(distance > OUTLIER_Z * unit)) if unit > 0 else 0


def _pairs(names: Sequence[str], matrix: np.ndarray) -> tuple[tuple[str, str, float], ...]:
    rows, columns = np.triu_indices(len(names), 1)
    values = matrix[rows, columns]
    order = np.argsort(-np.abs(values), kind="stable")[:MOST_PAIRS]
    return tuple((names[rows[i]], names[columns[i]], float(values[i])) for i in order)


def data_summary_csv(frame: pd.DataFrame) -> bytes:
    """One line a column: type, counts and, for numbers, mean, spread and quartiles; UTF-8 CSV with a header.

    Texts that a spreadsheet would read as a formula get an apostrophe in front (OWASP, CSV injection).
    """
    import pandas as pd

    lines = []
    for name in frame.columns:
        column = frame[name]
        line: dict[str, Any] = {
            "column": _text(name),
            "type": str(column.dtype),
            "n": len(column),
            "missing": int(column.isna().sum()),
            "distinct": int(column.astype(str).nunique() if column.dtype == object else column.nunique()),
        }
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            known = column.to_numpy(dtype=float, na_value=np.nan)
            known = known[np.isfinite(known)]
            if known.size:
                low, quarter, median, three, high = np.percentile(known, [0, 25, 50, 75, 100])
                line |= {"mean": known.mean(), "std": known.std(), "min": low, "p25": quarter}
                line |= {"median": median, "p75": three, "max": high}
        elif column.notna().any():
            common = column.dropna().astype(str).value_counts()
            line |= {"most_common": _text(common.index[0]), "most_common_n": int(common.iloc[0])}
        lines.append(line)
    header = [
        "column",
        "type",
        "n",
        "missing",
        "distinct",
        "mean",
        "std",
        "min",
        "p25",
        "median",
        "p75",
        "max",
    ]
    header += ["most_common", "most_common_n"]
    table = pd.DataFrame(lines, columns=pd.Index(header))
    for name in ("missing", "distinct", "n", "most_common_n"):
        table[name] = table[name].astype("Int64")
    buffer = io.StringIO()
    table.to_csv(buffer, index=False, float_format="%.6g", lineterminator="\n")
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _text(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@dataclass(frozen=True)
class Number:
    """A target that is a number: the frame's ``column``, and how people call it."""

    name: str
    unit: str = ""
    capped_at: float | None = None
    column: str = "target"


def draw(
    frame: pd.DataFrame,
    feature_names: Sequence[str],
    label_column: str = "label",
    side_column: str | None = "side",
    *,
    categories: Mapping[str, Sequence[str]] | None = None,
    number: Number | None = None,
) -> dict[str, bytes | None]:
    """The figures of a dataset by name, PNG bytes; None where there is nothing to show.

    ``side_column`` (``train`` or ``test``), where the frame has it, divides the bars of ``class_balance``.
    ``categories``: of a table, the columns that hold level indices with the names of their levels; ``number``: the
    target of a regression, which has no labels.
    """
    columns = {name: frame[name].to_numpy() for name in feature_names}
    numeric = {name: values for name, values in columns.items() if name not in (categories or {})}
    labels = frame[label_column].astype(str).to_numpy() if label_column in frame and not number else None
    truth: np.ndarray | None = labels if number is None else frame[number.column].to_numpy(np.float64)
    counts = _balance(frame, labels, side_column)
    shown = informative(numeric, truth, MOST_COLUMNS, number=number is not None)
    few = {name: numeric[name] for name in shown}
    tied = {**few, **{name: columns[name] for name in categories or {} if name in columns}}
    if number is not None:
        tied[number.name if number.name not in tied else number.column] = frame[number.column].to_numpy()
    levels = {
        name: _levels(columns[name], known) for name, known in (categories or {}).items() if name in columns
    }
    drawn = None if number is None or not finite(truth).size else truth
    return {
        "histograms": plots.histograms(few, labels) if few else None,
        "correlation_heatmap": _heatmap(tied, None if categories is None else set(categories)),
        "class_balance": plots.class_balance(counts) if counts else None,
        "target": None
        if number is None or drawn is None
        else plots.target(drawn, number.name, unit=number.unit, capped_at=number.capped_at),
        "categories": plots.categories(levels) if levels else None,
        "missing_values": plots.missing_values(columns) if columns else None,
        "outliers": plots.outliers(numeric) if numeric else None,
    }


def _balance(frame: pd.DataFrame, labels: Any, side_column: str | None) -> dict[str, dict[str, int]]:
    """Label → side → rows, train first."""
    if labels is None:
        return {}
    split = side_column is not None and side_column in frame
    sides = frame[side_column].astype(str).to_numpy() if split else np.full(len(frame), "rows")
    found = Counter(zip(labels.tolist(), sides.tolist(), strict=True))
    order = sorted(set(sides.tolist()), key=lambda side: (side != "train", side))
    return {label: {side: found[label, side] for side in order} for label in dict.fromkeys(labels.tolist())}


def _heatmap(columns: Mapping[str, Any], categories: set[str] | None) -> bytes | None:
    varying = sum(len(np.unique(finite(values))) > 1 for values in columns.values())
    return plots.correlation_heatmap(columns, categories=categories) if varying > 1 else None


def _levels(values: Any, names: Sequence[str]) -> dict[str, int]:
    """Level → rows, in the order of the levels, and how many are missing."""
    known = finite(values).astype(np.int64)
    counts = {name: int(np.sum(known == place)) for place, name in enumerate(names)}
    gaps = len(values) - known.size
    return {**{name: count for name, count in counts.items() if count}, **({"missing": gaps} if gaps else {})}


def write_figures(folder: Path, figures: Mapping[str, bytes | None]) -> dict[str, Path]:
    """Write ``figures/<name>.png`` under the artifact folder of a problem, each whole; returns what was written.

    A figure that is None is removed when an earlier run left one: what lies there is of this run. Raises
    ``ValueError`` on a name that is not in ``FIGURE_NAMES``, before anything is written.
    """
    unknown = sorted(set(figures) - FIGURE_NAMES)
    if unknown:
        raise ValueError(f"There is no figure called {unknown[0]!r}.")
    written = {}
    for name, png in figures.items():
        path = folder / "figures" / f"{name}.png"
        if png is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, png)
            written[name] = path
    return written
