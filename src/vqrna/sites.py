"""Modified sites as columns: the result of a scan and the content of every output file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vqrna.modifications import Modification
from vqrna.sequence import ALPHABET
from vqrna.stats.tiers import CALLS

FLAGS = ("short", "end", "edge", "ambiguous", "ood", "in_training", "adapter")
"""Flags of a site, one bit each in this order; see :func:`vqrna.prediction.calling.call`."""

DECIMALS = 6
"""Decimals of scores; they are rounded before anything is written, so that all files agree."""

DIGITS = 4
"""Significant digits of probabilities, p-values and q-values."""

COLUMNS = (
    "sequence",
    "position",
    "strand",
    "base",
    "modification",
    "score",
    "probability",
    "p_value",
    "q_value",
    "call",
    "warnings",
)
"""Columns of a table of sites; ``position`` is 1-based here, and 0-based in :class:`Sites`.

The column ``warnings`` holds the flags: ``flags`` is an attribute of every DataFrame.
"""

_LETTERS = np.array([*ALPHABET, "N"], dtype=object)
_NAMES = np.array(["", *CALLS], dtype=object)


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of one sequence or several.

    Attributes
    ----------
    sequence : np.ndarray, shape (N,), object
        Name of the sequence (a record, a chromosome or a transcript) of each site.
    position : np.ndarray, shape (N,), int64
        0-based, on the forward strand of that sequence.
    reverse : np.ndarray, shape (N,), bool
        Whether the site is on the reverse strand.
    base : np.ndarray, shape (N,), uint8
        Token of the base, as transcribed (see :func:`vqrna.sequence.encode`).
    modification_index : np.ndarray, shape (N,), uint8
        Index of the modification among those of the scan.
    score, probability, p_value, q_value : np.ndarray, shape (N,), float64
        Rounded (`DECIMALS`, `DIGITS`); nan if unknown.
    tier : np.ndarray, shape (N,), uint8
        0 for no call, 1 ``low``, 2 ``medium``, 3 ``high``, 4 called by a limit of the user without
        reaching a tier (:data:`vqrna.stats.tiers.CALLS`).
    flags : np.ndarray, shape (N,), uint8
        Bits of `FLAGS`.
    extra : dict of str to np.ndarray, shape (N,)
        Further columns, such as the transcript of a site in a genome.
    """

    sequence: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    base: np.ndarray
    modification_index: np.ndarray
    score: np.ndarray
    probability: np.ndarray
    p_value: np.ndarray
    q_value: np.ndarray
    tier: np.ndarray
    flags: np.ndarray
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.position)

    @classmethod
    def empty(cls, extra: Mapping[str, type] | None = None) -> Sites:
        """Return no sites.

        Parameters
        ----------
        extra : mapping of str to type, optional
            Further columns and their types.
        """
        columns: dict[str, Any] = {name: np.empty(0, dtype) for name, dtype in DTYPES.items()}
        more: dict[str, Any] = {name: np.empty(0, dtype) for name, dtype in (extra or {}).items()}
        return cls(**columns, extra=more)

    def take(self, rows: np.ndarray | slice) -> Sites:
        """Return some of the sites, by indices, mask or slice."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in DTYPES}
        return Sites(**columns, extra={name: x[rows] for name, x in self.extra.items()})

    def replace(self, **columns: np.ndarray | Mapping[str, np.ndarray]) -> Sites:
        """Return the same sites with other columns."""
        return dataclasses.replace(self, **columns)  # type: ignore[arg-type]

    def table(self, modifications: Sequence[Modification]) -> pd.DataFrame:
        """Return a table with `COLUMNS` and the extra ones.

        Parameters
        ----------
        modifications : sequence of Modification
            Modifications of the scan.
        """
        symbols = np.array([m.symbol for m in modifications], dtype=object)
        texts = {
            "sequence": self.sequence,
            "strand": np.where(self.reverse, "-", "+").astype(object),
            "base": _LETTERS[self.base],
            "modification": symbols[self.modification_index] if len(self) else np.empty(0, object),
            "call": _NAMES[self.tier],
            "warnings": flag_names(self.flags),
        }
        numbers = {
            "position": self.position + 1,
            "score": self.score,
            "probability": self.probability,
            "p_value": self.p_value,
            "q_value": self.q_value,
        }
        # An explicit type, since pandas cannot infer text from no rows
        columns = numbers | {name: pd.Series(text, dtype="str") for name, text in texts.items()}
        return pd.DataFrame({name: columns[name] for name in COLUMNS} | dict(self.extra))


DTYPES: dict[str, type] = {
    "sequence": object,
    "position": np.int64,
    "reverse": np.bool_,
    "base": np.uint8,
    "modification_index": np.uint8,
    "score": np.float64,
    "probability": np.float64,
    "p_value": np.float64,
    "q_value": np.float64,
    "tier": np.uint8,
    "flags": np.uint8,
}
"""Columns of :class:`Sites` and their types."""


def concat_sites(parts: Iterable[Sites]) -> Sites:
    """Concatenate sites; extra columns are those of the first part that has sites."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return Sites.empty()
    if len(filled) == 1:
        return filled[0]
    columns = {name: np.concatenate([getattr(part, name) for part in filled]) for name in DTYPES}
    names = filled[0].extra
    extra = {name: np.concatenate([part.extra[name] for part in filled]) for name in names}
    return Sites(**columns, extra=extra)


def best_rows(
    sites: Sites, top: int, group: np.ndarray | int = 0, order: np.ndarray | None = None
) -> np.ndarray:
    """Return which sites are among the most probable ones of their group and modification.

    Of equal probabilities, the higher score is preferred, then the first in `order`.

    Parameters
    ----------
    top : int
        Most sites of each group and modification.
    group : np.ndarray, shape (N,), int64, or int
    order : np.ndarray, shape (N,), int64, optional
        Such as the position in the group; that of the rows if not given.

    Returns
    -------
    np.ndarray, shape (N,), bool
    """
    count = len(sites)
    group = np.broadcast_to(np.asarray(group, dtype=np.int64), count)
    index = sites.modification_index
    last = np.arange(count) if order is None else order
    rows = np.lexsort((last, -sites.score, -sites.probability, index, group))
    opens = np.ones(count, dtype=bool)
    opens[1:] = (np.diff(group[rows]) != 0) | (index[rows][1:] != index[rows][:-1])
    first = np.flatnonzero(opens)
    rank = np.arange(count) - np.repeat(first, np.diff(np.append(first, count)))
    best = np.empty(count, dtype=bool)
    best[rows] = rank < top
    return best


def flag_names(flags: np.ndarray) -> np.ndarray:
    """Return the names of flags, comma-separated: shape (N,), object."""
    words = [
        ",".join(name for bit, name in enumerate(FLAGS) if value >> bit & 1)
        for value in range(1 << len(FLAGS))
    ]
    return np.array(words, dtype=object)[flags]


def round_significant(values: np.ndarray, digits: int = DIGITS) -> np.ndarray:
    """Round to significant digits; nan and 0 are unchanged.

    Parameters
    ----------
    values : np.ndarray, shape (...), float
        Not negative.
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = digits - 1 - np.floor(np.log10(values))
        # Powers of ten are exact up to 22; beyond, two steps keep the last digit
        high = np.minimum(power, 22)
        scaled = np.round(values * 10.0**high * 10.0 ** (power - high))
        rounded = scaled / 10.0**high / 10.0 ** (power - high)
    return np.where(values > 0, rounded, values)
