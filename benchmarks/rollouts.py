"""What a rollout does to the requests: the split, a hundred hot swaps, the shadow's cost, the path's cost.

    python -m benchmarks.rollouts [split] [swaps] [shadow] [path] [--flips 100] [--json]

The real gunicorn with two workers, everything on, the release document published as the agent does it. What is compared
is measured in one run, in turns. Routing keys are the numbers from 0, the salt is "salt", models have seeds 1 to 4.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import Mode
from artpulse_core.keys import new_key
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from benchmarks._open_loop import OpenLoop
from benchmarks.serving import ROW, Answer, Client, answered, load, post
from tests.releases import publish, roll_out
from tests.servers import Server, gunicorn

KEYS = 20_000
BODY = json.dumps(ROW).encode()
Table = dict[str, dict[str, float]]


@contextmanager
def running(home: Path) -> Iterator[tuple[Server, str]]:
    """The server on ``home`` and a key for it."""
    key, entry = new_key()
    with gunicorn(home, API_KEYS=entry) as server:
        settled(home, workers=2)
        yield server, key


def settled(home: Path, sequence: int | None = None, *, workers: int = 2) -> float:
    """Wait until all workers answer from ``sequence`` (or from any release); the seconds it took."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < 30:
        seen = [worker.sequence for worker in releases.read_workers(home / "run")]
        if len(seen) == workers and (sequence is None or set(seen) == {sequence}):
            return time.perf_counter() - begun
        time.sleep(0.005)
    raise RuntimeError("the workers never took the release over")


# --- The split -----------------------------------------------------------------------------------------------------
def slots(port: int, key: str, names: list[str], clients: int = 6) -> dict[str, str]:
    """Which slot answers each routing key, over several connections so that each worker is asked."""
    found: dict[str, str] = {}

    def work(share: list[str]) -> None:
        client = Client(port)
        plain = post("/predict", BODY, "application/json", key)
        for name in share:
            request = plain.replace(b"\r\n\r\n", f"\r\nX-Routing-Key: {name}\r\n\r\n".encode(), 1)
            found[name] = client.ask(request)[1]["x-rollout-slot"]

    threads = [threading.Thread(target=work, args=(names[number::clients],)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def split(home: Path) -> Table:
    """Canary at 10 %: the share of the keys, and whether a key ever changes its slot."""
    from artpulse_api.predicting import routing_hash
    from artpulse_api.slots import Served

    item = roll_out(home / "run", (1, 2), "canary", 10)
    served = Served(item, None)  # type: ignore[arg-type] # the split asks no model
    names = [str(number) for number in range(KEYS)]
    stated = {name: served.choose(routing_hash(name, item.salt)) for name in names}
    with running(home) as (server, key):
        first = slots(server.port, key, names)
        again = slots(
            server.port, key, names[::-1][: KEYS // 4]
        )  # other connections, so the other worker too
    with running(home) as (server, key):
        restarted = slots(server.port, key, names[: KEYS // 4])
    asked = [(name, slot) for found in (first, again, restarted) for name, slot in found.items()]
    return {
        "canary at 10 %": {
            "keys": len(first),
            "share_percent": 100 * sum(slot == "secondary" for slot in first.values()) / len(first),
            "answers": len(asked),
            "stable_percent": 100 * sum(stated[name] == slot for name, slot in asked) / len(asked),
        }
    }


# --- Hot swaps -----------------------------------------------------------------------------------------------------
def swaps(home: Path, count: int) -> Table:
    """Swap the model ``count`` times at 200 requests a second; mixed: its parts name different versions."""
    run, versions = home / "run", (1, 2, 3, 4)
    for version in versions:
        publish(run, {"art_core5": version})
    row = np.array([list(ROW.values())])
    models = {v: Predictor(bundle.load(run / "bundles" / f"art_core5-{v}")) for v in versions}
    expected = {version: model.predict(row).probabilities[0] for version, model in models.items()}
    errors, took = [0], []

    def whole(answer: Answer) -> bool:
        status, headers, body = answer
        errors[0] += status != 200
        document = json.loads(body)
        if status != 200:
            return False
        named = {headers["x-model-version"], str(document["version"]), str(document["model_version"])}
        (spread,) = document["probabilities"]
        found = np.array(list(spread.values()))
        return len(named) == 1 and bool(np.abs(found - expected[document["version"]]).max() < 1e-6)

    with running(home) as (server, key):
        loop = OpenLoop(server.port, post("/predict", BODY, "application/json", key), 200, whole)
        with loop.run():
            time.sleep(1)
            for number in range(count):
                publish(run, {"art_core5": versions[number % 4]}, sequence=100 + number)
                took.append(settled(home, 100 + number))
                time.sleep(0.25)
    latencies = np.array([seconds for _, seconds in loop.seen]) * 1000
    return {
        "hot swaps at 200/s": {
            "swaps": count,
            "requests": len(loop.seen),
            "errors": errors[0],
            "mixed": loop.wrong - errors[0],
            "all_workers_s": float(np.median(took)),
            "slowest_s": max(took),
            "p50_ms": float(np.percentile(latencies, 50)),
            "p99_ms": float(np.percentile(latencies, 99)),
        }
    }


# --- The shadow ----------------------------------------------------------------------------------------------------
def shadow(home: Path, *, turns: int = 40, seconds: float = 1.0, rate: float = 200) -> Table:
    """Answers with and without a shadow, in turns; both slots are loaded all the time."""
    run = home / "run"
    roll_out(run, (1, 2), "canary", 0)
    modes: list[Mode] = ["canary", "shadow"]
    found: dict[Mode, list[np.ndarray]] = {mode: [] for mode in modes}
    sequence = 1000
    with running(home) as (server, key):
        loop = OpenLoop(server.port, post("/predict", BODY, "application/json", key), rate)
        with loop.run():
            time.sleep(1)
            for turn in range(turns):
                for mode in modes if turn % 2 else modes[::-1]:
                    sequence += 1
                    roll_out(run, (1, 2), mode, 0, sequence=sequence)
                    settled(home, sequence)
                    begun = time.perf_counter()
                    time.sleep(seconds)
                    found[mode].append(np.array(loop.between(begun, time.perf_counter() - 0.1)) * 1000)
        text = server.get("/metrics")[1].decode()
    counted = {
        line.split("{")[0][16:-6]: float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("artpulse_shadow_")
    }
    off, on = (np.array([np.percentile(turn, 95) for turn in found[mode]]) for mode in modes)
    rng = np.random.default_rng(0)
    medians = [np.median(rng.choice(on / off, turns)) for _ in range(2000)]
    table = {}
    for name, mode in (("without a shadow", modes[0]), ("with a shadow", modes[1])):
        every = np.concatenate(found[mode])
        shown = {f"p{q}_ms": float(np.percentile(every, q)) for q in (50, 95)}
        table[f"{name}, {rate:g}/s"] = {"requests": len(every), **shown}
    change = [
        100 * (float(value) - 1) for value in (np.median(on / off), *np.percentile(medians, (2.5, 97.5)))
    ]
    counts = {"wrong": loop.wrong, **counted}
    return table | {
        "p95 with a shadow, of a turn": dict(zip(("percent", "low", "high"), change, strict=True)) | counts
    }


# --- The path ------------------------------------------------------------------------------------------------------
def path(home: Path, *, turns: int = 8, seconds: float = 2.0, calls: int = 100_000) -> Table:
    """What choosing and counting cost, alone and as CPU of a whole request."""
    from artpulse_api.metrics import Metrics
    from artpulse_api.slots import Served

    run = home / "run"
    metrics = Metrics((0.1,))
    shares: dict[Mode, float] = {"single": 0.0, "canary": 50.0}
    alone = {}
    routing = [f"{number:016x}" for number in np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)]
    for mode, percent in shares.items():
        item = roll_out(run, (1, 2), mode, percent)
        served = Served(item, None)  # type: ignore[arg-type] # the split asks no model
        begun = time.perf_counter()
        for number in range(calls):
            slot = served.choose(routing[number % 1000])
            if served.percent:
                metrics.routed("art_core5", slot)
        alone[mode] = (time.perf_counter() - begun) / calls * 1e6
    cost: dict[Mode, list[float]] = {mode: [] for mode in shares}
    sequence = 2000
    with running(home) as (server, key):
        request = post("/predict", BODY, "application/json", key)
        for turn in range(turns):
            for mode in shares if turn % 2 else [*shares][::-1]:
                sequence += 1
                roll_out(run, (1, 2), mode, shares[mode], sequence=sequence)
                settled(home, sequence)
                done = load(server, request, clients=2, seconds=seconds, judge=answered)
                cost[mode].append(done["cpu_ms"] * 1000)
    more = np.array(cost["canary"]) - np.array(cost["single"])
    return {
        "choose and count, alone": {f"{mode}_us": value for mode, value in alone.items()},
        "CPU of a request": {f"{mode}_us": float(np.median(values)) for mode, values in cost.items()}
        | {"more_us": float(np.median(more)), "error_us": float(more.std(ddof=1) / len(more) ** 0.5)},
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help="split, swaps, shadow, path; all without one")
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table: Table = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "metrics").mkdir()
        # As in a worker, counters lie in mapped files; read when the client library is imported, by ``path``.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(Path(folder) / "metrics")
        parts: dict[str, Callable[[Path], Table]] = {
            "split": split,
            "swaps": lambda home: swaps(home, options.flips),
            "shadow": shadow,
            "path": path,
        }
        for name in options.parts or parts:
            table |= parts[name](Path(folder) / name)
    if options.json:
        print(json.dumps(table))
        return
    for name, values in table.items():
        print(f"{name:28}" + "  ".join(f"{key} {value:.4g}" for key, value in values.items()))


if __name__ == "__main__":
    main()
