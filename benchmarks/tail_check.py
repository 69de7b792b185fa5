"""Check whether fitted tails of nulls are conservative: parts of nulls predict the rest.

Uses simulated nulls, and those of the shipped model: its logits at candidates of validation windows
that are not known sites. Run by ``make benchmark-tail``; kept in ``results/tail.json``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.kept import keep_measured
from benchmarks.pages import update
from scipy import stats

from vqrna.data.annotated import annotated
from vqrna.data.benchmark import load_benchmark
from vqrna.data.overlap import clusters, overlapping
from vqrna.model.weights import load_model
from vqrna.runtime.progress import progress
from vqrna.sequence import centre
from vqrna.stats.null_distribution import NullDistribution

FACTORS = (1, 3, 10, 30)
"""So many times rarer than the rarest that a null can count."""

SHARES = (2, 10)
"""The null is one of this number of parts; the rest is tested."""

REPEATS = 100
SIZE = 200_000
RESULTS = Path(__file__).with_name("results") / "tail.json"

MADE_UP = {
    "normal": stats.norm(),
    "exponential": stats.expon(),
    "log-normal": stats.lognorm(0.5),
    "Student, 10": stats.t(10),
    "Student, 5": stats.t(5),
}


def too_often(null: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return observed and expected counts of rare p-values in the rest: (2, factors)."""
    sketch = NullDistribution.from_logits(null, 1)
    p = sketch.p_value(rest[rest > null.max()])
    rare = [1 / (factor * (len(null) + 1)) for factor in FACTORS]
    observed = [(p <= level * (1 + 1e-9)).sum() for level in rare]
    return np.array([observed, [len(rest) * level for level in rare]])


def made_up(name: str, share: int) -> np.ndarray:
    """Draw many nulls of a distribution, each with a rest; `too_often`, summed."""
    rng = np.random.default_rng(0)
    n = SIZE // share
    draws = (MADE_UP[name].rvs(SIZE, random_state=rng) for _ in range(REPEATS))
    return np.sum([too_often(x[:n], x[n:]) for x in draws], axis=0)


def divided(logits: np.ndarray, cluster: np.ndarray, share: int) -> np.ndarray:
    """Divide a null in many ways, windows that overlap together; `too_often`, summed."""
    rng = np.random.default_rng(0)

    def parts() -> Iterator[np.ndarray]:
        for _ in range(REPEATS):
            null = (rng.integers(0, share, cluster.max() + 1) == 0)[cluster]
            yield too_often(logits[null], logits[~null])

    return np.sum(list(parts()), axis=0)


def off_site_logits(directory: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Score all off-site candidates as training does for the null: logits and clusters by type."""
    model = load_model(device="cpu")
    train, valid = (load_benchmark(directory, split) for split in ("train", "valid"))
    windows = valid.tokens[~overlapping(valid.tokens, train.tokens)]
    of_window = clusters(windows)
    length = windows.shape[1]
    margin = min(centre(model.length), length // 4)
    inside = slice(margin, length - margin)
    known = annotated(windows, train) | annotated(windows, valid)
    known[:, centre(length)] = True
    observed: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {
        kind.symbol: [] for kind in model.modifications
    }
    for row, (window, cluster) in enumerate(zip(windows, of_window, strict=True)):
        logits = model.scan(window, inside.start, inside.stop).astype(np.float32)
        for m, kind in enumerate(model.modifications):
            there = logits[(kind.candidates(window) & ~known[row])[inside], m]
            observed[kind.symbol].append((there, np.full(len(there), cluster)))
    return {
        name: (np.concatenate([x for x, _ in rows]), np.concatenate([c for _, c in rows]))
        for name, rows in observed.items()
    }


def measure(directory: str) -> dict[str, Any]:
    """Found over expected, by how far beyond the counted p-values, for every null."""
    checks: list[tuple[str, Callable[[int], np.ndarray]]] = [
        (name, partial(made_up, name)) for name in MADE_UP
    ]
    nulls = off_site_logits(directory)
    checks += [(name, partial(divided, *nulls[name])) for name in nulls]
    ratios: dict[str, dict[str, list[float]]] = {}
    with progress(len(checks) * len(SHARES), "tails", unit="nulls") as bar:
        for name, check in checks:
            for share in SHARES:
                observed, expected = check(share)
                row = [round(float(ratio), 2) for ratio in observed / expected]
                ratios.setdefault(name, {})[f"1/{share}"] = row
                bar.advance(1)
    sizes = {name: len(logits) for name, (logits, _) in nulls.items()}
    return {"model": load_model(device="cpu").hash, "positions": sizes, "ratios": ratios}


def table(measured: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    sizes = measured["positions"].values()
    heads = [f"1/{share}, f = {factor}" for share in SHARES for factor in FACTORS]
    lines = [
        f"The first five rows are simulated nulls of {SIZE:,} values. The others are the off-site "
        f"nulls ({min(sizes):,} to {max(sizes):,} positions) of the shipped model, "
        f"{measured['model']}, divided so that overlapping windows stay together.",
        "",
        f"| null | {' | '.join(heads)} |",
        "|" + "---|" * (len(heads) + 1),
    ]
    for name, of_null in measured["ratios"].items():
        cells = [f"{ratio:.2f}" for share in SHARES for ratio in of_null[f"1/{share}"]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    keep_measured(RESULTS, measure(sys.argv[1]))
    update("tails")
