"""The matrix itself: every fault is in the document, and what failed or was not tried does not count as held."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.matrix import Matrix, Row
from tests.markdown import ROOT, rows


def report(nodeid: str, outcome: str, when: str = "call", seen: str = "", text: str = "") -> Any:
    properties = [("seen", seen)] if seen else []
    return SimpleNamespace(
        nodeid=nodeid, when=when, outcome=outcome, passed=outcome == "passed", user_properties=properties, longreprtext=text
    )  # fmt: skip


@pytest.mark.smoke
def test_only_what_was_tried_and_passed_has_held() -> None:
    matrix = Matrix(rows={name: Row(name, "expected") for name in "abcd"})
    for outcome in (
        report("a", "passed", "setup"), report("a", "passed", seen="this | that"), report("a", "passed", "teardown"),
        report("b", "failed", text="assert  1 ==\n2"), report("b", "passed", "teardown"),
        report("c", "skipped", "setup", text="needs PostgreSQL"),
        report("d", "passed", seen="well"), report("d", "failed", "teardown", text="left a mess"),
    ):  # fmt: skip
        matrix.pytest_runtest_logreport(outcome)
    assert [row.held for row in matrix.rows.values()] == ["yes", "no", "not tried", "no"]
    assert not matrix.whole()
    lines = matrix.table().splitlines()
    assert lines[2] == "| a | expected | this \\| that | yes |"
    assert "assert 1 == 2" in lines[3]
    assert lines[-1] == "1 of 4 held"


def test_no_faults_are_not_all_held() -> None:
    assert not Matrix().whole()


@pytest.mark.smoke
def test_the_document_holds_every_fault_of_the_code() -> None:
    table = rows(ROOT / "docs" / "reliability.md", "## Faults")
    told = {row[0].replace("\\|", "|") for row in table}
    plain = {text for path in (ROOT / "tests" / "faults").glob("test_*.py") for text in marked(path)}
    assert plain - told == set(), "run python -m tests.faults --write"
    assert {row[3] for row in table} == {"yes"}
    assert len(told) >= 40


def marked(path: Path) -> set[str]:
    """What the marks of one module say, where it is written out and not put together."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault"]  # fmt: skip
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}
