"""A trained model: a network with all that turns its logits into scores, p-values and calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from vqrna.calibration import Calibration
from vqrna.config import Config
from vqrna.devices import full_float32
from vqrna.modifications import Modification
from vqrna.nn.model import Network, SiteNetwork
from vqrna.null import NullSketch
from vqrna.sequence import AMBIGUOUS, centre, one_hot, recentre, windows_around
from vqrna.tiers import Tiers

BATCH = 256
"""Windows at a time where a network is evaluated window by window."""

TILE = 4096
"""Positions at a time where a sequence is scanned densely."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """One network, its modifications and what was measured of it.

    Parameters
    ----------
    network : Network
    config : Config
    modifications : tuple of Modification, length M
    calibration : Calibration
    off_site, shuffled : tuple of NullSketch, length M, or empty
        Nulls from real sequence off the sites, and from shuffled sequence.
    off_site_cut, shuffled_cut : tuple of NullSketch, length M, or empty
        The same of short sequences, whose windows reach beyond their ends.
    tiers : Tiers
    training : dict
        Summary of the training: data, splits, epochs, validation scores.
    hash : str
        Names the weights; empty until they are saved or loaded.
    """

    network: Network
    config: Config
    modifications: tuple[Modification, ...]
    calibration: Calibration
    tiers: Tiers
    off_site: tuple[NullSketch, ...] = ()
    shuffled: tuple[NullSketch, ...] = ()
    off_site_cut: tuple[NullSketch, ...] = ()
    shuffled_cut: tuple[NullSketch, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    hash: str = ""

    @classmethod
    def fresh(
        cls, network: Network, config: Config, modifications: Sequence[Modification]
    ) -> TrainedModel:
        """Wrap a network of which nothing was measured yet."""
        m = len(modifications)
        return cls(network, config, tuple(modifications), Calibration.identity(m), Tiers.none(m))

    @property
    def length(self) -> int:
        """Window length in nt."""
        return self.config.model.length

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.network.parameters()).device

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Evaluate windows at their central site.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length; cut or padded to the model's.

        Returns
        -------
        np.ndarray, shape (N, M), float64
            Log-odds before calibration.
        """
        found = np.empty((len(tokens), len(self.modifications)))
        with _evaluating(self.network):
            for start in range(0, len(tokens), BATCH):
                windows = np.ascontiguousarray(recentre(tokens[start : start + BATCH], self.length))
                columns = one_hot(torch.from_numpy(windows).to(self.device))
                found[start : start + BATCH] = self.network(columns).logits.double().cpu().numpy()
        return found

    def scan(self, tokens: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Evaluate every position of a sequence; beyond its ends the network sees nothing.

        Parameters
        ----------
        tokens : np.ndarray, shape (S,), uint8
        start, stop : int
            Only these positions, from 0; the rest is context.

        Returns
        -------
        np.ndarray, shape (stop - start, M), float64
            Log-odds before calibration. Where the network is evaluated window by window, positions
            whose base carries no modification of the model are nan.
        """
        stop = len(tokens) if stop is None else stop
        if isinstance(self.network, SiteNetwork):
            return self._scan_densely(self.network, tokens, start, stop)
        candidates = np.any([m.candidates(tokens) for m in self.modifications], axis=0)
        sites = start + np.flatnonzero(candidates[start:stop])
        found = np.full((stop - start, len(self.modifications)), np.nan)
        for i in range(0, len(sites), BATCH):
            part = sites[i : i + BATCH]
            found[part - start] = self.logits(windows_around(tokens, part, self.length))
        return found

    def _scan_densely(
        self, network: SiteNetwork, tokens: np.ndarray, start: int, stop: int
    ) -> np.ndarray:
        """Scan in tiles that carry half a window of context on either side."""
        half = centre(self.length)
        padded = np.pad(tokens, half, constant_values=AMBIGUOUS)
        found = np.empty((stop - start, len(self.modifications)))
        with _evaluating(network):
            for at in range(start, stop, TILE):
                end = min(at + TILE, stop)
                tile = torch.from_numpy(padded[at : end + 2 * half]).to(self.device)
                logits = network.scan(one_hot(tile[None]))[0]
                found[at - start : end - start] = logits.T.double().cpu().numpy()
        return found

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits (..., M) into calibrated probabilities at the even class ratio."""
        return self.calibration.score(logits)

    def p_values(self, logits: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        """Turn logits into p-values against the off-site null.

        Parameters
        ----------
        logits : np.ndarray, shape (..., M)
        cut : np.ndarray, shape (...), bool, optional
            Which windows reach beyond an end, and so have a null of their own.

        Returns
        -------
        np.ndarray, shape (..., M), float64
            nan without a null.
        """
        p = np.full(np.shape(logits), np.nan)
        for m, sketch in enumerate(self.off_site):
            p[..., m] = sketch.p_value(logits[..., m])
        if cut is not None:
            for m, sketch in enumerate(self.off_site_cut):
                p[..., m] = np.where(cut, sketch.p_value(logits[..., m]), p[..., m])
        return p

    def to(self, device: str | torch.device) -> TrainedModel:
        """Move the network to a device."""
        self.network.to(device)
        return self


@contextmanager
def _evaluating(network: Network) -> Iterator[None]:
    """Evaluate a network while the body runs: no dropout, no gradients, whole float32."""
    network.eval()
    with torch.inference_mode(), full_float32():
        yield


@dataclass(frozen=True, eq=False)
class ModelSet:
    """Several models, each with types of its own, that act as one (the paper's way).

    Parameters
    ----------
    models : tuple of TrainedModel
    hash : str
        Names the weights of all.
    """

    models: tuple[TrainedModel, ...]
    hash: str = ""

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """All types, in the order of the models."""
        return tuple(m for model in self.models for m in model.modifications)

    @property
    def length(self) -> int:
        """The longest window length in nt."""
        return max(model.length for model in self.models)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return self.models[0].device

    @property
    def calibration(self) -> Calibration:
        """Calibration of all types; told as fitted only if all are."""
        parts = [model.calibration for model in self.models]
        fitted = [part.fitted_on for part in parts]
        return Calibration(
            np.concatenate([part.slope for part in parts]),
            np.concatenate([part.intercept for part in parts]),
            "; ".join(dict.fromkeys(fitted)) if all(fitted) else "",
        )

    @property
    def tiers(self) -> Tiers:
        """Thresholds of all types."""
        parts = [model.tiers for model in self.models]
        meanings = tuple(meaning for part in parts for meaning in part.meanings)
        cut = [part.logits if part.cut_logits is None else part.cut_logits for part in parts]
        whole = np.concatenate([part.logits for part in parts])
        return Tiers(whole, meanings, np.concatenate(cut))

    @property
    def off_site(self) -> tuple[NullSketch, ...]:
        """Off-site nulls of all types; empty if a model has none."""
        return self._all("off_site")

    @property
    def off_site_cut(self) -> tuple[NullSketch, ...]:
        """Off-site nulls of short sequences of all types; empty if a model has none."""
        return self._all("off_site_cut")

    @property
    def shuffled(self) -> tuple[NullSketch, ...]:
        """Nulls from shuffled sequence of all types; empty if a model has none."""
        return self._all("shuffled")

    @property
    def training(self) -> dict[str, Any]:
        """Summaries of the trainings by the symbols of their types."""
        return {",".join(m.symbol for m in x.modifications): x.training for x in self.models}

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Evaluate windows with every model (see :meth:`TrainedModel.logits`)."""
        return np.concatenate([model.logits(tokens) for model in self.models], axis=1)

    def scan(self, tokens: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Evaluate every position with every model (see :meth:`TrainedModel.scan`)."""
        return np.concatenate([model.scan(tokens, start, stop) for model in self.models], axis=1)

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits (..., M) into calibrated probabilities at the even class ratio."""
        return self.calibration.score(logits)

    def p_values(self, logits: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        """Turn logits (..., M) into p-values (see :meth:`TrainedModel.p_values`)."""
        width = [len(model.modifications) for model in self.models]
        parts = np.split(logits, np.cumsum(width)[:-1], axis=-1)
        found = [model.p_values(part, cut) for model, part in zip(self.models, parts, strict=True)]
        return np.concatenate(found, axis=-1)

    def to(self, device: str | torch.device) -> ModelSet:
        """Move all networks to a device."""
        for model in self.models:
            model.to(device)
        return self

    def _all(self, name: str) -> tuple[NullSketch, ...]:
        parts = [getattr(model, name) for model in self.models]
        return tuple(sketch for part in parts for sketch in part) if all(parts) else ()


Model = TrainedModel | ModelSet


def with_hash(model: TrainedModel, name: str) -> TrainedModel:
    """Give the same model a name for its weights."""
    return replace(model, hash=name)
