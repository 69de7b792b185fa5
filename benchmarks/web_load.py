"""Put a load on the web server: many clients, a full queue, and memory over many jobs.

Clients submit one job after another until all are accepted; while at least `FULL` of the queue is
taken, another client measures how long pages take. Every accepted job has to end as done, once.
Run by ``make benchmark-web``.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import requests
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.client import Client, Job
from vqrna.errors import VqrnaError

RESULTS = Path(__file__).with_name("results") / "web_load.json"

CLIENTS, JOBS, QUEUE, NT = 50, 1000, 200, 600
FULL = 0.9
"""Share of the queue above which latencies count."""

SAMPLES = (100, 200, 400, 600, 800, 1000)
"""Numbers of finished jobs after which memory is measured."""


def wait_for(log: Path) -> str:
    """Return the address of a server once its workers run."""
    for _ in range(600):
        if match := re.search(r"vqrna is at (http://\S+)", log.read_text()):
            try:
                if requests.get(f"{match[1]}/health", timeout=5).ok:
                    return match[1]
            except requests.RequestException:
                pass
        time.sleep(0.2)
    raise SystemExit(f"the server does not start:\n{log.read_text()}")


class Load:
    """State that the threads share."""

    def __init__(self, url: str, jobs: int) -> None:
        self.url, self.wanted = url, jobs
        self.accepted: list[str] = []
        self.refused = 0
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.latencies: dict[str, list[float]] = {}

    def left(self) -> bool:
        """Reserve a submission; False if there were enough."""
        with self.lock:
            if self.wanted == 0:
                return False
            self.wanted -= 1
            return True


def submit(load: Load, seed: int) -> None:
    """Submit random sequences; wait and try again while the queue is full."""
    rng = np.random.default_rng(seed)
    client = Client(load.url, retries=0)
    while load.left():
        letters = "".join(rng.choice(list("ACGU"), NT))
        while not load.stop.is_set():
            try:
                job = client.submit({f"s{seed}": letters})
            except VqrnaError:
                with load.lock:
                    load.refused += 1
                time.sleep(0.5)
                continue
            with load.lock:
                load.accepted.append(job.id)
            break


def measure_pages(load: Load, done: str) -> None:
    """Request pages one after another while the queue is full."""
    paths = {
        "form": "/",
        "result": f"/jobs/{done}",
        "table of sites": f"/jobs/{done}/table",
        "track": f"/api/jobs/{done}/track",
        "state of a job": f"/api/jobs/{done}",
        "model card": "/model",
    }
    session = requests.Session()
    while not load.stop.is_set():
        full = session.get(f"{load.url}/health", timeout=60).json()["queued"] >= FULL * QUEUE
        if not full:
            time.sleep(0.2)
            continue
        for name, path in paths.items():
            start = time.perf_counter()
            answer = session.get(load.url + path, headers={"Accept": "text/html"}, timeout=60)
            taken = time.perf_counter() - start
            assert answer.status_code == 200, (path, answer.status_code)
            load.latencies.setdefault(name, []).append(taken)
        time.sleep(0.05)


def memory(pid: int) -> dict[str, float]:
    """Return the resident memory in MiB of a server and of its largest worker."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [child for path in threads for child in path.read_text().split()]
    return {"server": _resident(str(pid)), "worker": max(map(_resident, children), default=0.0)}


def _resident(pid: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(jobs: int = JOBS, clients: int = CLIENTS) -> dict:
    """Run the load on a new server."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [
            sys.executable, "-u", "-m", "vqrna", "serve", "--port", "0", "--workers", "2",
            "--data", f"{folder}/data", "--max-queue", str(QUEUE), "--max-jobs", "100000",
            "--requests-per-minute", "1000000", "--submissions-per-minute", "1000000",
        ]  # fmt: skip
        with log.open("wb") as out:
            server = subprocess.Popen(
                command, stdout=out, stderr=out, env=os.environ | {"OMP_NUM_THREADS": "1"}
            )
        try:
            return _run(
                wait_for(log), server.pid, jobs, clients, Path(folder) / "data" / "jobs.sqlite"
            )
        finally:
            server.terminate()
            server.wait()


def _run(url: str, pid: int, jobs: int, clients: int, database: Path) -> dict:
    load = Load(url, jobs)
    first = Client(url).submit({"first": "GGACU" * 120}).wait().id
    threads = [threading.Thread(target=submit, args=(load, n)) for n in range(clients)]
    prober = threading.Thread(target=measure_pages, args=(load, first))
    before = _done(url)  # the first job
    start = time.monotonic()
    for thread in (*threads, prober):
        thread.start()
    samples: list[dict] = []
    try:
        while len(samples) < len(SAMPLES) and any(n <= jobs for n in SAMPLES[len(samples) :]):
            ended = _done(url) - before
            while len(samples) < len(SAMPLES) and ended >= SAMPLES[len(samples)]:
                samples.append({"jobs": SAMPLES[len(samples)], **memory(pid)})
                print(f"{time.monotonic() - start:.0f} s: {samples[-1]}", flush=True)
            if ended >= jobs and not any(t.is_alive() for t in threads):
                break
            time.sleep(0.5)
        for thread in threads:
            thread.join()
    finally:
        load.stop.set()
    prober.join()
    client = Client(url)
    states = [Job(client, id).wait(600).status()["status"] for id in load.accepted]
    seconds = time.monotonic() - start
    return {
        "clients": clients,
        "jobs": jobs,
        "accepted": len(load.accepted),
        "different": len(set(load.accepted)),
        "done": states.count("done"),
        "runs": _runs(database) - before,
        "refused": load.refused,
        "queue": QUEUE,
        "nt": NT,
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "pages": {
            name: {
                "requests": len(times),
                "median": round(1000 * float(np.median(times)), 1),
                "p95": round(1000 * float(np.quantile(times, 0.95)), 1),
            }
            for name, times in load.latencies.items()
        },
        "memory": [{k: round(v, 1) for k, v in sample.items()} for sample in samples],
    }


def _done(url: str) -> int:
    """Return the number of finished jobs."""
    text = requests.get(f"{url}/metrics", timeout=60).text
    lines = [line for line in text.splitlines() if line.startswith("vqrna_jobs{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines if 'status="done"' in line))


def _runs(database: Path) -> int:
    """Return how often jobs were started."""
    connection = sqlite3.connect(database)
    try:
        (runs,) = connection.execute("SELECT sum(attempts) FROM jobs").fetchone()
    finally:
        connection.close()
    return int(runs)


def table(measured: dict) -> str:
    """Return the measurements as Markdown."""
    m = measured
    lines = [
        f"{m['clients']} clients submitted {m['jobs']:,} jobs of {m['nt']} nt to a server with two "
        f"workers on {m['cores']} cores, which other programs used too (load average "
        f"{m['load']:g}); submissions were refused {m['refused']:,} times because the queue of "
        f"{m['queue']} jobs was full. Of {m['accepted']:,} accepted jobs, {m['done']:,} were done, "
        f"in {m['runs']:,} runs and {m['seconds']:,.0f} seconds.",
        "",
        "| while the queue was full | requests | median (ms) | 95th percentile (ms) |",
        "|---|---|---|---|",
        *(
            f"| {name} | {p['requests']:,} | {p['median']:.0f} | {p['p95']:.0f} |"
            for name, p in m["pages"].items()
        ),
        "",
        "| finished jobs | server (MiB) | largest worker (MiB) |",
        "|---|---|---|",
        *(f"| {s['jobs']:,} | {s['server']:.0f} | {s['worker']:.0f} |" for s in m["memory"]),
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, keep the result, and update the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args()
    measured = measure(options.jobs, options.clients)
    print(table(measured))
    if options.jobs == JOBS and options.clients == CLIENTS:
        keep_measured(RESULTS, measured)
        update("web_load")


if __name__ == "__main__":
    main()
