"""Fixtures for tests of ``?explain``: a home with a problem of every kind released, and the application on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from artpulse_api import serving
from artpulse_api.app import create_app
from artpulse_core import settings
from tests.releases import publish
from tests.tables import TEXTS

MakeApp = Callable[..., Flask]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two problems of tables and two of pictures released, made once; copy it."""
    home = tmp_path_factory.mktemp("explained")
    publish(home / "run", {"doors": 1, "patients": 1, "art_core5": 1, "art": 1})
    (home / "problems").mkdir()
    for name, text in TEXTS.items():
        (home / "problems" / f"{name}.toml").write_text(text, encoding="utf-8")
    return home


@pytest.fixture
def place(tmp_path: Path, published: Path) -> Path:
    """A copy of that home."""
    shutil.copytree(published, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def make(place: Path) -> Iterator[MakeApp]:
    """The application on it."""
    made: list[Flask] = []

    def build() -> Flask:
        names = ("doors", "patients", "art_core5", "art")
        app = create_app(settings.load({}, home=place, problems=names, default_problem="art_core5"))
        serving.of(app).live.refresh()
        made.append(app)
        return app

    yield build
    for app in made:
        serving.of(app).shadow.stop()


@pytest.fixture
def client(make: MakeApp) -> FlaskClient:
    """A client of it."""
    return make().test_client()
