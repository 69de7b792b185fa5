"""Several models with different types that are used as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vqrna.model.inference import Precision, Scanned
from vqrna.model.trained_model import TrainedModel
from vqrna.model.training_sketch import TrainingSketch
from vqrna.modifications import Modification
from vqrna.sequence import centre
from vqrna.stats.calibration import Calibration
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import ScanCalibration
from vqrna.stats.tiers import TierMeaning


@dataclass(frozen=True, eq=False)
class ModelSet:
    """Several models with different types that are used as one, as published.

    Parameters
    ----------
    models : tuple of TrainedModel
    hash : str
        Identifies the weights of all models.
    """

    models: tuple[TrainedModel, ...]
    hash: str = ""

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """Types of all models, in their order."""
        return tuple(m for model in self.models for m in model.modifications)

    @property
    def length(self) -> int:
        """The longest window length in nt."""
        return max(model.length for model in self.models)

    @property
    def scans_densely(self) -> bool:
        """Whether all models scan all positions at once (see :class:`TrainedModel`)."""
        return all(model.scans_densely for model in self.models)

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return self.models[0].device

    @property
    def calibration(self) -> Calibration:
        """Calibration of all types; `fitted_on` is empty unless all are fitted."""
        parts = [model.calibration for model in self.models]
        fitted = [part.fitted_on for part in parts]
        return Calibration(
            np.concatenate([part.slope for part in parts]),
            np.concatenate([part.intercept for part in parts]),
            "; ".join(dict.fromkeys(fitted)) if all(fitted) else "",
        )

    @property
    def scan_calibration(self) -> ScanCalibration:
        """Calibration of all types for scans; `fitted_on` is empty unless all are fitted."""
        parts = [model.scan_calibration for model in self.models]
        fitted = [part.fitted_on for part in parts]
        return ScanCalibration(
            tuple(curves for part in parts for curves in part.curves),
            "; ".join(dict.fromkeys(fitted)) if all(fitted) else "",
        )

    @property
    def tiers(self) -> tuple[TierMeaning, ...]:
        """Measured rates of the confidence tiers of all types."""
        return tuple(meaning for model in self.models for meaning in model.tiers)

    def thresholds(self, kind: str = "whole") -> np.ndarray:
        """Return the lowest logit of each tier (see :meth:`TrainedModel.thresholds`)."""
        return np.concatenate([model.thresholds(kind) for model in self.models])

    @property
    def off_site(self) -> tuple[NullDistribution, ...]:
        """Off-site nulls of all types; empty unless all models have them."""
        return self._all("off_site")

    @property
    def off_site_cut(self) -> tuple[NullDistribution, ...]:
        """Off-site nulls of cut windows of all types; empty unless all models have them."""
        return self._all("off_site_cut")

    @property
    def shuffled(self) -> tuple[NullDistribution, ...]:
        """Shuffled nulls of all types; empty unless all models have them."""
        return self._all("shuffled")

    @property
    def training(self) -> dict[str, Any]:
        """Summaries of the trainings, by the symbols of their types."""
        return {",".join(m.symbol for m in x.modifications): x.training for x in self.models}

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Evaluate windows with every model (see :meth:`TrainedModel.logits`)."""
        return np.concatenate([model.logits(tokens) for model in self.models], axis=1)

    def scan(
        self,
        tokens: np.ndarray,
        start: int = 0,
        stop: int | None = None,
        precision: Precision = "float32",
    ) -> np.ndarray:
        """Evaluate every position with every model (see :meth:`TrainedModel.scan`)."""
        parts = [model.scan(tokens, start, stop, precision) for model in self.models]
        return np.concatenate(parts, axis=1)

    def scan_batch(
        self, tokens: np.ndarray, precision: Precision = "float32", *, letters_only: bool = False
    ) -> Scanned:
        """Evaluate every position of rows (see :meth:`TrainedModel.scan_batch`).

        The rows have the context of the longest model; a near tie or flag is one of any model.
        """
        spare = [centre(self.length) - centre(model.length) for model in self.models]
        parts = [
            model.scan_batch(
                tokens[:, cut : tokens.shape[1] - cut], precision, letters_only=letters_only
            )
            for model, cut in zip(self.models, spare, strict=True)
        ]
        ood = [part.ood for part in parts if part.ood is not None]
        return Scanned(
            np.concatenate([part.logits for part in parts], axis=2),
            np.any([part.near_ties for part in parts], axis=0),
            np.any(ood, axis=0) if ood else None,
        )

    @property
    def sketches(self) -> tuple[TrainingSketch, ...]:
        """Sketches of the training windows of all models that have one."""
        return tuple(sketch for model in self.models for sketch in model.sketches)

    def flags(self, tokens: np.ndarray) -> dict[str, np.ndarray]:
        """Return the flags that any model sets (see :meth:`TrainedModel.flags`)."""
        flags: dict[str, np.ndarray] = {}
        for model in self.models:
            for name, flag in model.flags(tokens).items():
                flags[name] = flags.get(name, False) | flag
        return flags

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Convert logits (..., M) to calibrated probabilities at the even class ratio."""
        return self.calibration.score(logits)

    def p_values(self, logits: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        """Convert logits (..., M) to p-values (see :meth:`TrainedModel.p_values`)."""
        width = [len(model.modifications) for model in self.models]
        parts = np.split(logits, np.cumsum(width)[:-1], axis=-1)
        return np.concatenate(
            [model.p_values(part, cut) for model, part in zip(self.models, parts, strict=True)],
            axis=-1,
        )

    def to(self, device: str | torch.device) -> ModelSet:
        """Move all networks to a device."""
        for model in self.models:
            model.to(device)
        return self

    def _all(self, name: str) -> tuple[NullDistribution, ...]:
        parts = [getattr(model, name) for model in self.models]
        return tuple(null for part in parts for null in part) if all(parts) else ()


Model = TrainedModel | ModelSet
