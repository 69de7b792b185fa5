"""Is the fitted tail of a null conservative? Parts of nulls predict the tails of the rest.

Made-up nulls, of which all is known, and the shipped model's own: its logits at the candidates of
validation windows, off their central sites. Run by ``make benchmark-tail``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from vqrna.data.benchmark import load_benchmark
from vqrna.data.overlap import clusters, overlapping
from vqrna.null import NullSketch
from vqrna.sequence import centre
from vqrna.weights import load_model

FACTORS = (1, 3, 10, 30)
"""So many times rarer than the rarest that a null can count."""

SHARES = (2, 10)
"""One of so many parts is the null; the rest is looked at."""

REPEATS = 100
SIZE = 200_000
RESULT = Path(__file__).with_name("results") / "tail.json"

MADE_UP = {
    "normal": stats.norm(),
    "exponential": stats.expon(),
    "log-normal": stats.lognorm(0.5),
    "Student, 10": stats.t(10),
    "Student, 5": stats.t(5),
}


def too_often(null: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Count what reaches rare p-values in the rest, and how much should: (2, factors)."""
    sketch = NullSketch.of(null, 1)
    p = sketch.p_value(rest[rest > null.max()])
    rare = [1 / (factor * (len(null) + 1)) for factor in FACTORS]
    found = [(p <= level * (1 + 1e-9)).sum() for level in rare]
    return np.array([found, [len(rest) * level for level in rare]])


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
    off_site = np.arange(length)[inside] != centre(length)
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {
        kind.symbol: [] for kind in model.modifications
    }
    for window, cluster in zip(windows, of_window, strict=True):
        logits = model.scan(window, inside.start, inside.stop).astype(np.float32)
        for m, kind in enumerate(model.modifications):
            there = logits[kind.candidates(window)[inside] & off_site, m]
            found[kind.symbol].append((there, np.full(len(there), cluster)))
    return {
        name: (np.concatenate([x for x, _ in rows]), np.concatenate([c for _, c in rows]))
        for name, rows in found.items()
    }


def main(directory: str) -> None:
    """Print a row a null: found over expected, by how far beyond the counted p-values."""
    checks: list[tuple[str, Callable[[int], np.ndarray]]] = [
        (name, lambda share, name=name: made_up(name, share)) for name in MADE_UP
    ]
    nulls = off_site_logits(directory)
    checks += [(name, lambda share, name=name: divided(*nulls[name], share)) for name in nulls]
    table: dict[str, dict[str, list[float]]] = {}
    print("found / expected in the rest of a null, at p-values of 1 / (factor (n + 1))")
    print("null\tpart\t" + "\t".join(f"factor {factor}" for factor in FACTORS))
    for name, check in checks:
        for share in SHARES:
            found, expected = check(share)
            ratios = [round(float(ratio), 2) for ratio in found / expected]
            table.setdefault(name, {})[f"1/{share}"] = ratios
            print(name, f"1/{share}", *(f"{ratio:.2f}" for ratio in ratios), sep="\t", flush=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
