"""Settings of a prediction: modifications, priors, and which sites are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError
from vqrna.model import Precision
from vqrna.modifications import Modification, Names
from vqrna.modifications import modification as find_modification
from vqrna.modifications import modifications as find_modifications
from vqrna.runtime.arguments import integer, real_number
from vqrna.stats.tiers import DEFAULT_TIER, tier_index


@dataclass(frozen=True, eq=False)
class Settings:
    """Modifications, thresholds and priors of a prediction.

    Parameters
    ----------
    columns : np.ndarray, shape (K,), int
        Columns of the model's logits.
    modifications : tuple of Modification, length K
    priors : np.ndarray, shape (K,), float64
        Assumed fraction of candidates that are modified.
    confidence : str or None
        Lowest tier that is called; None to call by the other limits only.
    threshold : float or None
        Lowest score that is called.
    min_probability : float or None
        Lowest probability that is called.
    all_sites : bool
        Whether to report candidates that are not called, too.
    fdr : float or None
        Largest q-value that is called.
    top : int or None
        Most sites of each sequence and modification that are called, the most probable ones of
        those that the other limits leave.
    precision : {"float32", "fast"}
        See :meth:`vqrna.model.TrainedModel.scan_batch`.
    """

    columns: np.ndarray
    modifications: tuple[Modification, ...]
    priors: np.ndarray
    confidence: str | None
    threshold: float | None
    all_sites: bool
    min_probability: float | None = None
    fdr: float | None = None
    precision: Precision = "float32"
    top: int | None = None

    @property
    def below_tiers(self) -> bool:
        """Whether sites that reach no tier can be called."""
        limits = (self.threshold, self.min_probability, self.top)
        return self.confidence is None and any(limit is not None for limit in limits)

    @property
    def best_of_part(self) -> int | None:
        """Number of sites of each segment and modification of a part among which the called are.

        None if all sites of the part are needed: to report them, or because more limits, which
        depend on the whole scan, come first.
        """
        return None if self.all_sites or self.fdr is not None else self.top

    def to_dict(self) -> dict[str, object]:
        """Return the settings for ``run.json``: those of :meth:`describe`, and plain values."""
        named = zip(self.modifications, self.priors.tolist(), strict=True)
        return self.describe() | {
            "priors": {m.symbol: prior for m, prior in named},
            "confidence": self.confidence,
            "threshold": self.threshold,
            "min_probability": self.min_probability,
            "fdr": self.fdr,
            "top": self.top,
            "all_sites": self.all_sites,
        }

    def describe(self) -> dict[str, str]:
        """Return the settings as text, for the header lines of a file; numbers are not rounded."""
        limits = {
            "confidence {} or higher": self.confidence,
            "score {} or higher": self.threshold,
            "probability {} or higher": self.min_probability,
            "q-value {} or lower": self.fdr,
            "the {} most probable of each sequence and modification": self.top,
        }
        called = [text.format(limit) for text, limit in limits.items() if limit is not None]
        named = zip(self.modifications, self.priors.tolist(), strict=True)
        return {
            "called": ", ".join(called),
            "reported": "all candidate sites" if self.all_sites else "called sites",
            "priors": " ".join(f"{m.symbol}={prior}" for m, prior in named),
            **({} if self.precision == "float32" else {"precision": self.precision}),
        }


@dataclass(frozen=True)
class Resources:
    """Resources that the user asks for."""

    jobs: int | None = None  # Threads or actors; what fits if not given
    # Device of actors: ``auto``, ``cpu`` or ``cuda``. Threads use that of the model.
    device: str = "auto"
    # Address of a cluster (see :func:`vqrna.runtime.ray_cluster.ray_cluster`)
    address: str | None = None


def make_settings(
    known: Sequence[Modification],
    *,
    modifications: Names | None = None,
    confidence: str | None = None,
    threshold: float | None = None,
    min_probability: float | None = None,
    prior: float | Mapping[str, float] | None = None,
    all_sites: bool = False,
    fdr: float | None = None,
    top: int | None = None,
    precision: Precision = "float32",
) -> Settings:
    """Check settings and fill in the defaults.

    Parameters
    ----------
    known : sequence of Modification
        Modifications of the model.
    modifications : str, Modification, or sequence of these, optional
        Those to predict, by any of their names; all if not given.
    confidence : {"low", "medium", "high"}, optional
        By default medium, or no tier where `threshold`, `min_probability` or `top` is set.
    threshold : float, optional
        Lowest score that is called, from 0 to 1.
    min_probability : float, optional
        Lowest probability that is called, from 0 to 1.
    prior : float or mapping of str to float, optional
        One for all modifications, or by symbol; the documented ones if not given.
    all_sites : bool
    fdr : float, optional
        Largest q-value that is called, above 0 and at most 1.
    top : int, optional
        Number of sites of each sequence and modification that are called: the most probable ones.
        With other limits, those of the sites that these leave.
    precision : {"float32", "fast"}

    Raises
    ------
    UsageError
        If a name is unknown or a number out of range, or `top` is combined with `all_sites`.
    """
    known = tuple(known)
    wanted = find_modifications(modifications, known)
    if confidence is not None:
        tier_index(confidence)
    elif threshold is None and min_probability is None and top is None:
        confidence = DEFAULT_TIER
    # Numbers of numpy become those of Python, which JSON can hold
    if threshold is not None:
        threshold = real_number(threshold, "threshold")
    if min_probability is not None:
        min_probability = real_number(min_probability, "min_probability")
    if fdr is not None:
        fdr = real_number(fdr, "fdr")
    if min_probability is not None and not 0 <= min_probability <= 1:
        raise UsageError(f"invalid probability {min_probability:g} (expected from 0 to 1)")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"invalid threshold {threshold:g} (expected a score from 0 to 1)")
    if fdr is not None and not 0 < fdr <= 1:
        raise UsageError(f"invalid false discovery rate {fdr:g} (expected above 0, at most 1)")
    if top is not None:
        top = integer(top, "number of top sites")
        if top < 1:
            raise UsageError(f"invalid number of top sites {top} (expected 1 or more)")
        if all_sites:
            raise UsageError(
                "--top and --all-sites cannot be combined: the first one leaves out candidates"
            )
    default, by_symbol = _priors(prior, known)
    priors = [by_symbol.get(m.symbol, m.prior if default is None else default) for m in wanted]
    columns = np.array([known.index(m) for m in wanted])
    return Settings(
        columns,
        wanted,
        np.array(priors),
        confidence,
        threshold,
        all_sites,
        min_probability,
        fdr,
        precision,
        top,
    )


def _priors(
    prior: object, known: tuple[Modification, ...]
) -> tuple[float | None, dict[str, float]]:
    """Return the prior of all types, if there is one, and those by symbol."""
    by_name = dict(prior) if isinstance(prior, Mapping) else {} if prior is None else {"": prior}
    default, by_symbol = None, dict[str, float]()
    for name, given in by_name.items():
        value = real_number(given, "prior")
        if not 0 < value < 1:
            raise UsageError(f"invalid prior {value:g} (expected between 0 and 1)")
        if not name:
            default = value
            continue
        symbol = find_modification(name, known).symbol
        if symbol in by_symbol:
            raise UsageError(f"the prior of {symbol} is given twice (the second time as '{name}')")
        by_symbol[symbol] = value
    return default, by_symbol


def parse_priors(texts: Sequence[str] | None) -> dict[str, float]:
    """Parse priors of the command line: ``0.001`` or ``m6A=0.002,Psi=0.01``.

    Raises UsageError if one is not a number, or given twice.
    """
    priors: dict[str, float] = {}
    for text in (part for whole in texts or () for part in whole.split(",")):
        name, sign, value = text.rpartition("=")
        name = name.strip()
        if sign and not name:
            raise UsageError(f"invalid prior '{text}' (expected 0.001 or m6A=0.002)")
        if name in priors:
            raise UsageError(f"--prior is given twice for {name or 'all modifications'}")
        try:
            priors[name] = float(value)
        except ValueError:
            raise UsageError(f"invalid prior '{text}' (expected 0.001 or m6A=0.002)") from None
    return priors
