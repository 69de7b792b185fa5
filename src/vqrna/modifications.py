"""The RNA modifications: symbol, base, the context a site needs, names, colours, priors."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError
from vqrna.sequence import AMBIGUOUS, IUPAC

SYMBOL = r"[^\W\d][\w.+'-]*"
"""Pattern of the symbol of a type of the user's own: it becomes a part of file names."""


@dataclass(frozen=True)
class Modification:
    """One kind of modified base.

    Parameters
    ----------
    symbol : str
        Short name used in files and on the command line, such as ``m6A``.
    name : str
        Full name.
    context : str
        IUPAC pattern that the sequence must match for the site to be a candidate.
    offset : int
        0-based index of the site inside `context`.
    index : int or None
        Number of the type in the public benchmark's file names (``K`` in ``K-1.fasta``).
    modomics : str
        MODOMICS short name, as bedRMod wants it.
    prior : float
        Assumed share of candidate positions that carry the modification in a transcriptome.
        An order of magnitude, not a measurement; see ``docs/probabilities.md``.
    color : str
        Colour of the type in plots and tracks, as ``#rrggbb``.

    Raises
    ------
    ValueError
        If the context is no IUPAC pattern with the site in it, the prior is not between 0 and 1,
        or the colour is none.
    """

    symbol: str
    name: str
    context: str
    offset: int = 0
    index: int | None = None
    modomics: str = ""
    prior: float = 0.001
    color: str = "#555555"

    def __post_init__(self) -> None:
        if not self.context or not set(self.context) <= IUPAC.keys():
            raise ValueError(f"the context '{self.context}' of {self.symbol} is no IUPAC pattern")
        if not 0 <= self.offset < len(self.context):
            raise ValueError(f"the site of {self.symbol} is not in its context")
        if not 0 < self.prior < 1:
            raise ValueError(f"the prior {self.prior:g} of {self.symbol} is not between 0 and 1")
        if not re.fullmatch("#[0-9A-Fa-f]{6}", self.color):
            raise ValueError(f"the colour '{self.color}' of {self.symbol} is not #rrggbb")

    @property
    def base(self) -> str:
        """The base that carries the modification (an IUPAC letter)."""
        return self.context[self.offset]

    def candidates(self, tokens: np.ndarray) -> np.ndarray:
        """Tell which positions can carry this modification.

        Parameters
        ----------
        tokens : np.ndarray, shape (..., L)
            Encoded sequence (see :func:`vqrna.sequence.encode`).

        Returns
        -------
        np.ndarray, shape (..., L), bool
            True where the base and its neighbours match `context`. Beyond the ends, and on
            ambiguous letters, nothing matches, except that ``N`` beside the site matches all.
        """
        length = tokens.shape[-1]
        found = np.ones(tokens.shape, dtype=bool)
        for i, letter in enumerate(self.context):
            if letter == "N" and i != self.offset:
                continue
            shift = i - self.offset
            neighbours = np.full(tokens.shape, AMBIGUOUS, dtype=np.uint8)
            low, high = max(0, -shift), min(length, length - shift)
            if high > low:
                neighbours[..., low:high] = tokens[..., low + shift : high + shift]
            found &= IUPAC[letter][neighbours]
        return found


MODIFICATIONS: tuple[Modification, ...] = (
    Modification("Am", "2'-O-methyladenosine", "A", 0, 1, "Am", 3e-4, "#e41a1c"),
    Modification("Cm", "2'-O-methylcytidine", "C", 0, 2, "Cm", 3e-4, "#377eb8"),
    Modification("Gm", "2'-O-methylguanosine", "G", 0, 3, "Gm", 3e-4, "#ff7f00"),
    Modification("Um", "2'-O-methyluridine", "U", 0, 4, "Um", 3e-4, "#4daf4a"),
    Modification("m1A", "1-methyladenosine", "A", 0, 5, "m1A", 2e-4, "#984ea3"),
    Modification("m5C", "5-methylcytidine", "C", 0, 6, "m5C", 5e-4, "#00b3b3"),
    Modification("m5U", "5-methyluridine", "U", 0, 7, "m5U", 1e-4, "#a65628"),
    Modification("m6A", "N6-methyladenosine", "A", 0, 8, "m6A", 2e-3, "#f781bf"),
    Modification("m6Am", "N6,2'-O-dimethyladenosine", "BCA", 2, 9, "m6Am", 3e-3, "#b8860b"),
    Modification("Psi", "pseudouridine", "U", 0, 10, "Y", 2e-3, "#1b5e9e"),
    Modification("m7G", "7-methylguanosine", "G", 0, 11, "m7G", 3e-4, "#666666"),
)

_ALIASES = {"ψ": "Psi", "y": "Psi", "pseudouridine": "Psi", "pu": "Psi"}


def modification(
    name: str | Modification, known: tuple[Modification, ...] = MODIFICATIONS
) -> Modification:
    """Find a modification by symbol, alias, full name or benchmark number.

    Parameters
    ----------
    name : str or Modification
        For example ``m6A``, ``Psi``, ``Ψ``, ``pseudouridine`` or ``8``; case matters only where
        two symbols would be confused otherwise.
    known : tuple of Modification
        The types to search, such as those of a model.

    Raises
    ------
    UsageError
        If no type has this name; the message lists those there are.
    """
    key = (name if isinstance(name, str) else name.symbol).strip()
    for exact in known:
        if key in (exact.symbol, exact.modomics) or key == str(exact.index):
            return exact
    lowered = _ALIASES.get(key.lower(), key).lower()
    for loose in known:
        if lowered in (loose.symbol.lower(), loose.name.lower()):
            return loose
    there = ", ".join(m.symbol for m in known)
    raise UsageError(f"unknown modification '{key}' (known: {there})")


def modifications(
    names: list[str] | tuple[str, ...] | None, known: tuple[Modification, ...] = MODIFICATIONS
) -> tuple[Modification, ...]:
    """Find several modifications, kept in the order of `known`, each once.

    Parameters
    ----------
    names : list or tuple of str, or None
        As :func:`modification` takes them; each may be a comma-separated list. None or nothing
        stands for all of `known`.
    known : tuple of Modification
        The types to search.

    Raises
    ------
    UsageError
        If no type has one of the names.
    """
    if not names:
        return known
    wanted = {
        modification(part, known).symbol
        for name in names
        for part in name.split(",")
        if part.strip()
    }
    return tuple(m for m in known if m.symbol in wanted)
