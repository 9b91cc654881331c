"""What a request worker may hold in memory, looked at in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
from artpulse_api import serving
from artpulse_api.wsgi import app
serving.of(app).live.refresh()
client = app.test_client()
row = {"hue_mean": 0.1, "sat_mean": 0.7, "val_mean": 0.6, "contrast": 0.5, "edges": 0.1}
row_status = client.post("/predict", json=row).status_code
image_status = client.post("/predict-image", data=open(sys.argv[1], "rb").read(), content_type="image/jpeg").status_code
docs = client.get("/openapi.json").status_code
print(json.dumps({"answers": [row_status, image_status, docs], "modules": sorted(sys.modules)}))
"""
FORBIDDEN = {
    "pandas",
    "sklearn",
    "scipy",
    "mlflow",
    "sqlalchemy",
    "alembic",
    "dagster",
    "pandera",
    "matplotlib",
    "onnx",
}


def test_a_worker_that_answers_rows_and_pictures_never_imports_the_heavy_libraries(home: Path) -> None:
    from tests.bundles import picture

    (home / "p.jpg").write_bytes(picture(0))
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ARTPULSE_HOME": str(home),
        "ARTPULSE_RUN_DIR": "",
        "API_KEYS": "",
    }
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(home / "p.jpg")]
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["answers"] == [200, 200, 200]
    assert {name.partition(".")[0] for name in found["modules"]} & FORBIDDEN == set()
    own = {name for name in found["modules"] if name.startswith("artpulse_core.")}
    assert not {name for name in own if name.split(".")[1] in ("control", "agent", "store", "drift", "gates")}
