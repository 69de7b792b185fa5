"""Settings of a run: which effects are reported, and how they are classified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.modifications import Modification
from vqrna.prediction import make_settings
from vqrna.runtime.arguments import integer, real_number
from vqrna.stats.calibration import log_odds, sigmoid
from vqrna.stats.scan_calibration import Curve
from vqrna.stats.tiers import DEFAULT_TIER, PROBABILITIES, tier_index

MIN_DELTA = PROBABILITIES[0]  # a site of the lowest tier that is lost is listed
MIN_PROBABILITY = PROBABILITIES[tier_index(DEFAULT_TIER)]
MAX_LENGTH = 1000
NULL_VARIANTS = 500


@dataclass(frozen=True, eq=False)
class VariantSettings:
    """Settings; made by :func:`make_variant_settings`."""

    columns: np.ndarray  # (K,), int: Columns of the model's logits
    modifications: tuple[Modification, ...]  # K
    priors: np.ndarray  # (K,), float64: Assumed fraction of candidates that are modified
    min_delta: float  # Least change of a probability that is reported
    min_probability: float  # Least probability of a site
    max_length: int  # Longest REF or ALT in nt
    null_variants: int  # Random variants of each kind for the p-values; 0 for none
    seed: int

    def describe(self) -> dict[str, str]:
        """Return the settings as text, for headers and the key of a run."""
        named = zip(self.modifications, self.priors.tolist(), strict=True)
        return {
            "priors": " ".join(f"{m.symbol}={prior}" for m, prior in named),
            "least change": str(self.min_delta),
            "site": f"probability {self.min_probability} or higher",
            "longest allele": str(self.max_length),
            "random variants": f"{self.null_variants} of a kind, seed {self.seed}",
        }

    def to_dict(self) -> dict[str, object]:
        """Return the arguments of :func:`make_variant_settings`, for JSON."""
        named = zip(self.modifications, self.priors.tolist(), strict=True)
        return {
            "modifications": [m.symbol for m in self.modifications],
            "prior": {m.symbol: p for m, p in named},
            "min_delta": self.min_delta,
            "min_probability": self.min_probability,
            "max_length": self.max_length,
            "null_variants": self.null_variants,
            "seed": self.seed,
        }


def make_variant_settings(
    known: Sequence[Modification],
    *,
    modifications: str | Sequence[str] | None = None,
    prior: float | Mapping[str, float] | None = None,
    min_delta: float = MIN_DELTA,
    min_probability: float = MIN_PROBABILITY,
    max_length: int = MAX_LENGTH,
    null_variants: int = NULL_VARIANTS,
    seed: int = 0,
) -> VariantSettings:
    """Check settings and fill in the defaults.

    Parameters
    ----------
    known : sequence of Modification
        Modifications of the model.
    modifications : str or sequence of str, optional
        Those to predict; all if not given.
    prior : float or mapping of str to float, optional
        One for all modifications, or by symbol; the documented ones if not given.
    min_delta : float
        Least change of a probability that is reported; above 0 and at most 1.
    min_probability : float
        Least probability of a site, above 0 and at most 1.
    max_length : int
        Longest REF or ALT in nt.
    null_variants : int
        Random variants of each kind for the p-values; 0 for none.
    seed : int
        Of the random variants.

    Raises
    ------
    UsageError
        If a name is unknown or a number out of range.
    """
    chosen = make_settings(known, modifications=modifications, prior=prior)
    # Numbers of numpy become those of Python, which JSON can hold
    min_delta = real_number(min_delta, "min_delta")
    min_probability = real_number(min_probability, "min_probability")
    max_length = integer(max_length, "max_length")
    null_variants = integer(null_variants, "null_variants")
    seed = integer(seed, "seed")
    if not 0 < min_delta <= 1:
        raise UsageError(f"invalid --min-delta {min_delta:g} (expected above 0, at most 1)")
    if not 0 < min_probability <= 1:
        raise UsageError(
            f"invalid --min-probability {min_probability:g} (expected above 0, at most 1)"
        )
    if max_length < 1:
        raise UsageError(f"invalid --max-length {max_length} (expected 1 or more nt)")
    if null_variants < 0:
        raise UsageError(f"invalid --null-variants {null_variants} (expected 0 or more)")
    if seed < 0:
        raise UsageError(f"invalid --seed {seed} (expected 0 or more)")
    return VariantSettings(
        chosen.columns,
        chosen.modifications,
        chosen.priors,
        min_delta,
        min_probability,
        max_length,
        null_variants,
        seed,
    )


@dataclass(frozen=True, eq=False)
class VariantRules:
    """What turns logits into probabilities, for the modifications of a run."""

    model: Model
    settings: VariantSettings

    @cached_property
    def _curves(self) -> tuple[tuple[Curve, ...], ...]:
        return self.model.scan_calibration.completed(self.model.calibration)

    def log_odds(self, logits: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """Return log-odds at the priors, as in a scan.

        Parameters
        ----------
        logits : np.ndarray, shape (N, M)
        kind : np.ndarray, shape (N,), int
            Kind of each window (`vqrna.stats.scan_calibration.WINDOW_KINDS`).

        Returns
        -------
        np.ndarray, shape (N, K), float64
        """
        evidence = np.empty((len(logits), len(self.settings.columns)))
        for number in np.unique(kind):
            rows = kind == number
            for k, column in enumerate(self.settings.columns):
                evidence[rows, k] = self._curves[column][number](logits[rows, column])
        return evidence + log_odds(self.settings.priors)

    @staticmethod
    def probabilities(log_odds: np.ndarray) -> np.ndarray:
        """Convert log-odds to probabilities; 0 where the model was not evaluated (nan)."""
        return np.nan_to_num(sigmoid(log_odds))
