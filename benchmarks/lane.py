"""What a lane costs: from an empty store to a champion and a drift report, and again with nothing changed.

Run ``python -m benchmarks.lane [--problem art] [--per-label 60] [--json]``. Each step is the command a person types,
in a process of its own on one core; its figures are the processor time and peak memory the kernel counted for it,
imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from artpulse_core import features
from artpulse_core import settings as settings_module
from artpulse_core.control.registry import Registry
from artpulse_core.data import problems
from artpulse_core.data.sources import generate
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from artpulse_core.settings import Settings
from artpulse_core.store import events
from artpulse_core.store.database import Database

ROOT = Path(__file__).resolve().parent.parent
WHOLE = """
import sys
from artpulse_core import settings
from artpulse_assets.commands.lanes import run_monitoring, run_training
loaded, problem = settings.load(), sys.argv[1]
run_training(loaded, problem, lambda line: None, "benchmark")
run_monitoring(loaded, problem, lambda line: None, 1000)
"""
CALL = [sys.executable, "-W", "ignore", "-c", "from artpulse_core.cli import main; main()"]


@dataclass(frozen=True)
class Cost:
    """What one command cost."""

    step: str
    cpu_seconds: float
    seconds: float
    peak_mib: float


def measured(step: str, home: Path, *words: str, call: list[str] | None = None) -> Cost:
    """Run one command in ``home`` and count; a command that fails ends the benchmark with what it said."""
    environment = {**os.environ, "ARTPULSE_HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [*(call or CALL), *words], cwd=ROOT, env=environment, stdout=said, stderr=said
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            sys.exit(said.read().decode(errors="replace"))
    seconds = time.perf_counter() - started
    return Cost(step, used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024)


def serve_some(settings: Settings, problem_name: str, count: int) -> None:
    """Write events as a server would: ``count`` greyer, darker, softer pictures answered by the champion."""
    problem = problems.load(settings)[problem_name]
    registry = Registry(settings)
    version = registry.alias(problem.model, "champion")
    if version is None:
        sys.exit(f"{problem.model} has no champion")
    folder = settings.home / "benchmark"
    predictor = Predictor(bundle.load(registry.download(problem.model, version, folder / "bundle")))
    generate(folder / "pictures", per_label=-(-count // 5), seed=77, style="shifted")
    manifest, now = predictor.bundle.manifest, datetime.now(UTC).isoformat()
    lines = []
    for number, path in enumerate(sorted((folder / "pictures").rglob("*.jpg"))[:count]):
        data = path.read_bytes()
        answer = predictor.predict(predictor.features_of(data)[None, :])
        kept = features.vector(data, predictor.pictures.watch)
        shares = dict(zip(predictor.labels, answer.probabilities[0].tolist(), strict=True))
        lines.append(
            {
                "id": f"benchmark{number}:0",
                "at": now,
                "request_id": f"benchmark{number}",
                "row": 0,
                "problem": problem.name,
                "model": problem.model,
                "version": version,
                "status": "ok",
                "fingerprint": manifest.watched_fingerprint,
                "content": f"benchmark{number}",
                "features": dict(zip(manifest.watched, kept.tolist(), strict=True)),
                "output": {"label": predictor.labels[int(answer.predictions[0])], "probabilities": shares},
            }
        )
    database = Database(settings.database)
    database.migrate()
    events.insert(database, lines)


def main() -> None:
    """Run the steps and print their costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--problem", default="art")
    parser.add_argument("--per-label", default=60, type=int, help="pictures of each of the five labels")
    parser.add_argument("--events", default=200, type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="artpulse-lane-") as folder:
        home = Path(folder)
        settings = settings_module.load({}, home=home)
        of = ("--problem", options.problem)
        alone = home / "alone"
        for place in (alone, home):
            costs = [measured("generate", place, "data", "generate", "--per-label", str(options.per_label))]
        whole = [sys.executable, "-W", "ignore", "-c", WHOLE]
        costs.append(measured("whole lane, one process", alone, options.problem, call=whole))
        costs.append(measured("train, empty store", home, "train", *of))
        serve_some(settings, options.problem, options.events)
        costs.append(measured("drift report", home, "drift", "run", *of))
        costs.append(measured("train, nothing changed", home, "train", *of))

    lane = costs[1].cpu_seconds
    if options.json:
        print(json.dumps({"steps": [asdict(cost) for cost in costs], "lane_cpu_seconds": lane}, indent=2))
        return
    print(f"{options.problem}, {5 * options.per_label} generated pictures, {options.events} events")
    for cost in costs:
        print(
            f"  {cost.step:<24}{cost.cpu_seconds:7.1f} CPU s {cost.seconds:7.1f} s {cost.peak_mib:7.0f} MiB"
        )
    print(f"  empty store to champion and drift report, as one run: {lane:.1f} CPU s")


if __name__ == "__main__":
    main()
