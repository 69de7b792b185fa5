"""Speed of scans: like the published server, with batches of windows, and densely.

All are measured alternately in one run on random sequence: on shared machines only ratios are
meaningful. Run by ``make benchmark-scan``, best on an idle machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.config import preset, replace
from vqrna.model import Precision, TrainedModel
from vqrna.model.trained_model import TILE
from vqrna.model.weights import load_model
from vqrna.modifications import MODIFICATIONS
from vqrna.nn.dense import dense_network
from vqrna.nn.model import SiteNetwork, build
from vqrna.sequence import centre, one_hot

ROUNDS = 5
LENGTHS = {"1 kb": 40, "10 kb": 8, "100 kb": 2, "1 Mb": 1, "10 Mb": 1}
"""Lengths of sequence whose cost per nt is measured, and how often each."""

AGREEMENT = 200_000
"""Positions on which fast ways are held against float32."""

RESULTS = Path(__file__).parent / "results" / "scan_speed.json"


@dataclass(frozen=True)
class Way:
    """A way to scan: a function that does some work, and how many nt that is."""

    name: str
    nt: int
    work: Callable[[], Any]
    windows: bool = False


def sequence(nt: int, seed: int = 0) -> np.ndarray:
    """Make random tokens."""
    return np.random.default_rng(seed).integers(0, 4, nt).astype(np.uint8)


def published(length: int, windows: int) -> Way:
    """Ten networks of one type each, one window at a time, as the published server does it."""
    config = replace(preset("paper"), length=length)
    networks = [build(config.model, 1) for _ in MODIFICATIONS[:10]]
    models = [
        TrainedModel.fresh(network, config, [kind])
        for network, kind in zip(networks, MODIFICATIONS, strict=False)
    ]
    tokens = sequence(length)[None]

    def work() -> None:
        for _ in range(windows):
            for model in models:
                model.logits(tokens)

    return Way(f"ten published networks, window by window, {length} nt", windows, work, True)


def batched(model: TrainedModel, windows: int = 256) -> Way:
    """Windows of ours, a batch at a time."""
    tokens = np.lib.stride_tricks.sliding_window_view(
        sequence(model.length + windows - 1), model.length
    )
    name = f"vqrna, batches of {windows} windows"
    return Way(name, windows, lambda: model.logits(tokens), True)


def densely(model: TrainedModel, precision: Precision) -> Way:
    """Ours at every position of a tile."""
    tokens = sequence(TILE + 2 * centre(model.length))[None]
    name = f"vqrna, dense, {precision}"
    return Way(name, TILE, lambda: model.scan_batch(tokens, precision))


def one_core(ways: list[Way], rounds: int = ROUNDS) -> dict[str, float]:
    """Give nt per second of each way, measured in turn."""
    taken: dict[str, list[float]] = {way.name: [] for way in ways}
    for i in range(rounds + 1):
        for way in ways:
            start = time.perf_counter()
            way.work()
            if i:  # the first warms up
                taken[way.name].append(way.nt / (time.perf_counter() - start))
    return {name: statistics.median(each) for name, each in taken.items()}


def two_cores(ways: list[Way], rounds: int = ROUNDS) -> dict[str, float]:
    """Give nt per second of two threads that do the same at once."""
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:

        def both(way: Way) -> Way:
            def work() -> None:
                for done in [pool.submit(way.work) for _ in range(2)]:
                    done.result()

            return Way(way.name, 2 * way.nt, work)

        return one_core([both(way) for way in ways], rounds)


def agreement(model: TrainedModel, fast: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Hold logits of a fast way against those of float32, on the same sequence."""
    score = np.abs(model.score(fast) - model.score(exact))
    tokens = sequence(AGREEMENT + model.length - 1, 1)
    half = centre(model.length)
    kinds = model.modifications
    candidate = np.stack([m.candidates(tokens) for m in kinds], axis=1)[half:-half]
    results = {"score_max": float(score.max()), "score_mean": float(score.mean())}
    thresholds = model.thresholds()
    tiers = [(each[..., None] >= thresholds).sum(axis=-1) * candidate for each in (exact, fast)]
    for number, tier in enumerate(("low", "medium", "high"), 1):
        one, two = (each >= number for each in tiers)
        results[f"calls_{tier}"] = int(one.sum())
        results[f"same_{tier}"] = int((one & two).sum()) / max(1, int((one | two).sum()))
    return results


def fast_ways(model: TrainedModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure all ways to read codes fast, and count near ties on the way."""
    network = model.network
    assert isinstance(network, SiteNetwork)
    half = centre(model.length)
    tokens = sequence(AGREEMENT + 2 * half, 1)
    exact = model.scan_batch(tokens[None])
    ties = int(exact.near_ties.sum())
    tile = torch.from_numpy(tokens[: TILE + 2 * half])
    results: dict[str, Any] = {}
    network.eval()
    with torch.no_grad():
        evaluation = dense_network(network)
        vectors = network.quantizer.lookup(evaluation.codes(tile)[0]).T[None].contiguous()
    ways = []
    from benchmarks.scan_engines import engines  # not needed for the tables

    for name, engine in engines(network, vectors):
        if isinstance(engine, str):
            results[name] = {"skipped": engine}
            print(f"  {name}: {engine}", flush=True)
            continue

        def work(tile: torch.Tensor = tile, engine: Any = engine) -> np.ndarray:
            with torch.no_grad():
                codes, _ = evaluation.codes(tile)
                read = engine(network.quantizer.lookup(codes).T[None].contiguous())
            return read[0].T.double().numpy()

        logits = [
            work(torch.from_numpy(tokens[at : at + TILE + 2 * half]))
            for at in range(0, AGREEMENT - TILE + 1, TILE)
        ]
        same = np.concatenate(logits)
        rest = exact.logits[0, len(same) :]  # an incomplete tile is not evaluated again
        results[name] = agreement(model, np.concatenate([same, rest]), exact.logits[0])
        ways.append(Way(name, TILE, work))
    fast = model.scan_batch(tokens[None], "fast").logits[0]
    results["bfloat16 behind the codes"] = agreement(model, fast, exact.logits[0])
    ways.append(Way("bfloat16 behind the codes", TILE, densely(model, "fast").work))
    for name, speed in one_core(ways, 3).items():
        results[name]["nt_per_s"] = round(speed)
    return results, {"positions": AGREEMENT, "near_ties": ties}


def codes_kept_in_bfloat16(model: TrainedModel, windows: int = 100) -> float:
    """Return the share of codes that would be equal in bfloat16."""
    network = model.network
    assert isinstance(network, SiteNetwork)
    tokens = torch.from_numpy(sequence(windows * model.length, 2)).view(windows, -1)
    columns = one_hot(tokens)
    network.eval()
    with torch.no_grad():
        exact = network(columns).codes
        with torch.autocast("cpu", torch.bfloat16):
            latents = network.encoder(columns)
        return float((network.quantizer.assign(latents.float()) == exact).float().mean())


def by_length(model: TrainedModel) -> dict[str, float]:
    """Return microseconds per nt of sequences of 1 kb to 10 Mb."""
    results = {}
    for name, times in LENGTHS.items():
        number, unit = name.split()
        nt = int(number) * {"kb": 1_000, "Mb": 1_000_000}[unit]
        tokens = sequence(nt)
        start = time.perf_counter()
        for _ in range(times):
            model.scan(tokens)
        results[name] = round((time.perf_counter() - start) / times / nt * 1e6, 2)
    return results


def on_gpu(model: TrainedModel) -> dict[str, Any]:
    """Return nt/s on a GPU for several rows at once, and the difference to the CPU."""
    half = centre(model.length)
    tokens = np.stack([sequence(TILE + 2 * half, seed) for seed in range(16)])
    expected = model.scan_batch(tokens[:1]).logits
    results: dict[str, Any] = {"gpu": torch.cuda.get_device_name()}
    model.to("cuda")
    results["logit_max"] = float(np.abs(model.scan_batch(tokens[:1]).logits - expected).max())
    for precision in ("float32", "fast"):
        ways = [
            Way(f"{n}", n * TILE, partial(model.scan_batch, tokens[:n], precision))
            for n in (1, 4, 16)
        ]
        speeds = one_core(ways)
        results[precision] = {f"{n} tiles at once": round(s) for n, s in speeds.items()}
    model.to("cpu")
    return results


def table(measured: dict[str, Any]) -> str:
    """Return the table of speeds as Markdown."""
    one, two, lengths = measured["one_core"], measured["two_cores"], measured["us_per_nt"]
    names = list(one)
    first, short, batches, exact, fast = (one[name] for name in names)
    lines = [f"Processor: {measured.get('processor', 'unknown')}.", ""]
    lines += ["| | one core, nt/s (for windows: windows/s) | two cores |", "|---|---|---|"]
    for name in names:
        lines.append(f"| {name} | {_number(one[name])} | {_number(two[name])} |")
    ties = measured["near_ties"]
    share = ties["near_ties"] / ties["positions"]
    lines += [
        "",
        f"- dense float32: {exact / first:,.0f} times as fast as the published networks at 501 nt, "
        f"{exact / short:,.0f} times at 51 nt; the fast mode {fast / first:,.0f} times",
        f"- {exact / batches:,.0f} times as fast as vqrna on batches of windows",
        "- cost per nt: " + ", ".join(f"{us:.1f} µs at {n}" for n, us in lengths.items()),
        f"- near ties: {ties['near_ties']} of {ties['positions']:,} tokens ({share:.1e}), "
        "all resolved in double precision",
    ]
    if "cuda" in measured:
        lines.append(f"- on {measured['cuda']['gpu']}, nt/s: {measured['cuda']}")
    return "\n".join(lines)


def processor() -> str:
    """Return the name of the processor, with its units for bfloat16."""
    facts = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n") if ":" in line
    )
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    known = ("amx_bf16", "avx512_bf16")
    units: list[str] = [unit for unit in known if unit in facts["flags"].split()]
    return ", ".join([facts["model name"], *(units or ["no bfloat16 units"])])


def _number(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}"


def engines_table(measured: dict[str, Any]) -> str:
    """Return the table of engines as Markdown."""
    lines = [
        "All of these assign codes in float32, so the codes are equal. In bfloat16, "
        f"{1 - measured['codes_kept_in_bfloat16']:.1%} of them would differ.",
        "",
        "| engine behind the codes | one core, nt/s | same calls: low, medium, high "
        "| score differs by, max (mean) |",
        "|---|---|---|---|",
    ]
    for name, results in measured["fast_ways"].items():
        if "skipped" in results:
            lines.append(f"| {name} | {results['skipped']} | | |")
            continue
        same = ", ".join(f"{results[f'same_{tier}']:.1%}" for tier in ("low", "medium", "high"))
        lines.append(
            f"| {name} | {results['nt_per_s']:,} | {same} "
            f"| {results['score_max']:.1e} ({results['score_mean']:.1e}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, keep and print."""
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    print(f"load average {load:.2f}", flush=True)
    if load > 0.5:
        print("other processes are busy: the numbers will be too low", file=sys.stderr)
    model = load_model(device="cpu")
    assert isinstance(model, TrainedModel)
    ways = [
        published(501, 4),
        published(51, 10),
        batched(model),
        densely(model, "float32"),
        densely(model, "fast"),
    ]
    wall, cpu = time.perf_counter(), time.process_time()
    measured: dict[str, Any] = {
        "threads": 1,
        "tile": TILE,
        "load_average": round(load, 2),
        "processor": processor(),
        "windows": [way.name for way in ways if way.windows],
        "one_core": one_core(ways),
    }
    measured["share_of_a_core"] = round(
        (time.process_time() - cpu) / (time.perf_counter() - wall), 2
    )
    if measured["share_of_a_core"] < 0.95:
        print("this process had no core to itself: the numbers are too low", file=sys.stderr)
    measured["two_cores"] = two_cores(ways, 3)
    measured["fast_ways"], measured["near_ties"] = fast_ways(model)
    measured["codes_kept_in_bfloat16"] = round(codes_kept_in_bfloat16(model), 4)
    measured["us_per_nt"] = by_length(model)
    if torch.cuda.is_available():
        measured["cuda"] = on_gpu(model)
    keep_measured(RESULTS, measured)
    update("scan speed", "engines", "scan cost", "summary")


if __name__ == "__main__":
    main()
