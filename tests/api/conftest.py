"""Fixtures: a real release of two problems on disk, and the application on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from artpulse_api import serving
from artpulse_api.app import create_app
from artpulse_core import settings
from tests.releases import publish

MakeApp = Callable[..., Flask]


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with version 1 of both problems, made once; copy it."""
    run = tmp_path_factory.mktemp("released") / "run"
    publish(run, {"art_core5": 1, "art": 1})
    return run


@pytest.fixture
def home(tmp_path: Path, released: Path) -> Path:
    """A home of its own with the release in place."""
    shutil.copytree(released, tmp_path / "run")
    return tmp_path


@pytest.fixture
def make_app(home: Path) -> Iterator[MakeApp]:
    """Build the application on ``home``; keyword arguments are settings by field name."""

    made: list[Flask] = []

    def make(*, load: bool = True, clock: Callable[[], float] = time.time, **overrides: Any) -> Flask:
        app = create_app(settings.load({}, home=home, **overrides), clock=clock)
        made.append(app)
        if load:
            serving.of(app).live.refresh()
        return app

    yield make
    for app in made:
        serving.of(app).shadow.stop()


@pytest.fixture
def client(make_app: MakeApp) -> FlaskClient:
    """A client of the application without keys on loopback."""
    return make_app().test_client()
