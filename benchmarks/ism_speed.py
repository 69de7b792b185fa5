"""Time of saturation mutagenesis of a 501-nt window, with tangermeme and with vqrna.

Both use the shipped network and the same random windows, alternating in one run on one core.
Processor time is measured, since the machine may be shared. Run by ``make benchmark-ism``.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.interpret.mutagenesis import Mutated, mutate
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.sequence import one_hot

ROUNDS = 5
WINDOWS = 4
LINEAR = (1, 4, 16, 64)
ENOUGH = 12
"""Windows from which tangermeme tries its shortcut: about 30 seconds of work."""

RESULTS = Path(__file__).parent / "results" / "ism_speed.json"


class Logits(torch.nn.Module):
    """The network for tangermeme: logits only.

    Parameters
    ----------
    network : torch.nn.Module
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate windows (N, 4, L)."""
        return self.network(x).logits


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of a call, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def measure() -> dict[str, Any]:
    """Return medians of `ROUNDS` alternating measurements."""
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    model = load_model(None, "cpu")
    assert isinstance(model, TrainedModel)
    network = model.network.eval()
    tokens = np.random.default_rng(0).integers(0, 4, (max(LINEAR), 501), dtype=np.uint8)

    def by_tangermeme(window: torch.Tensor) -> Any:
        return saturation_mutagenesis(
            Logits(network).eval(), window, device="cpu", raw_outputs=True, fast=False
        )

    def by_us(rows: slice) -> list[Mutated]:
        return list(mutate(network, tokens[rows]))

    theirs, ours, worst = [], [], 0.0
    next(mutate(network, tokens[:1]))
    for n in range(ROUNDS):
        window = one_hot(torch.from_numpy(tokens[n : n + 1]))
        took, whole = seconds(partial(by_tangermeme, window))
        theirs.append(took)
        took, local = seconds(partial(by_us, slice(n, n + WINDOWS)))
        ours.append(took / WINDOWS)
        worst = max(worst, float(np.abs(local[0].logits - whole.y_hat[0].numpy()).max()))
    each = {}
    for count in LINEAR:
        took, _ = seconds(partial(by_us, slice(count)))
        each[str(count)] = round(took / count, 4)
    return {
        "tangermeme_seconds": round(statistics.median(theirs), 3),
        "ours_seconds": round(statistics.median(ours), 4),
        "ratio": round(statistics.median(a / b for a, b in zip(theirs, ours, strict=True)), 1),
        "largest_difference": worst,
        "ours_seconds_a_window_of": each,
        **fast(network, tokens),
    }


def fast(network: Any, tokens: np.ndarray) -> dict[str, Any]:
    """Time the shortcut of tangermeme (fastISM), which it tries with enough windows."""
    from tangermeme.saturation_mutagenesis import saturation_mutagenesis

    columns = one_hot(torch.from_numpy(tokens[:ENOUGH]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        took, _ = seconds(
            lambda: saturation_mutagenesis(
                Logits(network).eval(), columns, device="cpu", raw_outputs=True, batch_size=256
            )
        )
    reasons = [str(w.message).split(". ")[0] for w in caught if "fast=False" in str(w.message)]
    return {
        "tangermeme_fast_seconds": round(took / ENOUGH, 3),
        "tangermeme_fast_told": reasons[0][:200] if reasons else "",
    }


def table(measured: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    return "\n".join(
        [
            "| saturation mutagenesis of a 501-nt window, on one core | seconds |",
            "|---|---|",
            f"| tangermeme, whole evaluations | {measured['tangermeme_seconds']:.2f} |",
            f"| ours, the same numbers | {measured['ours_seconds']:.3f}: "
            f"{measured['ratio']:.0f} times as fast |",
        ]
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_measured(RESULTS, measure())
    update("ism speed", "summary")
