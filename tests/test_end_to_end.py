"""The whole line as a new user runs it: commands in their own processes, real agent, workers, stores and kills."""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from artpulse_core import settings as settings_module
from artpulse_core.control import lineage
from artpulse_core.control.registry import Registry
from artpulse_core.data.generator import generate, picture
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from artpulse_core.store import changes, events
from tests.homes import MODEL, NAME, Home, Serving, believed, database, serving
from tests.waiting import until

pytestmark = pytest.mark.extended
PER_LABEL, SEED = 36, 3
# After which line of its progress a training is killed, and up to how many seconds later. Most blows fall where
# things get names: between the leaderboard and the champion.
BLOWS = (
    ("", 4.0), ("✓ raw", 0.5), ("✓ split", 2.0), ("✓ candidates/logistic", 1.0),
    ("✓ leaderboard", 0.4), ("✓ leaderboard", 1.5), ("✓ leaderboard", 3.0), ("✓ challenger", 0.3),
)  # fmt: skip


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


@pytest.fixture(scope="module")
def beaten(tmp_path_factory: pytest.TempPathFactory, mlflow_store: Path) -> Home:
    """A trained installation whose first eight trainings were killed."""
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


def test_after_eight_killed_trainings_a_clean_one_finds_everything_whole_and_settled(beaten: Home) -> None:
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
        assert lineage.champion_of(changes.history(db, MODEL)) == versions[0].version
    runs = mlflow.MlflowClient(settings.tracking_uri).search_runs([registry.experiment()])
    assert [(run.info.run_name, run.data.tags) for run in runs if run.info.status == "RUNNING"] == []
    assert "KILLED" in {run.info.status for run in runs}
    ended = [run.data.tags.get("artpulse.algorithm") for run in runs if run.info.status == "FINISHED"]
    fitted = [name for name in ended if name is not None]
    assert len(fitted) == len(set(fitted)) > 0  # one run an algorithm, however often it was begun
    assert ended.count(None) >= 1  # the run around a training; a blow may fall after its end
    (chosen,) = [run for run in runs if run.data.tags.get("deployment_ready") == "true"]
    assert chosen.info.status == "FINISHED"
    with instances.instance(settings) as opened:
        stati = [run.status for run in opened.get_runs()]
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
        assert (change["target"], change["served"]) == (
            first + 1,
            "2 of 2 workers of this host answer with it",
        )
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
