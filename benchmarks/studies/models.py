"""Models that are measured on studies: simple ones, those of others, and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.quality.baselines import Baseline, fit_trees_more

from vqrna.data.features import one_hot
from vqrna.data.studies import Study
from vqrna.errors import UsageError
from vqrna.model import TrainedModel
from vqrna.model.protocol import Scorer
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.sequence import recentre
from vqrna.stats.calibration import sigmoid

SITE = 5
"""Nt of the linear model that shows how much the bases of the site alone reveal."""

ALL, NONE = "all", "none"
"""In place of the name of a study: train with all studies, or with none."""

TOGETHER = "+"
"""Between studies that one training leaves out together."""

M6AFORMER = "all_201"
"""Of the four networks in the package, the one with random negatives and short windows."""


def fit_site(study: Study) -> Baseline:
    """Fit logistic regression to the bases of the central `SITE` nt, a model per type."""
    from sklearn.linear_model import LogisticRegression

    def prepare(tokens: np.ndarray) -> np.ndarray:
        return one_hot(recentre(tokens, SITE)).astype(float)

    numbers = prepare(study.train.tokens)

    def head(column: int) -> Callable[[np.ndarray], np.ndarray]:
        known = study.train.labels[:, column] >= 0
        labels = study.train.labels[known, column]
        model = LogisticRegression(max_iter=1000).fit(numbers[known], labels)
        return lambda new: np.asarray(model.decision_function(new))

    columns = study.types()
    types = tuple(study.train.modifications[c] for c in columns)
    return Baseline(types, prepare, tuple(head(c) for c in columns), SITE)


def fit_trees(study: Study) -> Baseline:
    """Fit trees to the training windows of the study alone, a model per type."""
    return fit_trees_more(study.train, study.types(), 0)


@dataclass(frozen=True, eq=False)
class M6AFormer:
    """The m6A network of the package m6aformer (``pip install m6aformer``)."""

    network: Any
    modifications: tuple[Modification, ...]
    length: int
    hash: str

    @classmethod
    def load(cls) -> M6AFormer:
        """Load the network; raises UsageError without the package."""
        try:
            import m6aformer
        except ImportError:
            raise UsageError("the package m6aformer is missing: pip install m6aformer") from None
        types = tuple(m for m in MODIFICATIONS if m.symbol == "m6A")
        network = m6aformer.M6AFormer.from_pretrained(M6AFORMER, device="cpu", allow_download=False)
        return cls(network, types, int(M6AFORMER.rpartition("_")[2]), m6aformer.__version__)

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Return the log-odds (N, 1) of windows (N, L); unknown bases are columns of zeros."""
        import torch

        windows = recentre(tokens, self.length)
        columns = one_hot(windows).reshape(len(windows), self.length, 4).astype(np.float32)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(columns), 256):
                part = torch.from_numpy(columns[start : start + 256])
                parts.append(self.network.network(part).float().numpy().reshape(-1, 1))
        return np.concatenate(parts).astype(float)

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities of the network."""
        return sigmoid(logits)


def trained_without(
    name: str, data: Path, studies: Path, runs: Path, config: Any, *, show_progress: bool
) -> TrainedModel:
    """Train a network on the main data and all studies but some, or resume it.

    Parameters
    ----------
    name : str
        Studies to leave out, joined by `TOGETHER`; `ALL` leaves out no study, `NONE` all.
    """
    from vqrna.data.studies import read_studies
    from vqrna.training import from_benchmark, train_network

    source = from_benchmark(data, on_missing=lambda line: None)
    every = read_studies(studies, source.train.modifications, on_missing=lambda line: None)
    without = name.split(TOGETHER)
    kept = () if name == NONE else tuple(s for s in every if s.name not in without)
    result = train_network(
        source.train,
        source.valid,
        runs / f"without-{name}",
        config,
        resume=True,
        device="cpu",
        show_progress=show_progress,
        calibrate=False,
        studies=kept,
    )
    return result.model


def fits(model: Scorer, study: Study) -> bool:
    """Return whether a model scores a type of a study."""
    symbols = {study.valid.modifications[m].symbol for m in study.types()}
    return bool(symbols & {m.symbol for m in model.modifications})
