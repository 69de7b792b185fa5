"""The RNA modifications: one entry of `MODIFICATIONS` holds all that is specific to a type.

To add a type, add its entry there and a test of its context. Reading data, training, prediction,
plots and model cards take everything they need from the entry.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from vqrna.errors import UsageError
from vqrna.sequence import AMBIGUOUS, IUPAC

SYMBOL = r"[^\W\d][\w.+'-]*"
"""Pattern of the symbol of a user-defined type: it becomes a part of file names."""

MOST_MODIFICATIONS = 256
"""Most types of one data set or table; some 170 are known in RNA (MODOMICS)."""


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
        Other names that users may type, in lower case and without punctuation.
    codes : tuple of str
        Codes of the type in the SAM tags MM and ML and in bedMethyl: a letter, whose case matters,
        and ChEBI numbers of the base or nucleoside.
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
    codes: tuple[str, ...] = ()
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


_NOT_STORED = ("aliases", "codes", "first_base_only", "in_nine_type_mean", "caution")


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
        aliases=("2omea",), codes=("69426",), in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "Cm", "2'-O-methylcytidine", "C", 0, 2, "Cm", 3e-4, "#377eb8",
        aliases=("2omec",), codes=("19228",), in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "Gm", "2'-O-methylguanosine", "G", 0, 3, "Gm", 3e-4, "#ff7f00",
        aliases=("2omeg",), codes=("19229",), in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "Um", "2'-O-methyluridine", "U", 0, 4, "Um", 3e-4, "#4daf4a",
        aliases=("2omeu",), codes=("19227",), in_nine_type_mean=True, caution=_ADAPTER,
    ),
    Modification(
        "m1A", "1-methyladenosine", "A", 0, 5, "m1A", 2e-4, "#984ea3",
        aliases=("1ma", "n1methyladenosine"), codes=("16020",), in_nine_type_mean=True,
    ),
    Modification(
        "m5C", "5-methylcytidine", "C", 0, 6, "m5C", 5e-4, "#00b3b3",
        aliases=("5mc", "5methylcytosine"), codes=("m", "20607", "27551"), in_nine_type_mean=True,
    ),
    Modification(
        "m5U", "5-methyluridine", "U", 0, 7, "m5U", 1e-4, "#a65628",
        aliases=("5mu", "ribothymidine"), codes=("45996",), in_nine_type_mean=True,
    ),
    Modification(
        "m6A", "N6-methyladenosine", "A", 0, 8, "m6A", 2e-3, "#f781bf",
        aliases=("6ma", "6methyladenosine", "n6methyladenine", "6methyladenine"),
        codes=("a", "21891", "28871"),
    ),
    Modification(
        "m6Am", "N6,2'-O-dimethyladenosine", "BCA", 2, 9, "m6Am", 3e-3, "#b8860b",
        in_nine_type_mean=True, first_base_only=True, caution=_BCA_ONLY,
    ),
    Modification(
        "Psi", "pseudouridine", "U", 0, 10, "Y", 2e-3, "#1b5e9e",
        aliases=("ψ", "y", "pu", "pseu", "psu", "pseudou"), codes=("17802",),
        in_nine_type_mean=True,
    ),
    Modification(
        "m7G", "7-methylguanosine", "G", 0, 11, "m7G", 3e-4, "#666666",
        aliases=("7mg", "n7methylguanosine"), codes=("20794",),
    ),
)
# fmt: on


OTHER_CODES: Mapping[str, str] = {
    "A": "any modified A", "C": "any modified C", "G": "any modified G",
    "T": "any modified T", "U": "any modified U", "N": "any modified base",
    "b": "5-carboxyluracil", "c": "5-carboxylcytosine", "e": "5-formyluracil",
    "f": "5-formylcytosine", "g": "5-hydroxymethyluracil", "h": "5-hydroxymethylcytosine",
    "n": "xanthosine", "o": "8-oxoguanine",
    "16450": "deoxyuridine", "16964": "5-hydroxymethyluracil", "17477": "5-carboxyluracil",
    "17596": "inosine", "18107": "xanthosine", "21839": "4-methylcytosine",
    "44605": "8-oxoguanine", "76792": "5-hydroxymethylcytosine", "76793": "5-carboxylcytosine",
    "76794": "5-formylcytosine", "80961": "5-formyluracil",
}  # fmt: skip
"""Names of the other codes of the SAM tags and of modkit, for messages.

Source: section 1.7 of the specification of the SAM tags, and the codes that modkit supports.
"""

Names = str | Modification | Iterable[str | Modification]
"""One type or several, by name or as objects; a name may be a comma-separated list."""

_CHEBI = re.compile("(?i)chebi:(?=[0-9])")
_PUNCTUATION = re.compile(r"[\W_]+")


def _plain(name: str) -> str:
    """Return a name in lower case and without punctuation."""
    return _PUNCTUATION.sub("", name.lower())


def modification(
    name: str | Modification, known: tuple[Modification, ...] = MODIFICATIONS
) -> Modification:
    """Return the modification with a symbol, alias, full name, code or benchmark number.

    Raises UsageError if no type has this name, with the nearest name and the known types, or if
    several types have it.

    Parameters
    ----------
    name : str or Modification
        For example ``m6A``, ``a``, ``Psi``, ``Ψ``, ``pseudouridine``, ``pseU``, ``17802``,
        ``CHEBI:17802`` or ``8``. Case matters only where it distinguishes: ``m`` is a code of
        m5C, ``M`` is not a name.
    known : tuple of Modification
        The types to search, such as those of a model.
    """
    if not isinstance(name, str | Modification):
        raise UsageError(
            f"a modification must be a name or a Modification, not {type(name).__name__}"
        )
    key = (name if isinstance(name, str) else name.symbol).strip()
    matches = _matches(key, known)
    if len(matches) > 1:
        symbols = ", ".join(m.symbol for m in matches)
        raise UsageError(f"the modification '{key}' is ambiguous: {symbols} (write the exact name)")
    if matches:
        return matches[0]
    raise UsageError(_unknown_message(key, known))


def _matches(key: str, known: tuple[Modification, ...]) -> list[Modification]:
    """Return the types with a name: by symbol, else by exact names, else without case."""
    if not key:  # of a user-defined type, other names are empty, too
        return []
    code = _CHEBI.sub("", key)
    levels = (
        [m for m in known if key == m.symbol],
        [m for m in known if key == m.modomics or code in m.codes or key == str(m.index or "")],
        [m for m in known if key.lower() == m.symbol.lower()],
        [m for m in known if _plain(key) in (_plain(m.name), *m.aliases)] if _plain(key) else [],
    )
    return next(filter(None, levels), [])


def _unknown_message(key: str, known: tuple[Modification, ...]) -> str:
    shown = key if len(key) <= 40 else f"{key[:40]}..."
    message = f"unknown modification '{shown}' (known: {', '.join(m.symbol for m in known)})"
    elsewhere = _matches(key, MODIFICATIONS)
    if key in OTHER_CODES:
        return f"{message}: '{key}' is {OTHER_CODES[key]}"
    if elsewhere and elsewhere[0].symbol != key:
        return f"{message}: '{shown}' is {elsewhere[0].symbol}"
    names = {
        text.lower(): m.symbol
        for m in known
        for text in (*m.codes, m.modomics, *m.aliases, m.name, m.symbol)
    }
    nearest = get_close_matches(key.lower(), names, n=1)
    return f"{message}: did you mean {names[nearest[0]]}?" if nearest else message


def modifications(
    names: Names | None, known: tuple[Modification, ...] = MODIFICATIONS
) -> tuple[Modification, ...]:
    """Return several modifications in the order of `known`, without duplicates.

    Raises UsageError if no type has one of the names, or a list holds no name.

    Parameters
    ----------
    names : str, Modification, or iterable of these, optional
        As for :func:`modification`; a string may be a comma-separated list. None
        selects all of `known`.
    known : tuple of Modification
        The types to search.
    """
    if names is None:
        return known
    if not isinstance(names, str | Modification | Iterable):
        raise UsageError(f"modifications must be names or a list, not {type(names).__name__}")
    items = [names] if isinstance(names, str | Modification) else list(names)
    if not items:
        raise UsageError("the list of modifications is empty (for all of them, leave it out)")
    wanted = {
        modification(part, known).symbol
        for item in items
        for part in (_parts(item, known) if isinstance(item, str) else (item,))
    }
    if not wanted:
        raise UsageError(f"no modification in '{','.join(map(str, items))}'")
    return tuple(m for m in known if m.symbol in wanted)


def as_modification(name: str | Modification) -> Modification:
    """Return an object as it is, and a name as that of one of `MODIFICATIONS`."""
    return name if isinstance(name, Modification) else modification(name)


def symbol_of(name: str | Modification) -> str:
    """Return the symbol of a type; an unknown name is that of a user-defined type."""
    try:
        return as_modification(name).symbol
    except UsageError:
        if not isinstance(name, str):
            raise
        return name


def as_modifications(names: Names) -> tuple[Modification, ...]:
    """Return types in the order given, objects as they are and names of `MODIFICATIONS`.

    Raises UsageError if a name is unknown.
    """
    items = [names] if isinstance(names, str | Modification) else list(names)
    return tuple(
        m
        for item in items
        for m in (
            map(modification, _parts(item, MODIFICATIONS)) if isinstance(item, str) else (item,)
        )
    )


def _parts(text: str, known: tuple[Modification, ...]) -> list[str]:
    """Split a list at its commas, unless it is one name with a comma (N6,2'-O-...)."""
    if _matches(text.strip(), known):
        return [text]
    return [part for part in text.split(",") if part.strip()]
