"""Modified sites, column by column: what a scan finds and what every file of results is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vqrna.modifications import Modification
from vqrna.sequence import ALPHABET
from vqrna.stats.tiers import TIERS

FLAGS = ("short", "end", "edge", "ambiguous", "ood", "in_training")
"""What is to be known of a site's window; a site's flags are one bit each, in this order."""

DECIMALS = 6
"""Scores are rounded to so many decimals before anything is written, so that files agree."""

DIGITS = 4
"""Probabilities, p-values and q-values are rounded to so many significant digits."""

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
    "flags",
)
"""Columns of a table of sites; ``position`` is 1-based there, and 0-based in :class:`Sites`."""

_LETTERS = np.array([*ALPHABET, "N"], dtype=object)
_NAMES = np.array(["", *TIERS], dtype=object)


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of one sequence or of many.

    Attributes
    ----------
    sequence : np.ndarray, shape (N,), object
        Name of the sequence (a record, a chromosome or a transcript) of each site.
    position : np.ndarray, shape (N,), int64
        0-based place in that sequence, on its forward strand.
    reverse : np.ndarray, shape (N,), bool
        Whether the site lies on the reverse strand.
    base : np.ndarray, shape (N,), uint8
        Token of the site's base, as transcribed (see :func:`vqrna.sequence.encode`).
    modification_index : np.ndarray, shape (N,), uint8
        Which of the scan's modifications.
    score, probability, p_value, q_value : np.ndarray, shape (N,), float64
        Rounded (`DECIMALS`, `DIGITS`); nan where not known.
    tier : np.ndarray, shape (N,), uint8
        0 for no call, 1 ``low``, 2 ``medium``, 3 ``high``.
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
    def none(cls, extra: Mapping[str, type] | None = None) -> Sites:
        """Give no sites at all.

        Parameters
        ----------
        extra : mapping of str to type, optional
            Further columns and what they would hold.
        """
        columns: dict[str, Any] = {n: np.empty(0, dtype) for n, dtype in DTYPES.items()}
        return cls(**columns, extra={n: np.empty(0, kind) for n, kind in (extra or {}).items()})

    def take(self, rows: np.ndarray | slice) -> Sites:
        """Give some of the sites, by indices, mask or slice."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in DTYPES}
        return Sites(**columns, extra={name: x[rows] for name, x in self.extra.items()})

    def replace(self, **columns: np.ndarray | Mapping[str, np.ndarray]) -> Sites:
        """Give the same sites with other columns."""
        return dataclasses.replace(self, **columns)  # type: ignore[arg-type]

    def table(self, modifications: Sequence[Modification]) -> pd.DataFrame:
        """Make a table with `COLUMNS`, then the extra ones.

        Parameters
        ----------
        modifications : sequence of Modification
            The scan's.
        """
        symbols = np.array([m.symbol for m in modifications], dtype=object)
        texts = {
            "sequence": self.sequence,
            "strand": np.where(self.reverse, "-", "+").astype(object),
            "base": _LETTERS[self.base],
            "modification": symbols[self.modification_index] if len(self) else np.empty(0, object),
            "call": _NAMES[self.tier],
            "flags": flag_names(self.flags),
        }
        numbers = {
            "position": self.position + 1,
            "score": self.score,
            "probability": self.probability,
            "p_value": self.p_value,
            "q_value": self.q_value,
        }
        # Text is told as text even where there are no rows to tell it by
        told = numbers | {name: pd.Series(column, dtype="str") for name, column in texts.items()}
        return pd.DataFrame({name: told[name] for name in COLUMNS} | dict(self.extra))


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
"""Columns of :class:`Sites` and what they hold."""


def joined(parts: Iterable[Sites]) -> Sites:
    """Put sites together, in order; extra columns are those of the first part that has sites."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return Sites.none()
    if len(filled) == 1:
        return filled[0]
    columns = {name: np.concatenate([getattr(part, name) for part in filled]) for name in DTYPES}
    names = filled[0].extra
    extra = {name: np.concatenate([part.extra[name] for part in filled]) for name in names}
    return Sites(**columns, extra=extra)


def flag_names(flags: np.ndarray) -> np.ndarray:
    """Spell out flags, comma-separated: shape (N,), object; empty for none."""
    words = [
        ",".join(name for bit, name in enumerate(FLAGS) if value >> bit & 1)
        for value in range(1 << len(FLAGS))
    ]
    return np.array(words, dtype=object)[flags]


def significant(values: np.ndarray, digits: int = DIGITS) -> np.ndarray:
    """Round to significant digits; nan and 0 stay as they are.

    Parameters
    ----------
    values : np.ndarray, shape (...), float
        Not negative.
    digits : int
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = digits - 1 - np.floor(np.log10(values))
        # Powers of ten are exact up to 22; beyond, two steps keep the last digit
        high = np.minimum(power, 22)
        scaled = np.round(values * 10.0**high * 10.0 ** (power - high))
        found = scaled / 10.0**high / 10.0 ** (power - high)
    return np.where(values > 0, found, values)
