"""The first look at a dataset: numbers a person can check by hand, and files that are of this run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline.eda import (
    FIGURE_NAMES,
    Number,
    data_summary_csv,
    draw,
    outliers,
    summarise,
    write_figures,
)
from artpulse_core.model.bundle import json_bytes

RNG = np.random.default_rng(2)


def frame() -> pd.DataFrame:
    base = RNG.normal(size=60)
    return pd.DataFrame(
        {
            "a": base,
            "b": -2 * base + RNG.normal(size=60) * 0.1,
            "c": np.r_[np.nan, np.full(58, 1.0), np.nan],
            "d": np.r_[1000.0, RNG.normal(size=59)],
            "label": ["x"] * 40 + ["y"] * 20,
            "group": [f"g{i % 7}" for i in range(40)] + ["only"] * 20,
            "side": ["train"] * 45 + ["test"] * 15,
        }
    )


@pytest.mark.smoke
def test_a_summary_counts_labels_groups_gaps_constants_and_outliers() -> None:
    eda = summarise(frame(), ["a", "b", "c", "d"])
    assert (eda.n, eda.features) == (60, 4)
    assert eda.labels == {"x": 40, "y": 20}
    assert eda.groups == {"x": 7, "y": 1}
    assert eda.missing == {"c": 2}
    assert eda.constant == ("c",)
    assert eda.outliers == {"d": 1}
    a, b, r = eda.correlated[0]
    assert {a, b} == {"a", "b"}
    assert r < -0.99


def test_a_summary_is_plain_data_for_json() -> None:
    document = json_bytes(summarise(frame(), ["a", "b", "c", "d"]).to_dict())
    assert b'"constant": [\n    "c"\n  ]' in document


def test_a_table_without_labels_groups_or_rows_is_summarised_too() -> None:
    assert summarise(frame()[["a"]], ["a"]).labels == {}
    empty = summarise(frame().iloc[:0], ["a", "b"])
    assert (empty.n, empty.constant, empty.correlated) == (0, ("a", "b"), ())


def test_an_unknown_feature_is_an_error() -> None:
    with pytest.raises(KeyError, match="nope"):
        summarise(frame(), ["nope"])


def test_outliers_are_found_even_where_most_values_are_equal() -> None:
    assert outliers(np.r_[np.zeros(90), 50.0]) == 1
    assert outliers(np.ones(90)) == 0
    assert outliers([1.0, 2.0]) == 0
    assert outliers(np.linspace(0, 1, 200)) == 0


def test_the_csv_has_a_line_a_column_and_no_formula() -> None:
    table = frame().assign(**{"=1+1": ["=cmd()"] * 60})
    lines = list(csv.DictReader(io.StringIO(data_summary_csv(table).decode())))
    found = {line["column"]: line for line in lines}
    assert list(found) == ["a", "b", "c", "d", "label", "group", "side", "'=1+1"]
    assert found["c"] | {"n": "60", "missing": "2", "distinct": "1", "median": "1"} == found["c"]
    assert found["label"]["most_common"] == "x"
    assert found["label"]["mean"] == ""
    assert found["'=1+1"]["most_common"] == "'=cmd()"


def test_figures_are_drawn_only_where_there_is_something_to_show() -> None:
    figures = draw(frame(), ["a", "b", "c", "d"])
    assert {name for name, png in figures.items() if png is not None} == {
        "histograms", "correlation_heatmap", "class_balance", "missing_values", "outliers",
    }  # fmt: skip
    whole = draw(frame(), ["a"])
    assert whole["missing_values"] is None
    assert whole["correlation_heatmap"] is None
    assert set(figures) <= FIGURE_NAMES


def test_a_table_shows_its_categories_and_a_number_its_target_instead_of_labels() -> None:
    table = frame().assign(level=np.r_[np.nan, np.arange(59.0) % 3], target=RNG.normal(size=60))
    figures = draw(
        table,
        ["a", "d", "level"],
        categories={"level": ("low", "middle", "high")},
        number=Number("price", "USD", 1.0),
    )
    assert {name for name, png in figures.items() if png is not None} == {
        "histograms", "correlation_heatmap", "target", "categories", "missing_values", "outliers",
    }  # fmt: skip
    assert draw(table.assign(target=np.nan), ["a"], number=Number("price"))["target"] is None


def test_of_many_columns_those_that_tell_most_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from artpulse_assets import plots

    seen: dict[str, list[str]] = {}
    monkeypatch.setattr(
        plots, "histograms", lambda columns, labels: seen.setdefault("names", list(columns)) and b"png"
    )
    noise = pd.DataFrame(RNG.normal(size=(60, 90)), columns=[f"n{i}" for i in range(90)])
    table = pd.concat([frame(), noise], axis=1).assign(told=[0.0] * 40 + [1.0] * 20)
    draw(table, [*noise.columns, "told"])
    assert len(seen["names"]) == 40
    assert seen["names"][-1] == "told"


def test_categories_have_no_outliers_and_no_correlation() -> None:
    table = frame().assign(level=np.arange(60.0) % 3, single=0.0)
    told = summarise(table, ["a", "b", "level", "single"], categories={"level", "single"})
    assert told.constant == ("single",)
    assert [(a, b) for a, b, _ in told.correlated] == [("a", "b")]


def test_written_figures_are_of_this_run_alone(tmp_path: Path) -> None:
    first = write_figures(tmp_path, {"missing_values": b"old", "roc": b"r1"})
    assert first == {name: tmp_path / "figures" / f"{name}.png" for name in ("missing_values", "roc")}
    write_figures(tmp_path, {"missing_values": None, "histograms": b"h2"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()} == {
        "roc.png": b"r1",
        "histograms.png": b"h2",
    }


def test_a_figure_of_another_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.\./x"):
        write_figures(tmp_path, {"roc": b"r", "../x": b"e"})
    assert not list(tmp_path.iterdir())
