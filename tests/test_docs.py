"""The documents say what the code does, and the code does nothing the documents leave out."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from artpulse_core import errors
from artpulse_core.settings import variables
from scripts import check_links, configuration_table
from tests.markdown import ROOT, code, pages, rows, spans

DOCS = ROOT / "docs"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PACKAGES = ("artpulse_core", "artpulse_assets", "artpulse_api")


def modules(*folders: str) -> list[Path]:
    """The Python files below these folders of the checkout."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


# --- Links and rooms -----------------------------------------------------------------------------------------------
@pytest.mark.smoke
@pytest.mark.parametrize("page", check_links.documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert check_links.dead(page) == []


def test_a_dead_link_and_a_missing_heading_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_links, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# One two\n[a](gone.md) [b](#one-two) [c](#three) [d](https://example.org/x) `[e](f)`\n")
    assert check_links.dead(page) == ["page.md: gone.md is not there", "page.md: #three has no such heading"]


@pytest.mark.smoke
def test_every_room_of_the_packages_is_in_the_table_of_rooms() -> None:
    table = "\n".join(cell for row in rows(DOCS / "architecture.md", "## Rooms") for cell in row)
    linked = {(DOCS / target).resolve().relative_to(ROOT) for target in re.findall(r"\]\(([^)]+)\)", table)}
    rooms = {path.parent.relative_to(ROOT) for path in modules(*PACKAGES)}
    rooms = {room for room in rooms if "migrations" not in room.parts}
    assert rooms - {path.parent for path in linked} == set()


def test_decision_records_are_numbered_without_gaps_and_listed() -> None:
    names = [path.name for path in sorted((DOCS / "adr").glob("*.md"))]
    listed = re.findall(r"^- \[(\d{4}) [^\]]+\]\(adr/([^)]+)\)", (DOCS / "architecture.md").read_text(), re.M)
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]
    assert [name for _, name in listed] == names


# --- Settings ------------------------------------------------------------------------------------------------------
@pytest.mark.smoke
def test_the_table_of_settings_is_the_one_the_code_gives() -> None:
    text = configuration_table.DOCUMENT.read_text(encoding="utf-8")
    assert configuration_table.rewritten(text) == text, "run scripts/configuration_table.py"
    assert {spans(row[0])[0] for row in rows(DOCS / "configuration.md", "## Variables")} == set(variables())


def read_from_the_environment(tree: ast.AST) -> Iterator[str]:
    """The names that code reads from the environment, as ``os.environ[…]``, ``os.environ.get(…)`` or ``os.getenv(…)``."""
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(ast.Attribute(ast.Name("os"), "environ"), ast.Constant(str(name)), ast.Load()):
                yield name
            case ast.Call(
                ast.Attribute(ast.Attribute(ast.Name("os"), "environ"), "get"), [ast.Constant(str(name)), *_]
            ):
                yield name
            case ast.Call(ast.Attribute(attr="getenv"), [ast.Constant(str(name)), *_]):
                yield name


def test_no_variable_is_read_that_the_documents_do_not_name() -> None:
    read = {
        name
        for path in modules(*PACKAGES, "tests")
        for name in read_from_the_environment(ast.parse(path.read_text(encoding="utf-8")))
    }
    documented = {name for row in rows(DOCS / "configuration.md") for name in spans(row[0])}
    assert "ARTPULSE_REQUIRE_ALL" in read
    assert read - documented - {"PATH"} == set()


# --- Make ----------------------------------------------------------------------------------------------------------
def targets() -> set[str]:
    """The targets a person may type."""
    found = re.findall(r"^([a-z][a-z -]*):(?!=)", MAKEFILE, re.MULTILINE)
    return {name for names in found for name in names.split()}


@pytest.mark.smoke
def test_make_help_lists_every_target_with_a_line() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    lines = dict(line.strip().split(maxsplit=1) for line in shown.splitlines())
    assert set(lines) == targets()
    assert all(lines.values())


@pytest.mark.smoke
def test_every_target_is_phony_so_that_a_file_of_its_name_changes_nothing() -> None:
    phony = {
        name for names in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE) for name in names.split()
    }
    assert phony == targets()


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    named = {name for line in code(page) for name in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", line)}
    assert named - targets() == set()


def test_every_benchmark_is_a_file_and_is_named_in_the_readme() -> None:
    files = {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
    default = re.search(r"^BENCHMARKS \?= (.+)$", MAKEFILE, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert default is not None
    assert set(default[1].split()) - files == set()
    assert {
        name for name in files if f"BENCHMARKS={name}" not in readme and f"benchmarks.{name} " not in readme
    } == set()


# --- Command line --------------------------------------------------------------------------------------------------
def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        if not inner.hidden:
            yield from leaves(inner, (*path, name))


@cache
def commands() -> dict[str, click.Command]:
    """The commands of ``artpulse``."""
    from artpulse_core import cli

    groups = [value for value in vars(cli).values() if isinstance(value, click.Group)]
    return max((dict(leaves(group)) for group in groups), key=len)


def options(command: click.Command) -> set[str]:
    """The long and short options a command takes."""
    return {"--help"} | {name for part in command.params for name in (*part.opts, *part.secondary_opts)}


def test_the_list_of_commands_is_the_one_the_code_gives() -> None:
    listed = [spans(row[0])[0].removeprefix("artpulse ") for row in rows(DOCS / "commands.md", "# Commands")]
    assert sorted(listed) == sorted(commands())


def test_an_option_named_beside_a_command_is_one_of_its_options() -> None:
    for name, meaning in rows(DOCS / "commands.md", "# Commands"):
        taken = options(commands()[spans(name)[0].removeprefix("artpulse ")])
        named = {span.split()[0] for span in spans(meaning) if span.startswith("--")}
        assert named - taken == set(), name


STAYS_UP = {"demo", "serve"}  # they tell what happens while it happens, and end when they are stopped


def test_every_command_takes_json() -> None:
    assert {name for name, command in commands().items() if "--json" not in options(command)} == STAYS_UP


def calls(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The words after ``artpulse`` in each line that calls it."""
    for line in lines:
        for rest in re.findall(r"(?:^|[\s/])artpulse +([a-z].*)", line):
            yield line, rest.replace("$(of_problem)", "--problem NAME")


@pytest.mark.parametrize(
    "page", [*pages(), ROOT / "Makefile", ROOT / ".ci" / "run"], ids=lambda path: path.name
)
def test_every_call_a_page_shows_is_a_command_with_its_options(page: Path) -> None:
    lines = code(page) if page.suffix == ".md" else page.read_text(encoding="utf-8").splitlines()
    for line, rest in calls([line for line in lines if not line.startswith("#")]):
        words = rest.split()
        called = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in commands()), None)
        assert called is not None, f"no such command: {line}"
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest))
        assert named - options(commands()[called]) == set(), line


def named_errors() -> dict[str, tuple[int, str]]:
    """Exit code and code of every error of the family, in whichever module it stands."""
    kinds = {"ArtPulseError": (errors.ArtPulseError.exit_code, errors.ArtPulseError.code)}
    classes = [
        node
        for path in [ROOT / "artpulse_core" / "errors.py", *modules(*PACKAGES)]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.bases
    ]
    for node in classes:
        family = kinds.get(ast.unparse(node.bases[0]))
        if family is not None:
            own = {
                ast.unparse(part.targets[0]): ast.literal_eval(part.value)
                for part in node.body
                if isinstance(part, ast.Assign)
            }
            kinds[node.name] = (own.get("exit_code", family[0]), own.get("code", family[1]))
    return kinds


@pytest.mark.smoke
def test_exit_codes_are_those_of_the_errors() -> None:
    listed = {
        (int(row[0]), word) for row in rows(DOCS / "commands.md", "## Exit codes") for word in spans(row[1])
    }
    assert listed == set(named_errors().values())


# --- HTTP ----------------------------------------------------------------------------------------------------------
def test_the_list_of_routes_is_the_one_the_code_declares() -> None:
    from artpulse_api.views import ENDPOINTS

    listed = {(*spans(row[0])[0].split(), row[1]) for row in rows(DOCS / "http.md", "# HTTP")}
    declared = {
        (route.method, re.sub(r"<\w+:", "<", route.rule), route.role): route.documented for route in ENDPOINTS
    }
    assert listed - set(declared) == set()
    assert {route for route, documented in declared.items() if documented} - listed == set()


def test_the_list_of_refusals_is_the_one_the_code_declares() -> None:
    from artpulse_api.views import ENDPOINTS

    listed = {int(status) for row in rows(DOCS / "http.md", "## Errors") for status in row[0].split(", ")}
    anywhere = {405, 500}  # wrong method, our own fault: no route has to declare them
    assert listed == anywhere | {status for route in ENDPOINTS for status in route.refusals}


def metrics() -> dict[str, tuple[str, ...]]:
    """Every metric a module makes, with its labels."""
    found = {}
    for path in modules("artpulse_api", "artpulse_core/agent"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            maker = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if maker in {"Counter", "Gauge", "Histogram", "Summary"} and isinstance(
                node.args[0], ast.Constant
            ):
                labels = ast.literal_eval(node.args[2]) if len(node.args) > 2 else ()
                found[str(node.args[0].value)] = tuple(labels)
    return found


def test_the_list_of_metrics_is_the_one_the_code_makes() -> None:
    listed = {spans(row[0])[0]: tuple(spans(row[1])) for row in rows(DOCS / "http.md", "## Metrics")}
    assert listed == metrics()
