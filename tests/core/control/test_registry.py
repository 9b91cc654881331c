"""The registry: bundles go in and come out whole, and whatever MLflow raises is one named error."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artpulse_core.control.describe import describe
from artpulse_core.control.registry import Registry
from artpulse_core.errors import BundleError, RegistryError
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from artpulse_core.settings import Settings
from tests.bundles import LABELS, make_bundle, picture
from tests.core.control.conftest import MODEL, House
from tests.servers import free_port
from tests.waiting import until


def logged(registry: Registry, folder: Path, model: str = MODEL) -> int:
    run_id = registry.start_run("test", {"purpose": "test"})
    uri = registry.log_bundle(folder, run_id=run_id, model=model)
    registry.end_run(run_id)
    return registry.register(model, uri, run_id=run_id, digest=bundle.digest_of(folder), tags={"key": "k1"})


def test_a_bundle_comes_back_byte_for_byte(mlflow_home: Settings, tmp_path: Path) -> None:
    registry = Registry(mlflow_home)
    digest = make_bundle(tmp_path / "made")
    version = logged(registry, tmp_path / "made")
    found = registry.download(MODEL, version, tmp_path / "deep" / "fetched")
    assert bundle.verify(found, digest).problem == "art_core5"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["fetched"]
    info = registry.find_by_key(MODEL, "k1")
    assert info is not None
    assert (info.version, info.digest, info.tags["key"]) == (version, digest, "k1")
    assert registry.find_by_key(MODEL, "k2") is None


def test_a_broken_bundle_is_not_logged(mlflow_home: Settings, tmp_path: Path) -> None:
    make_bundle(tmp_path / "made")
    (tmp_path / "made" / "model.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        Registry(mlflow_home).log_bundle(tmp_path / "made", run_id="x", model=MODEL)


def test_mlflow_loads_the_model_and_answers_as_the_predictor(mlflow_home: Settings, tmp_path: Path) -> None:
    import mlflow
    import pandas as pd

    registry = Registry(mlflow_home)
    for problem, model in (("art_core5", MODEL), ("art", "artpulse-art")):
        make_bundle(tmp_path / problem, problem=problem)
        registry.set_alias(model, "champion", logged(registry, tmp_path / problem, model))
    predictor = Predictor(bundle.load(tmp_path / "art_core5"))
    rows = pd.DataFrame(
        [[0.1, 0.2, 0.3, 0.4, 0.5], [0.9, 0.1, 0.5, 0.0, 1.0]], columns=predictor.bundle.contract.names
    )
    answer = mlflow.pyfunc.load_model(f"models:/{MODEL}@champion").predict(rows)
    direct = predictor.predict(rows.to_numpy())
    assert list(answer["label"]) == [LABELS[place] for place in direct.predictions]
    assert answer[[f"probability_{label}" for label in LABELS]].to_numpy() == pytest.approx(
        direct.probabilities
    )

    data = picture(5)
    loaded = mlflow.pyfunc.load_model("models:/artpulse-art@champion")
    raw = loaded.predict(pd.DataFrame({"image": [data]}))
    text = loaded.predict(pd.DataFrame({"image": [base64.b64encode(data).decode()]}))
    direct = Predictor(bundle.load(tmp_path / "art")).predict(
        Predictor(bundle.load(tmp_path / "art")).features_of(data)[None]
    )
    assert raw["label"][0] == text["label"][0] == LABELS[direct.predictions[0]]


def test_an_empty_registry_answers_with_nothing(mlflow_home: Settings) -> None:
    registry = Registry(mlflow_home)
    assert (registry.aliases("no-model"), registry.versions("no-model")) == ({}, [])
    assert registry.version("no-model", 1) is None
    registry.delete_alias("no-model", "champion")


@pytest.mark.parametrize("name", ["it's", "a`b", "a\\b"])
def test_a_name_that_would_change_the_query_is_refused(mlflow_home: Settings, name: str) -> None:
    with pytest.raises(RegistryError):
        Registry(mlflow_home).versions(name)
    with pytest.raises(RegistryError):
        Registry(mlflow_home).find_by_key("m", name)


def test_what_is_missing_is_a_registry_error_and_leaves_no_folder(
    mlflow_home: Settings, tmp_path: Path
) -> None:
    registry = Registry(mlflow_home)
    with pytest.raises(RegistryError):
        registry.download("no-model", 1, tmp_path / "out" / "x")
    with pytest.raises(RegistryError):
        registry.set_alias("no-model", "champion", 1)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.extended
def test_a_tracking_server_that_is_away_is_named_soon(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from artpulse_core import settings\n"
        "from artpulse_core.control.registry import Registry\n"
        "from artpulse_core.errors import RegistryError\n"
        "registry = Registry(settings.load({'MLFLOW_TRACKING_URI': 'http://127.0.0.1:9', 'ARTPULSE_HOME': sys.argv[1]}))\n"
        "registry._client()\n"
        "started = time.monotonic()\n"
        "try:\n"
        "    registry.aliases('m')\n"
        "except RegistryError:\n"
        "    print('named' if time.monotonic() - started < 20 else 'late')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=90, check=True
    )
    assert done.stdout == "named\n"


def test_importing_control_does_not_import_mlflow() -> None:
    script = "import sys, artpulse_core.control.promotion, artpulse_core.control.describe; print('mlflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_a_model_is_described_with_reasons(three: House) -> None:
    three.rollback()
    found = describe(three.db, three.registry, MODEL)
    assert found["aliases"] == {"champion": 1, "challenger": 3}
    assert (found["unaudited"], found["chain"]) == (False, None)
    assert [(item["version"], item["rejected"]) for item in found["versions"]] == [
        (3, False),
        (2, True),
        (1, False),
    ]
    assert found["versions"][1]["verdict"] == {"decision": "promote", "rules": []}
    assert found["changes"][0]["reason"] == "worse"
    assert (found["rollout"]["mode"], found["rollout"]["primary"], found["frozen"]) == ("single", 1, None)
    three.start(3, 1, percent=20)
    three.freeze()
    found = describe(three.db, three.registry, MODEL)
    assert (found["rollout"]["secondary"], found["rollout"]["percent"]) == (3, 20.0)
    assert found["frozen"]["reason"] == "a quiet night"
    three.registry.set_alias(MODEL, "champion", 3)
    assert describe(three.db, three.registry, MODEL)["unaudited"]


@pytest.mark.extended
def test_a_tracking_server_takes_and_gives_bundles_as_a_file_store_does(tmp_path: Path) -> None:
    port = free_port()
    store = f"sqlite:///{tmp_path / 'server.db'}"
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(tmp_path / "artifacts")]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from artpulse_core import settings\n"
        "from artpulse_core.control.registry import Registry\n"
        "from artpulse_core.model import bundle\n"
        "from tests.bundles import make_bundle\n"
        "folder = Path(sys.argv[2])\n"
        "registry = Registry(settings.load({'MLFLOW_TRACKING_URI': sys.argv[1]}, home=folder / 'home'))\n"
        "digest = make_bundle(folder / 'made')\n"
        "run_id = registry.start_run('test')\n"
        "uri = registry.log_bundle(folder / 'made', run_id=run_id, model='m')\n"
        "version = registry.register('m', uri, run_id=run_id, digest=digest, tags={'key': 'k'})\n"
        "registry.set_alias('m', 'champion', version)\n"
        "bundle.verify(registry.download('m', version, folder / 'fetched'), digest)\n"
        "print(registry.aliases('m'), registry.find_by_key('m', 'k').digest == digest)\n"
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(port) or server.poll() is not None, 90)
        done = subprocess.run(
            [sys.executable, "-c", script, url, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    assert done.stdout == "{'champion': 1} True\n", done.stderr


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
