"""Tiny networks and models, and windows with a planted motif about their sites."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from vqrna import config as configs
from vqrna.config import Config
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel
from vqrna.modifications import modifications
from vqrna.nn.model import Network, SiteNetwork, build
from vqrna.sequence import AMBIGUOUS, centre, encode, one_hot
from vqrna.stats.calibration import Calibration
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import WINDOW_KINDS, Curve, ScanCalibration
from vqrna.stats.tiers import TierMeaning

MOTIFS = {"Am": "GGACU", "Cm": "UUCAA", "Um": "AGUGC"}
"""What stands about the modified sites that are planted."""


def tiny(**changes: object) -> Config:
    """Our preset at a size that trains in milliseconds."""
    small = {
        "length": 51,
        "codebook_size": 16,
        "code_dim": 8,
        "stem_width": 8,
        "width": 8,
        "head_width": 8,
        "region_width": 8,
        "epochs": 2,
        "batch_size": 16,
        "precision": "float32",
    }
    return configs.replace(configs.preset("vqrna"), **(small | changes))


def tiny_paper(**changes: object) -> Config:
    """The published preset, shortest windows and few epochs; its widths are fixed."""
    small = {"length": 51, "epochs": 1, "batch_size": 16}
    return configs.replace(configs.preset("paper"), **(small | changes))


def random_tokens(n: int, length: int, seed: int = 0, ambiguous: float = 0.0) -> np.ndarray:
    """Random windows (N, L), a share of their letters ambiguous."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 4, (n, length)).astype(np.uint8)
    tokens[rng.random((n, length)) < ambiguous] = AMBIGUOUS
    return tokens


def columns(tokens: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """One-hot columns of windows: (N, L) to (N, 4, L)."""
    return one_hot(torch.from_numpy(np.ascontiguousarray(tokens))).to(dtype)


def planted(
    n: int = 64, length: int = 51, seed: int = 0, symbols: tuple[str, ...] = ("Am",)
) -> Windows:
    """Random windows, n a type; every second one carries the motif of its type at the site.

    Nothing is known of a window for the other types.
    """
    tokens = random_tokens(n * len(symbols), length, seed)
    labels = np.full((len(tokens), len(symbols)), -1, dtype=np.int8)
    at = centre(length)
    for m, symbol in enumerate(symbols):
        motif = encode(MOTIFS[symbol])
        rows = slice(m * n, (m + 1) * n)
        labels[rows, m] = np.arange(n) % 2
        tokens[rows, at] = motif[2]
        tokens[m * n + 1 : (m + 1) * n : 2, at - 2 : at + 3] = motif
    return Windows(
        tokens=tokens,
        labels=labels,
        negative_set=np.where(labels == 0, 0, -1).astype(np.int8),
        negative_sets=("random",),
        names=tuple(f"w{i}" for i in range(len(tokens))),
        modifications=modifications(list(symbols)),
    )


def network(
    config: Config | None = None, types: int = 2, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Network:
    """A network in evaluation mode that has seen nothing, but is not trivial.

    Normalisations have statistics of their own, and the codes are latents of random windows, so
    that many occur.
    """
    config = config or tiny()
    torch.manual_seed(seed)
    made = build(config.model, types).to(dtype).eval()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
    with torch.no_grad():
        seen = columns(random_tokens(64, config.model.length, seed + 1), dtype)
        if isinstance(made, SiteNetwork):
            latents = made.encoder(seen)
            directions = torch.nn.functional.normalize(latents, dim=-1).flatten(0, 1)
            made.quantizer._start(directions)
        else:
            latents = made.encoder(seen).flatten(0, 1)
            chosen = torch.randperm(len(latents))[: len(made.quantizer.codebook)]
            made.quantizer.codebook[: len(chosen)] = latents[chosen]
    return made


def fresh(
    config: Config | None = None, symbols: Sequence[str] = ("Am", "Cm"), seed: int = 0
) -> TrainedModel:
    """A model whose network has seen nothing, and of which nothing was measured."""
    config = config or tiny()
    kinds = modifications(list(symbols))
    return TrainedModel.fresh(network(config, len(kinds), seed), config, kinds)


def measured(symbols: Sequence[str] = ("Am", "Cm"), seed: int = 0) -> TrainedModel:
    """A model with calibration, tiers and nulls of made-up numbers."""
    model = fresh(symbols=symbols, seed=seed)
    m = len(symbols)
    rng = np.random.default_rng(seed)

    def nulls(count: int, nt: int) -> tuple[NullDistribution, ...]:
        return tuple(NullDistribution.from_logits(rng.normal(size=count), nt) for _ in range(m))

    return dataclasses.replace(
        model,
        calibration=Calibration(rng.uniform(0.5, 2, m), rng.normal(size=m), "windows"),
        scan_calibration=ScanCalibration(
            tuple(
                tuple(Curve(*np.sort(rng.normal(size=(2, 4)))) for _ in WINDOW_KINDS)
                for _ in symbols
            ),
            "positions",
        ),
        tiers=tuple(
            TierMeaning(s, "low", kind, 0.5, 0.1, 0.2, 0.1, 0.05)
            for kind in WINDOW_KINDS
            for s in symbols
        ),
        off_site=nulls(50, 500),
        shuffled=nulls(40, 400),
        off_site_cut=nulls(30, 300),
        shuffled_cut=nulls(20, 200),
        training={"seed": seed},
        hash=f"h{seed}",
    )
