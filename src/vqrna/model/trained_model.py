"""A trained model: a network, and what converts its logits to scores, p-values and calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from vqrna.config import Config
from vqrna.model.familiarity import Familiarity
from vqrna.model.inference import CONTEXT_DTYPES, Precision, Scanned, dense_codes, evaluating
from vqrna.model.training_sketch import TrainingSketch
from vqrna.modifications import Modification
from vqrna.nn.dense import dense_network, supports_dense
from vqrna.nn.model import Network
from vqrna.sequence import AMBIGUOUS, centre, one_hot, recentre, windows_around
from vqrna.stats.calibration import Calibration
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import ScanCalibration
from vqrna.stats.tiers import TierMeaning

BATCH = 256
"""Windows at a time where a network is evaluated window by window."""

TILE = 16384
"""Positions at a time where a whole sequence is scanned."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """One network, its modifications, and what was measured on validation windows.

    Parameters
    ----------
    network : Network
    config : Config
    modifications : tuple of Modification, length M
    calibration : Calibration
        Scores where half of all candidates are modified.
    scan_calibration : ScanCalibration
        Probabilities in a scan.
    off_site, shuffled : tuple of NullDistribution, length M, or empty
        Null distributions: real sequence beside the sites, and shuffled sequence.
    off_site_cut, shuffled_cut : tuple of NullDistribution, length M, or empty
        The same for windows that reach beyond the ends of a sequence.
    tiers : tuple of TierMeaning
        Measured rates of the confidence tiers; empty if they were not measured.
    training : dict
        Summary of the training: data, splits, epochs, validation scores.
    hash : str
        Identifies the weights; empty until they are saved or loaded.
    familiarity : Familiarity or None
        Recognises windows that differ from the training windows.
    sketch : TrainingSketch or None
        Recognises sites that were in the training windows.
    """

    network: Network
    config: Config
    modifications: tuple[Modification, ...]
    calibration: Calibration
    scan_calibration: ScanCalibration
    off_site: tuple[NullDistribution, ...] = ()
    shuffled: tuple[NullDistribution, ...] = ()
    off_site_cut: tuple[NullDistribution, ...] = ()
    shuffled_cut: tuple[NullDistribution, ...] = ()
    tiers: tuple[TierMeaning, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    hash: str = ""
    familiarity: Familiarity | None = None
    sketch: TrainingSketch | None = None

    @classmethod
    def fresh(
        cls, network: Network, config: Config, modifications: Sequence[Modification]
    ) -> TrainedModel:
        """Return a model without calibration, nulls and thresholds."""
        m = len(modifications)
        calibration, scans = Calibration.identity(m), ScanCalibration.none(m)
        return cls(network, config, tuple(modifications), calibration, scans)

    @property
    def sketches(self) -> tuple[TrainingSketch, ...]:
        """The sketch of the training windows, if any."""
        return () if self.sketch is None else (self.sketch,)

    @property
    def length(self) -> int:
        """Window length in nt."""
        return self.config.model.length

    @property
    def scans_densely(self) -> bool:
        """Whether a scan evaluates all positions at once, not (slowly) window by window."""
        return supports_dense(self.network)

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the network."""
        return next(self.network.parameters()).dtype

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
        logits = np.empty((len(tokens), len(self.modifications)))
        with evaluating(self.network):
            for start in range(0, len(tokens), BATCH):
                windows = np.ascontiguousarray(recentre(tokens[start : start + BATCH], self.length))
                columns = one_hot(torch.from_numpy(windows).to(self.device)).to(self.dtype)
                logits[start : start + BATCH] = self.network(columns).logits.double().cpu().numpy()
        return logits

    def scan(
        self,
        tokens: np.ndarray,
        start: int = 0,
        stop: int | None = None,
        precision: Precision = "float32",
    ) -> np.ndarray:
        """Evaluate every position of a sequence; letters beyond its ends are ambiguous.

        Parameters
        ----------
        tokens : np.ndarray, shape (S,), uint8
        start, stop : int
            Range of positions, from 0; the rest of the sequence is context.
        precision : {"float32", "fast"}
            See :meth:`scan_batch`.

        Returns
        -------
        np.ndarray, shape (stop - start, M), float64
            Log-odds before calibration. Where the network is evaluated window by window, positions
            whose base carries no modification of the model are nan.
        """
        stop = len(tokens) if stop is None else stop
        half = centre(self.length)
        padded = np.pad(tokens, half, constant_values=AMBIGUOUS)
        logits = np.empty((stop - start, len(self.modifications)))
        for at in range(start, stop, TILE):
            end = min(at + TILE, stop)
            tile = self.scan_batch(padded[None, at : end + 2 * half], precision)
            logits[at - start : end - start] = tile.logits[0]
        return logits

    def scan_batch(
        self, tokens: np.ndarray, precision: Precision = "float32", *, letters_only: bool = False
    ) -> Scanned:
        """Evaluate every position of rows of sequence with their context.

        Threads may share a model. The numbers of a position are the same to the last bit wherever
        it is in a row, and do not depend on other rows.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, W + length - 1), uint8
            W positions with half a window of context on either side, `AMBIGUOUS` beyond the ends
            of a sequence.
        precision : {"float32", "fast"}
            ``fast`` evaluates everything after the codes in bfloat16: the codes are the same, and
            logits differ in the second decimal place. Without effect window by window.
        letters_only : bool
            Whether logits of positions with an ambiguous letter may be nan, which is faster for
            short sequences side by side.

        Returns
        -------
        Scanned
        """
        with evaluating(self.network):
            if supports_dense(self.network):
                columns = torch.from_numpy(np.ascontiguousarray(tokens)).to(self.device)
                output = dense_network(self.network, CONTEXT_DTYPES[precision])(
                    columns, letters_only
                )
                if self.familiarity is None:
                    return Scanned.from_dense(output)
                return Scanned.from_dense(
                    output, self.familiarity.out_of_distribution(output.codes, columns, self.length)
                )
        half = centre(self.length)
        count = tokens.shape[1] - 2 * half
        logits = np.full((len(tokens), count, len(self.modifications)), np.nan)
        for row, row_logits in zip(tokens, logits, strict=True):
            candidates = np.any([m.candidates(row) for m in self.modifications], axis=0)
            sites = np.flatnonzero(candidates[half : half + count])
            for i in range(0, len(sites), BATCH):
                part = sites[i : i + BATCH]
                row_logits[part] = self.logits(windows_around(row, half + part, self.length))
        return Scanned(logits, np.zeros(logits.shape[:2], dtype=bool))

    def flags(self, tokens: np.ndarray) -> dict[str, np.ndarray]:
        """Return the flags of windows.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length; cut or padded to the model's.

        Returns
        -------
        dict of str to np.ndarray, shape (N,), bool
            ``ood`` and ``in_training`` (see `vqrna.sites.FLAGS`), those for which the model has a
            table.
        """
        flags = {}
        windows = recentre(tokens, self.length)
        if self.familiarity is not None and supports_dense(self.network):
            flags["ood"] = np.zeros(len(tokens), dtype=bool)
            for start in range(0, len(tokens), BATCH):
                part = np.ascontiguousarray(windows[start : start + BATCH])
                codes, letters = dense_codes(self.network, part), torch.from_numpy(part)
                ood = self.familiarity.out_of_distribution(
                    codes, letters.to(codes.device), self.length
                )
                flags["ood"][start : start + BATCH] = ood[:, 0].cpu().numpy()
        if self.sketch is not None:
            flags["in_training"] = self.sketch.holds(tokens)
        return flags

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Convert logits (..., M) to calibrated probabilities at the even class ratio."""
        return self.calibration.score(logits)

    def thresholds(self, kind: str = "whole") -> np.ndarray:
        """Return the lowest logit of each tier at the documented priors, shape (M, 3).

        Infinite where no logit reaches a tier (see :meth:`ScanCalibration.thresholds`).
        """
        priors = np.array([m.prior for m in self.modifications])
        return self.scan_calibration.thresholds(priors, kind)

    def p_values(self, logits: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        """Convert logits to p-values against the off-site null.

        Parameters
        ----------
        logits : np.ndarray, shape (..., M)
        cut : np.ndarray, shape (...), bool, optional
            Which windows reach beyond an end of their sequence: they have another null.

        Returns
        -------
        np.ndarray, shape (..., M), float64
            nan without a null.
        """
        p = np.full(np.shape(logits), np.nan)
        for m, null in enumerate(self.off_site):
            p[..., m] = null.p_value(logits[..., m])
        if cut is not None:
            for m, null in enumerate(self.off_site_cut):
                p[..., m] = np.where(cut, null.p_value(logits[..., m]), p[..., m])
        return p

    def to(self, device: str | torch.device) -> TrainedModel:
        """Move the network to a device."""
        self.network.to(device)
        return self
