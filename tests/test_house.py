"""The house is in order: sizes, docstrings, reasons, pins, and what an import costs."""

from __future__ import annotations

import io
import re
import runpy
import subprocess
import sys
import tokenize
import types
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LONGEST_MODULE = 300
THIS = Path(__file__).resolve()
CODE = ("artpulse_core", "artpulse_assets", "artpulse_api", "tests", "scripts", "benchmarks")
VENDORED = "artpulse_api/static/"

# Names of a machine, of a person's folders or of an index host, unfinished work, and keys. The words are put
# together here so that this file does not hold them.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/"
    + r"(?:work|root|home/\w+|Users/\w+|opt/wheels)/"
    + r"|/tmp/"
    + r"(?:v|wt|plan)/",
    "an index host": r"python" + r"hosted|index-" + r"url|find-" + r"links|/sim" + r"ple/",
    "unfinished work": r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b|NotImplemented" + r"Error",
    "a private key": r"BEGIN (?:RSA |EC |OPENSSH )?PRIVATE " + r"KEY",
}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is tracked, or new and not ignored; vendored ones left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    kept = (ROOT / name for name in sorted(set(names)) if not name.startswith(VENDORED))
    return tuple(path for path in kept if path.is_file())


def modules() -> list[Path]:
    """The Python modules of the packages, tests, scripts and benchmarks."""
    return [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in CODE]


def name(path: Path) -> str:
    """A path as a person says it."""
    return str(path.relative_to(ROOT))


@pytest.mark.smoke
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in files():
        text = path.read_bytes().decode("utf-8", "replace") if path != THIS else ""
        found += [f"{name(path)}: {hit.group()}" for hit in pattern.finditer(text)]
    assert found == []


@pytest.mark.smoke
def test_modules_are_about_one_idea() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {module: length for module, length in lengths.items() if length > LONGEST_MODULE} == {}


@pytest.mark.smoke
def test_every_module_says_what_it_is() -> None:
    # A hundredth of the time of parsing four hundred modules.
    documented = re.compile(r'(?:\s|#[^\n]*\n)*(?:r?"""\s*\S|$)')
    texts = {name(path): path.read_text(encoding="utf-8") for path in modules()}
    assert [module for module, text in texts.items() if not documented.match(text)] == []


def _comments(path: Path) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


IGNORE = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover|nosec)")
CODES = r"(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w, -]+\]|pragma:\s*no cover|nosec:?\s*\w+)"
REASONED = re.compile(rf"#\s*{CODES}\s*(?:#|-|–|:)\s*\w.*\w{{2,}}")


@pytest.mark.smoke
def test_every_ignore_names_its_code_and_has_its_reason_beside_it() -> None:
    bare = [
        f"{name(path)}:{line}: {text}"
        for path in modules()
        if IGNORE.search(path.read_text(encoding="utf-8"))
        for line, text in _comments(path)
        if IGNORE.search(text) and not REASONED.search(text)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("comment", "fine"),
    [
        ("# noqa: N818 - the field's word is conflict", True),
        ("# type: ignore[attr-defined]  # the stubs lack it", True),
        ("# noqa: S301", False),
        ("# noqa", False),
        ("# type: ignore  # because", False),
    ],
)
def test_a_reason_is_told_from_its_absence(comment: str, fine: bool) -> None:
    assert IGNORE.search(comment)
    assert bool(REASONED.search(comment)) is fine


# --- Packaging -----------------------------------------------------------------------------------------------------
def _setup(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py hands to setuptools."""
    given: dict[str, Any] = {}
    stand_in = types.ModuleType("setuptools")
    stand_in.__dict__.update(setup=lambda **words: given.update(words), find_packages=lambda **_: [])
    monkeypatch.setitem(sys.modules, "setuptools", stand_in)
    building = types.ModuleType("setuptools.command.build_py")
    building.__dict__.update(build_py=object)
    monkeypatch.setitem(sys.modules, "setuptools.command", types.ModuleType("setuptools.command"))
    monkeypatch.setitem(sys.modules, "setuptools.command.build_py", building)
    runpy.run_path(str(ROOT / "setup.py"))
    return given


def test_every_requirement_is_pinned_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    given = _setup(monkeypatch)
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pinned = {canonicalize_name(package): version for package, version in pins.items()}
    wanted = [
        *given["install_requires"],
        *(line for extra in given["extras_require"].values() for line in extra),
    ]
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} has no pin; run scripts/lock.sh"
        assert requirement.specifier.contains(version), f"{requirement} is pinned to {version}"
    assert [line for line in lines if not line.startswith("#")] == sorted(
        (line for line in lines if not line.startswith("#")), key=str.upper
    )


def test_files_that_are_no_code_are_packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = {
        path
        for package, patterns in _setup(monkeypatch)["package_data"].items()
        for pattern in patterns
        for path in (ROOT / package).glob(pattern)
    }
    data = {
        path
        for package in CODE[:3]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".md"}
    }
    assert {name(path) for path in data - packaged} == set()


# --- What an import costs ------------------------------------------------------------------------------------------
LIGHT = {
    "artpulse_core.cli": "mlflow dagster flask sqlalchemy pandas sklearn scipy matplotlib onnxruntime pyarrow",
    "artpulse_assets.definitions": "mlflow dagster_mlflow sklearn scipy matplotlib skl2onnx onnxruntime pandera flask",
}


@pytest.mark.parametrize("module", LIGHT)
def test_importing_it_loads_none_of_the_heavy_libraries(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(set({LIGHT[module].split()!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
