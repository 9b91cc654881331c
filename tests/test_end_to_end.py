"""The whole line as a new user runs it: commands in their own processes, real agent, workers, stores and kills."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image

from artpulse_core import settings as settings_module
from artpulse_core.control.registry import Registry
from artpulse_core.data.generator import generate, picture
from artpulse_core.features.batches import read_batches
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from artpulse_core.settings import Settings
from artpulse_core.store import changes, events
from artpulse_core.store.database import Database
from tests.homes import Home, Serving, serving
from tests.require import require
from tests.waiting import until

pytestmark = pytest.mark.extended
NAME, MODEL = "art_core5", "artpulse-classifier"
PER_LABEL, SEED = 36, 3
# After which line of its progress a training is killed, and up to how many seconds later. Most blows fall where
# things get names: between the leaderboard and the champion.
BLOWS = (
    ("", 4.0), ("✓ raw", 0.5), ("✓ dataset", 0.5), ("✓ split", 2.0), ("✓ candidates/logistic", 1.0),
    ("✓ leaderboard", 0.4), ("✓ leaderboard", 1.5), ("✓ leaderboard", 3.0), ("✓ challenger", 0.3),
)  # fmt: skip


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.database)
    try:
        yield opened
    finally:
        opened.dispose()


def kill_at(home: Home, line: str, seconds: float) -> bool:
    """Start a training and kill it ``seconds`` after ``line``; False when it ended before."""
    process = home.start("train", "--problem", NAME)
    assert process.stderr is not None
    if line:
        for said in process.stderr:
            if said.decode().strip().startswith(line):
                break
    time.sleep(seconds)
    alive = process.poll() is None
    process.kill()
    process.communicate()
    return alive


def believed(settings: Settings) -> None:
    """Every file that has its name is whole, and what is registered is what the table says."""
    home = settings.home
    for path in [
        *(home / "assets").rglob("[!.]*.json"),
        *(home / "artifacts").rglob("[!.]*.json"),
        *(home / "splits").glob("[!.]*.json"),
    ]:
        orjson.loads(path.read_bytes())
    for path in (home / "assets").rglob("[!.]*.parquet"):
        pq.read_table(path)
    for folder in (settings.cache / "features").glob("*"):
        named = list(folder.glob("[!.]*.npz"))
        assert len(read_batches(folder)) == len(named)
    for place in (settings.cache / "results" / "bundles").glob("[!.]*"):
        bundle.verify(place)
    registry = Registry(settings)
    if not (home / "artpulse.db").exists():
        return
    with database(settings) as db:
        db.migrate()
        assert changes.verify_chain(db) is None
        champion = registry.alias(MODEL, "champion")
        for row in changes.history(db, MODEL):
            assert row.state in {"done", "open", "undone"}
        assert champion is None or registry.version(MODEL, champion).digest


@pytest.fixture(scope="module")
def beaten(tmp_path_factory: pytest.TempPathFactory, mlflow_store: Path) -> Home:
    """A trained installation whose first nine trainings were killed."""
    home = Home(tmp_path_factory.mktemp("beaten") / "home")
    home.path.mkdir()
    shutil.copy(mlflow_store, home.path / "mlflow.db")
    generate(home.path / "data" / "art", per_label=PER_LABEL, seed=SEED)
    settings = settings_module.load({}, home=home.path)
    chance = random.Random(SEED)
    split = home.path / "splits" / f"{NAME}.json"
    kept = None
    for line, seconds in BLOWS:
        kill_at(home, line, chance.uniform(0, seconds))
        believed(settings)
        assert kept is None or split.read_bytes() == kept
        kept = split.read_bytes() if split.exists() else None
    trained = home.json("train", "--problem", NAME)["trained"][0]
    assert (trained["problem"], trained["champion"]) == (NAME, trained["version"])
    return home


def test_after_nine_killed_trainings_a_clean_one_finds_everything_whole_and_settled(beaten: Home) -> None:
    import dagster as dg
    import mlflow

    from artpulse_assets import instance as instances

    settings = settings_module.load({}, home=beaten.path)
    believed(settings)
    registry = Registry(settings)
    versions = registry.versions(MODEL)
    assert len({info.tags["key"] for info in versions}) == len(versions) == 1
    assert registry.aliases(MODEL) == {"champion": versions[0].version}
    with database(settings) as db:
        assert changes.open_rows(db) == []
        assert changes.registration(db, MODEL, versions[0].version) is not None
        assert changes.last_champion(db, MODEL).target == versions[0].version
    runs = mlflow.MlflowClient(settings.tracking_uri).search_runs([registry.experiment()])
    assert "RUNNING" not in {run.info.status for run in runs}
    assert "KILLED" in {run.info.status for run in runs}
    done = [run.data.tags.get("artpulse.algorithm") for run in runs if run.info.status == "FINISHED"]
    assert len(done) == len(set(done))  # the umbrella and one run an algorithm
    (chosen,) = [run for run in runs if run.data.tags.get("deployment_ready") == "true"]
    assert chosen.info.status == "FINISHED"
    with instances.instance(settings) as opened:
        stati = [run.status for run in opened.get_runs()]
        assert stati.count(dg.DagsterRunStatus.SUCCESS) == 1
        assert set(stati) == {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED}
    assert len(list((settings.cache / "results").glob("*/.making-*"))) <= len(BLOWS)


def status_of(home: Home) -> tuple[int, str, set[int], bool]:
    """Version served, by whom, versions of the workers, and whether the agent is up."""
    document = home.json("status")
    slot = document["problems"][NAME]["slots"]["primary"]
    workers = {worker["problems"][NAME]["version"] for worker in document["workers"]}
    assert len(document["workers"]) == 2
    return slot["version"], slot["by"].replace(" ", ":").partition(":")[0], workers, document["agent"]


class Load:
    """Two clients that never stop asking; each answer is checked against the bundle it names."""

    def __init__(self, served: Serving, data: bytes) -> None:
        self.answers: list[tuple[int, int, int, list[float]]] = []
        self._served, self._data = served, data
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            status, headers, body = self._served.ask(
                "POST", f"/predict/{NAME}/image", self._data, kind="image/jpeg"
            )
            if status != 200:
                self.answers.append((status, 0, 0, []))
                continue
            found = list(body["probabilities"][0].values())
            self.answers.append((status, int(headers["X-Model-Version"]), body["version"], found))
            self._stop.wait(0.01)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_picture_is_answered_learned_from_and_answered_by_its_successor(beaten: Home) -> None:
    home = beaten
    settings = settings_module.load({}, home=home.path)
    first = Registry(settings).alias(MODEL, "champion")
    with serving(home) as served:
        assert status_of(home) == (first, "dagster", {first}, True)
        data = picture("vibrant", 900, seed=SEED)
        status, headers, body = served.ask("POST", f"/predict/{NAME}/image", data, kind="image/jpeg")
        assert (status, body["version"], headers["X-Model-Version"]) == (200, first, str(first))
        assert body["mlflow_model_uri"] == f"models:/{MODEL}/{first}"
        row = body["features"]
        status, headers, told = served.ask("POST", "/predict", row)
        assert (status, told["version"], told["labels"]) == (200, first, body["labels"])
        truth = {"request_id": body["request_id"], "label": "vibrant"}
        assert served.ask("POST", "/feedback", truth)[0] in {200, 201, 202}

        generate(home.path / "data" / "art", per_label=8, seed=SEED, start=PER_LABEL)
        made = home.json("retrain", "--problem", NAME)["trained"][0]
        assert (made["version"], made["champion"]) == (first + 1, first)
        assert made["decision"] in {"promote", "reject", "inconclusive"}
        paths = pq.read_table(home.path / "assets" / NAME / "dataset.parquet")["path"].to_pylist()
        assert f"feedback:{body['request_id']}:0" in paths
        assert status_of(home) == (first, "dagster", {first}, True)

        pids = {process.pid for process in served.processes()}
        load = Load(served, data)
        change = home.json("promote", NAME, "--override", "--reason", "the test wants it")
        assert (change["target"], change["served"]) == (first + 1, "this host has been told")
        until(lambda: status_of(home)[2] == {first + 1}, 60)
        assert status_of(home) == (first + 1, "cli", {first + 1}, True)
        begun = time.monotonic()
        change = home.json("rollback", NAME, "--reason", "the test wants it")
        until(lambda: served.ask("POST", "/predict", row)[2]["version"] == first)
        took = time.monotonic() - begun
        until(lambda: status_of(home)[2] == {first}, 60)
        load.end()
        assert took < 20  # three on a machine that does nothing else; most of it is the start of the command
        assert {process.pid for process in served.processes()} == pids

        assert {status for status, *_ in load.answers} == {200}
        assert {version for _, version, _, _ in load.answers} == {first, first + 1}
        models = {
            version: Predictor(bundle.load(path, digest))
            for version in (first, first + 1)
            for digest in [Registry(settings).version(MODEL, version).digest]
            for path in [served.run / "bundles" / digest.removeprefix("sha256:")]
        }
        numbers = np.array([[row[name] for name in models[first].bundle.manifest.feature_names]])
        wanted = {version: model.predict(numbers).probabilities[0] for version, model in models.items()}
        for _, header, version, found in load.answers:
            assert header == version
            assert np.abs(np.array(found) - wanted[version]).max() < 1e-6
        below = served.processes()
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0
        assert not [
            process for process in below if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]
    with database(settings) as db:
        assert events.count(db, NAME) >= len(load.answers) + 2
        assert changes.open_rows(db) == []
        assert changes.verify_chain(db) is None


def nasty(root: Path, good: dict[str, list[bytes]]) -> dict[str, str]:
    """A folder with enough good pictures under odd labels and one of each broken kind; name → reason expected."""
    for label, pictures in good.items():
        (root / label).mkdir(parents=True)
        for number, data in enumerate(pictures):
            (root / label / f"{number}.jpg").write_bytes(data)
    first, second = (root / label for label in list(good)[:2])
    one = next(iter(good.values()))
    files = {
        "torn.jpg": one[0][: len(one[0]) // 2],
        "empty.jpg": b"",
        "text.jpg": b"I am not a picture, whatever my name says.",
        "bomb.png": encoded(Image.new("1", (12000, 12000)), "PNG"),
        "dot.png": encoded(Image.new("RGB", (1, 1)), "PNG"),
        "heavy.jpg": one[1] + bytes(11 * 1024 * 1024),
        "again.jpg": one[2],
        "both.jpg": picture("surreal", 3000, seed=SEED),
        "renamed.png": picture("neo-pop", 3001, seed=SEED),  # a JPEG: told by its content and used
        "moving.gif": moving(picture("neo-pop", 3002, seed=SEED), picture("neo-pop", 3003, seed=SEED)),
    }
    for name, data in files.items():
        (first / name).write_bytes(data)
    (second / "both.jpg").write_bytes(files["both.jpg"])
    (first / "outside.jpg").symlink_to("/etc/hostname")
    (first / "dangling.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(first / "pipe.jpg")
    return {
        "torn.jpg": "truncated", "empty.jpg": "empty_file", "text.jpg": "not_an_image", "bomb.png": "too_many_pixels",
        "dot.png": "side_too_short", "heavy.jpg": "file_too_large", "outside.jpg": "link_leaves_root",
        "dangling.jpg": "link_dangling", "pipe.jpg": "not_a_file", "both.jpg": "label_conflict",
    }  # fmt: skip


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def moving(*pictures: bytes) -> bytes:
    first, *more = [Image.open(io.BytesIO(data)) for data in pictures]
    return encoded(first, "GIF", save_all=True, append_images=more)


def test_a_folder_with_every_kind_of_broken_file_and_odd_labels_gives_a_model_and_a_quarantine(
    mlflow_store: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    shutil.copy(mlflow_store, home.path / "mlflow.db")
    kinds = {"neo pop & more": "neo-pop", "单色 – été": "monochrome", "caf\udce9": "minimal"}
    good = {
        label: [picture(kind, number, seed=SEED) for number in range(40)] for label, kind in kinds.items()
    }
    root = tmp_path / "art"
    expected = nasty(root, good)
    home.more["DATASET_DIR"] = str(root)
    trained = home.json("train", "--problem", NAME)["trained"][0]
    assert trained["champion"] == trained["version"]
    text = (home.path / "artifacts" / NAME / "quarantine.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    found = {row["path"].rpartition("/")[2]: row["reason"] for row in rows}
    assert (
        found.pop("2.jpg", "duplicate") == "duplicate"
    )  # the other of two equal files, whichever came first
    expected.pop("again.jpg")
    assert {name: found.get(name) for name in expected} == expected
    assert all(row["message"] for row in rows)
    assert {"renamed.png", "moving.gif"}.isdisjoint(found)
    code, out, err = home.run("predict", str(root / "neo pop & more" / "1.jpg"), "--json")
    assert code == 0, err
    assert "caf\\\\xe9" in out and "\\u5355" in out


@pytest.mark.parametrize("bytes_left", [60_000, 700_000])
def test_a_training_on_a_disk_that_is_full_fails_with_a_sentence_and_leaves_nothing_half_written(
    bytes_left: int, mlflow_store: Path, tmp_path: Path
) -> None:
    place = Path(os.path.realpath(tmp_path)) / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        require("the right to mount a small disk", "run it as root")
    try:
        home = Home(place / "home")
        home.path.mkdir()
        shutil.copy(mlflow_store, home.path / "mlflow.db")
        root = tmp_path / "art"
        generate(root, per_label=12, seed=SEED)
        home.more["DATASET_DIR"] = str(root)
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        (place / "filler").write_bytes(b"x" * (free - bytes_left))
        code, _, err = home.run("train", "--problem", NAME)
        last = err.strip().splitlines()[-1]
        assert code in {65, 69, 73, 74}, err
        assert last.startswith("artpulse: "), err
        assert "space" in last or "full" in last or "(0 MiB free)" in last, last
        assert "Traceback" not in err, err
        (place / "filler").unlink()
        settings = settings_module.load({}, home=home.path)
        believed(settings)
        assert Registry(settings).aliases(MODEL) == {}
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_definitions_over_a_wrong_problem_file_fail_with_the_sentence_that_the_command_says(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    (home.path / "problems").mkdir(parents=True)
    (home.path / "problems" / "mine.toml").write_text('name = "mine"\ncolour = "red"\n')
    code, _, said = home.run("train", "--problem", "mine")
    assert code == 65
    sentence = said.strip().removeprefix("artpulse: ")
    command = [
        sys.executable,
        "-m",
        "dagster",
        "definitions",
        "validate",
        "-m",
        "artpulse_assets.definitions",
    ]
    done = subprocess.run(
        command, env=home.environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
