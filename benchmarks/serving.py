"""What a request costs: CPU, memory, start and release flips of the real gunicorn tree.

    python benchmarks/serving.py [--seconds 4] [--json]

Everything is on: a hashed key, validation, metrics, one event line a row. CPU is the user and system time of all
gunicorn processes divided by the requests they answered, so the client's own cost does not count.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from artpulse_core.keys import new_key
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from tests.bundles import picture
from tests.releases import publish
from tests.servers import Server, gunicorn

ROW = {"hue_mean": 0.11, "sat_mean": 0.7, "val_mean": 0.6, "contrast": 0.5, "edges": 0.12}
Answer = tuple[int, dict[str, str], bytes]


class Client:
    """A keep-alive connection that does as little as a client can."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> Answer:
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            part = self._socket.recv(65536)
            if not part:
                raise ConnectionError("the server closed the connection")
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        while len(body) < int(headers["content-length"]):
            body += self._socket.recv(65536)
        return int(lines[0].split()[1]), headers, body


def post(path: str, body: bytes, content_type: str, key: str) -> bytes:
    """The bytes of one request."""
    head = f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nX-API-Key: {key}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def load(
    server: Server, request: bytes, *, clients: int, seconds: float, judge: Callable[[Answer], bool]
) -> dict[str, float]:
    """Closed loop of ``clients``; requests, wrong answers, rate, p50, p99 (ms) and server CPU a request (ms)."""
    stop = time.perf_counter() + seconds
    latencies: list[list[float]] = [[] for _ in range(clients)]
    wrong = [0] * clients

    def work(number: int) -> None:
        client = Client(server.port)
        while (begun := time.perf_counter()) < stop:
            try:
                good = judge(client.ask(request))
            except OSError:
                good, client = False, Client(server.port)
            wrong[number] += not good
            latencies[number].append(time.perf_counter() - begun)

    before = cpu(server)
    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    all_of_them = np.concatenate([np.array(item) for item in latencies])
    return {
        "requests": len(all_of_them),
        "wrong": sum(wrong),
        "per_second": len(all_of_them) / elapsed,
        "p50_ms": float(np.percentile(all_of_them, 50)) * 1000,
        "p99_ms": float(np.percentile(all_of_them, 99)) * 1000,
        "cpu_ms": (cpu(server) - before) / len(all_of_them) * 1000,
    }


def answered(answer: Answer) -> bool:
    """True for a status of 200."""
    return answer[0] == 200


def tree(server: Server) -> list[psutil.Process]:
    """The gunicorn master and its workers."""
    master = psutil.Process(server.process.pid)
    return [master, *master.children(recursive=True)]


def cpu(server: Server) -> float:
    """Seconds of user and system time of the tree."""
    return sum(sum(process.cpu_times()[:2]) for process in tree(server))


def pss(server: Server) -> float:
    """Proportional set size of the tree in MiB."""
    return float(sum(process.memory_full_info().pss for process in tree(server)) / 2**20)


def flips(server: Server, home: Path, request: bytes, *, count: int = 5) -> dict[str, float]:
    """Flip the release ``count`` times under load; a mixed answer is one whose parts name different versions."""
    run = home / "run"
    for version in range(1, count + 2):
        publish(run, {"art_core5": version, "art": 1}, sequence=version)
    matrix = np.array([list(ROW.values())])
    expected = {
        version: Predictor(bundle.load(run / "bundles" / f"art_core5-{version}"))
        .predict(matrix)
        .probabilities[0]
        for version in range(1, count + 2)
    }
    settled: list[float] = []

    def judge(answer: Answer) -> bool:
        status, headers, body = answer
        document = json.loads(body)
        if status != 200 or str(document["version"]) != headers["x-model-version"]:
            return False
        found = list(document["probabilities"][0].values())
        return bool(np.abs(np.array(found) - expected[document["version"]]).max() < 1e-6)

    def turn() -> None:
        for version in range(2, count + 2):
            time.sleep(1)
            begun = time.perf_counter()
            publish(run, {"art_core5": version, "art": 1}, sequence=version)
            wanted = {f'"sequence":{version},'.encode()}
            while not all(
                any(want in file.read_bytes() for want in wanted) for file in run.glob("workers/*.json")
            ):
                time.sleep(0.01)
            settled.append(time.perf_counter() - begun)

    publish(run, {"art_core5": 1, "art": 1}, sequence=1)
    time.sleep(1)
    thread = threading.Thread(target=turn)
    thread.start()
    result = load(server, request, clients=8, seconds=count + 3, judge=judge)
    thread.join()
    return {
        "flips": len(settled),
        "requests": result["requests"],
        "wrong": result["wrong"],
        "slowest_s": max(settled),
        "p99_ms": result["p99_ms"],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    key, entry = new_key()
    row = post("/predict", json.dumps(ROW).encode(), "application/json", key)
    image = post("/predict/art_core5/image", picture(0, side=256), "image/jpeg", key)
    rich = post("/predict-image", picture(0, side=256), "image/jpeg", key)
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        publish(home / "run", {"art_core5": 1, "art": 1})
        with gunicorn(home, API_KEYS=entry) as server:
            for clients in (1, 8):
                load(server, row, clients=clients, seconds=0.5, judge=answered)
                results[f"/predict, {clients} clients"] = load(
                    server, row, clients=clients, seconds=options.seconds, judge=answered
                )
            results["/predict/art_core5/image, 8 clients"] = load(
                server, image, clients=8, seconds=options.seconds, judge=answered
            )
            results["/predict-image (rich), 8 clients"] = load(
                server, rich, clients=8, seconds=options.seconds, judge=answered
            )
            results["gunicorn tree, 2 workers"] = {"ready_s": server.seconds_to_ready, "pss_mib": pss(server)}
            results["release flips under load"] = flips(server, home, row)
            results["after the flips"] = {"pss_mib": pss(server)}
    if options.json:
        print(json.dumps(results))
        return
    for name, values in results.items():
        print(f"{name:36}" + "  ".join(f"{key} {value:.4g}" for key, value in values.items()))


if __name__ == "__main__":
    main()
