"""What is predicted and what counts as a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError
from vqrna.model import Precision
from vqrna.modifications import Modification
from vqrna.modifications import modification as find_modification
from vqrna.modifications import modifications as find_modifications
from vqrna.stats.tiers import DEFAULT_TIER, tier_index


@dataclass(frozen=True, eq=False)
class Settings:
    """Which types, which threshold, which priors.

    Parameters
    ----------
    columns : np.ndarray, shape (K,), int
        Columns of the model's logits that are wanted.
    modifications : tuple of Modification, length K
    priors : np.ndarray, shape (K,), float64
        Assumed share of candidates that is modified.
    confidence : str
        Lowest tier that is called.
    threshold : float or None
        Lowest score that is called, in place of the tiers.
    all_sites : bool
        Whether candidates that are not called are reported, too.
    fdr : float or None
        Largest q-value that is called.
    precision : {"float32", "fast"}
        See :meth:`vqrna.model.TrainedModel.scan_batch`.
    """

    columns: np.ndarray
    modifications: tuple[Modification, ...]
    priors: np.ndarray
    confidence: str
    threshold: float | None
    all_sites: bool
    fdr: float | None = None
    precision: Precision = "float32"

    def told(self) -> dict[str, str]:
        """Give the settings as text, for the head of a file; numbers to their last digit."""
        if self.threshold is None:
            called = f"confidence {self.confidence} or higher"
        else:
            called = f"score {self.threshold} or higher"
        if self.fdr is not None:
            called += f", q-value {self.fdr} or lower"
        named = zip(self.modifications, self.priors.tolist(), strict=True)
        return {
            "called": called,
            "reported": "all candidate sites" if self.all_sites else "called sites",
            "priors": " ".join(f"{m.symbol}={prior}" for m, prior in named),
            **({} if self.precision == "float32" else {"precision": self.precision}),
        }


def make_settings(
    known: Sequence[Modification],
    *,
    modifications: str | Sequence[str] | None = None,
    confidence: str = DEFAULT_TIER,
    threshold: float | None = None,
    prior: float | Mapping[str, float] | None = None,
    all_sites: bool = False,
    fdr: float | None = None,
    precision: Precision = "float32",
) -> Settings:
    """Check and complete what a caller asks for.

    Parameters
    ----------
    known : sequence of Modification
        What the model tells.
    modifications : str or sequence of str, optional
        Which of them are wanted; all if not given.
    confidence : {"low", "medium", "high"}
    threshold : float, optional
        Between 0 and 1.
    prior : float or mapping of str to float, optional
        One for all types, or by type; the documented ones where not given.
    all_sites : bool
    fdr : float, optional
        Largest q-value that is called, above 0 and at most 1.
    precision : {"float32", "fast"}

    Raises
    ------
    UsageError
        If a name is unknown or a number impossible.
    """
    known = tuple(known)
    names = (modifications,) if isinstance(modifications, str) else tuple(modifications or ())
    wanted = find_modifications(names, known)
    if not wanted:
        raise UsageError(f"'{','.join(names)}' names no modification")
    tier_index(confidence)
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"the threshold is a score from 0 to 1, not {threshold:g}")
    if fdr is not None and not 0 < fdr <= 1:
        raise UsageError(f"the false discovery rate lies between 0 and 1, not {fdr:g}")
    given = {"": prior} if isinstance(prior, int | float) else dict(prior or {})
    for name, value in given.items():
        if not 0 < value < 1:
            raise UsageError(f"a prior lies between 0 and 1, not {value:g}")
        if name:
            find_modification(name, known)
    by_symbol = {find_modification(n, known).symbol: v for n, v in given.items() if n}
    default = given.get("")
    priors = [by_symbol.get(m.symbol, default if default else m.prior) for m in wanted]
    columns = np.array([known.index(m) for m in wanted])
    return Settings(
        columns, wanted, np.array(priors), confidence, threshold, all_sites, fdr, precision
    )


def parse_priors(texts: Sequence[str] | None) -> dict[str, float]:
    """Read priors as the command line gives them: ``0.001`` or ``m6A=0.002,Psi=0.01``.

    Raises
    ------
    UsageError
        If one is no number, or there are two for the same types.
    """
    priors: dict[str, float] = {}
    for text in (part for whole in texts or () for part in whole.split(",")):
        name, _, value = text.rpartition("=")
        name = name.strip()
        if name in priors:
            raise UsageError(f"--prior is given twice for {name or 'all types'}")
        try:
            priors[name] = float(value)
        except ValueError:
            raise UsageError(f"'{text}' is no prior, such as 0.001 or m6A=0.002") from None
    return priors
