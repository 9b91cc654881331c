"""The page on problem files names every key with its default, every algorithm and every metric, and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from artpulse_assets.pipeline.estimators import MAKERS
from artpulse_core import features
from artpulse_core.data import problem, problem_rules, problems
from artpulse_core.data.limits import Quality
from artpulse_core.data.problem_source import Part
from artpulse_core.features import table
from tests.markdown import ROOT, rows, spans

PAGE = ROOT / "docs" / "problems.md"
TABLES: dict[str, type[Part]] = {
    "## Head": problem.Problem,
    "## Source of pictures": problem.Images,
    "## Source of a table": problem.TableFile,
    "### Ratios": problem.Ratio,
    "## Target": problem.TargetText,
    "## Fields": problem.FieldText,
    "## Rules": problem.RuleText,
    "## Decision": problem.Decision,
    "## Training": problem.Training,
    "## Card": problem.Card,
}
FOUND = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
EXAMPLES = {text.split('"')[1]: text for text in FOUND}


def written(item: FieldInfo) -> str:
    """A default as the page writes it."""
    if item.is_required():
        return "needed"
    value = item.get_default(call_default_factory=True)
    if isinstance(value, Part | Quality) or value in (None, "", (), {}):
        return ""
    return f"`{json.dumps(value)}`"


@pytest.mark.smoke
@pytest.mark.parametrize("heading", TABLES)
def test_every_key_stands_there_with_its_default(heading: str) -> None:
    listed = [(spans(row[0])[0], row[1]) for row in rows(PAGE, heading)]
    assert listed == [(name, written(item)) for name, item in TABLES[heading].model_fields.items()]
    assert all(row[2] for row in rows(PAGE, heading))


def test_no_part_of_a_problem_file_is_left_out() -> None:
    parts = {kind for kind in vars(problem).values() if isinstance(kind, type) and issubclass(kind, Part)}
    assert parts - {Part} == set(TABLES.values())


def test_the_algorithms_are_those_there_are() -> None:
    listed = {row[0]: spans(row[1]) for row in rows(PAGE, "### Algorithms")}
    assert listed == {task: list(makers) for task, makers in MAKERS.items()}


def test_metrics_and_feature_sets_are_those_there_are() -> None:
    meanings = {name: row[2] for heading in TABLES for row in rows(PAGE, heading) for name in spans(row[0])}
    metrics = [*problem_rules.CLASSIFICATION_METRICS, *problem_rules.REGRESSION_METRICS]
    assert spans(meanings["metric"]) == metrics
    sets = {name for name in spans(meanings["features"]) if name != "+" and ":" not in name}
    assert sets == {*features.names(), *table.names()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_problem(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(EXAMPLES[name], encoding="utf-8")
    assert problems.read(path).name == name


def test_there_is_an_example_of_each_kind() -> None:
    lines = re.compile(r'^(?:task|kind) = "(\w+)"', re.MULTILINE)
    found = [tuple(lines.findall(text)[:2]) for text in EXAMPLES.values()]
    assert found == [("classification", "images"), ("classification", "table"), ("regression", "table")]
