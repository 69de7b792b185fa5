"""The RNA modifications: one entry of `MODIFICATIONS` holds all that is specific to a type.

To add a type, add its entry there and a test of its context. Reading data, training, prediction,
plots and model cards take everything they need from the entry.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqrna.errors import UsageError
from vqrna.sequence import AMBIGUOUS, IUPAC

SYMBOL = r"[^\W\d][\w.+'-]*"
"""Pattern of the symbol of a user-defined type: it becomes a part of file names."""


@dataclass(frozen=True)
class Modification:
    """A type of modified base.

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
        MODOMICS short name, used in bedRMod files.
    prior : float
        Assumed share of candidate positions that carry the modification in a transcriptome.
        An order of magnitude, not a measurement; see ``docs/probabilities.md``.
    color : str
        Colour of the type in plots and tracks, as ``#rrggbb``.
    aliases : tuple of str
        Other names that users may type, in lower case.
    first_base_only : bool
        Whether the type occurs only at the first base of a transcript. Where transcripts are
        annotated, it is not scanned for elsewhere.
    in_nine_type_mean : bool
        Whether the type counts in ``mean9``, the mean over the types of the public benchmark whose
        random negatives are sound.
    caution : str
        Limit of models trained on the benchmark's windows of this type, for the model card.

    Raises
    ------
    ValueError
        If the context is not an IUPAC pattern that includes the site, the prior is not between 0
        and 1, or the colour is not ``#rrggbb``.
    """

    symbol: str
    name: str
    context: str
    offset: int = 0
    index: int | None = None
    modomics: str = ""
    prior: float = 0.001
    color: str = "#555555"
    aliases: tuple[str, ...] = ()
    first_base_only: bool = False
    in_nine_type_mean: bool = False
    caution: str = ""

    def __post_init__(self) -> None:
        if not self.context or not set(self.context) <= IUPAC.keys():
            raise ValueError(
                f"the context '{self.context}' of {self.symbol} is not an IUPAC pattern"
            )
        if not 0 <= self.offset < len(self.context):
            raise ValueError(f"the site of {self.symbol} is outside its context")
        if not 0 < self.prior < 1:
            raise ValueError(f"the prior {self.prior:g} of {self.symbol} is not between 0 and 1")
        if not re.fullmatch("#[0-9A-Fa-f]{6}", self.color):
            raise ValueError(f"the colour '{self.color}' of {self.symbol} is not #rrggbb")

    @property
    def base(self) -> str:
        """The base that carries the modification (an IUPAC letter)."""
        return self.context[self.offset]

    def candidates(self, tokens: np.ndarray) -> np.ndarray:
        """Return which positions can carry this modification.

        Parameters
        ----------
        tokens : np.ndarray, shape (..., L)
            Encoded sequence (see :func:`vqrna.sequence.encode`).

        Returns
        -------
        np.ndarray, shape (..., L), bool
            True where the base and its neighbours match `context`. Positions beyond the ends and
            ambiguous letters match nothing but an ``N`` beside the site.
        """
        length = tokens.shape[-1]
        matches = np.ones(tokens.shape, dtype=bool)
        for i, letter in enumerate(self.context):
            if letter == "N" and i != self.offset:
                continue
            shift = i - self.offset
            neighbours = np.full(tokens.shape, AMBIGUOUS, dtype=np.uint8)
            low, high = max(0, -shift), min(length, length - shift)
            if high > low:
                neighbours[..., low:high] = tokens[..., low + shift : high + shift]
            matches &= IUPAC[letter][neighbours]
        return matches

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a weights file stores them.

        Fields of `_NOT_STORED` that equal those of the entry in `MODIFICATIONS` are left out: they
        are facts about the type, not about the training. :func:`complete_fields` adds them again.
        """
        usual = _not_stored(self.symbol)
        fields = dataclasses.asdict(self)
        return {k: v for k, v in fields.items() if k not in usual or v != usual[k]}


_NOT_STORED = ("aliases", "first_base_only", "in_nine_type_mean", "caution")


def _not_stored(symbol: object) -> dict[str, Any]:
    """Return the fields that a weights file leaves out, from the entry or the defaults."""
    entry = next((m for m in MODIFICATIONS if m.symbol == symbol), Modification)
    return {name: getattr(entry, name) for name in _NOT_STORED}


def complete_fields(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return all fields of a type from those that :meth:`Modification.to_dict` stored."""
    return {**_not_stored(stored.get("symbol")), **stored}


_BCA_ONLY = "m6Am is called only on BCA: its training saw no other positions."
_ADAPTER = (
    "Am, Cm, Gm and Um: about a third of the modified windows in the benchmark (Um: a tenth) "
    "carry, at the site, a match to the start of a common sequencing adapter (AGAUCGGAAGAGC), ten "
    "times as many as the unmodified ones. Some may be artefacts of the mapping method; the "
    "network learns them."
)

# fmt: off
MODIFICATIONS: tuple[Modification, ...] = (
    Modification(
        "Am", "2'-O-methyladenosine", "A", 0, 1, "Am", 3e-4, "#e41a1c",
        in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "Cm", "2'-O-methylcytidine", "C", 0, 2, "Cm", 3e-4, "#377eb8",
        in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "Gm", "2'-O-methylguanosine", "G", 0, 3, "Gm", 3e-4, "#ff7f00",
        in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "Um", "2'-O-methyluridine", "U", 0, 4, "Um", 3e-4, "#4daf4a",
        in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "m1A", "1-methyladenosine", "A", 0, 5, "m1A", 2e-4, "#984ea3", in_nine_type_mean=True
    ),
    Modification(
        "m5C", "5-methylcytidine", "C", 0, 6, "m5C", 5e-4, "#00b3b3", in_nine_type_mean=True
    ),
    Modification(
        "m5U", "5-methyluridine", "U", 0, 7, "m5U", 1e-4, "#a65628", in_nine_type_mean=True
    ),
    Modification("m6A", "N6-methyladenosine", "A", 0, 8, "m6A", 2e-3, "#f781bf"),
    Modification(
        "m6Am", "N6,2'-O-dimethyladenosine", "BCA", 2, 9, "m6Am", 3e-3, "#b8860b",
        in_nine_type_mean=True, first_base_only=True, caution=_BCA_ONLY,
    ),
    Modification(
        "Psi", "pseudouridine", "U", 0, 10, "Y", 2e-3, "#1b5e9e",
        in_nine_type_mean=True, aliases=("ψ", "y", "pu"),
    ),
    Modification("m7G", "7-methylguanosine", "G", 0, 11, "m7G", 3e-4, "#666666"),
)
# fmt: on


def modification(
    name: str | Modification, known: tuple[Modification, ...] = MODIFICATIONS
) -> Modification:
    """Return the modification with a symbol, alias, full name or benchmark number.

    Raises UsageError if no type has this name; the message lists the known ones.

    Parameters
    ----------
    name : str or Modification
        For example ``m6A``, ``Psi``, ``Ψ``, ``pseudouridine`` or ``8``; case matters only where
        two symbols would be confused otherwise.
    known : tuple of Modification
        The types to search, such as those of a model.
    """
    key = (name if isinstance(name, str) else name.symbol).strip()
    for m in known:
        if key in (m.symbol, m.modomics) or key == str(m.index):
            return m
    lowered = key.lower()
    for m in known:
        if lowered in (m.symbol.lower(), m.name.lower(), *m.aliases):
            return m
    raise UsageError(f"unknown modification '{key}' (known: {', '.join(m.symbol for m in known)})")


def modifications(
    names: list[str] | tuple[str, ...] | None, known: tuple[Modification, ...] = MODIFICATIONS
) -> tuple[Modification, ...]:
    """Return several modifications in the order of `known`, without duplicates.

    Raises UsageError if no type has one of the names.

    Parameters
    ----------
    names : list or tuple of str, or None
        As for :func:`modification`; each may be a comma-separated list. None or an empty list
        selects all of `known`.
    known : tuple of Modification
        The types to search.
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
