"""False discovery rate of a scan: q-values of all sites by type (Benjamini and Hochberg, 1995).

The q-value of a site is the share of false sites to expect among all sites with a p-value as low.
It depends on the ranks of all p-values of a scan, called or not. They are rounded to `DIGITS`
significant digits and counted, so that counts of parts of a scan can be added;
:func:`scipy.stats.false_discovery_control` would need every p-value of a genome in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DIGITS = 4
"""Significant digits of the p-values that are counted, and of q-values."""

_LOWEST = 10 ** (DIGITS - 1)
_PER_DECADE = 9 * _LOWEST  # rounded numbers from 1 to below 10
_DECADES = 330  # below 1, the range of float64
_PER_TYPE = (_DECADES + 1) * _PER_DECADE


class PValueCounts:
    """Number of times that each rounded p-value occurred, by type: at most 9,000 per decade.

    Parameters
    ----------
    types : int
        Number of types.
    """

    def __init__(self, types: int) -> None:
        self.types = types
        self._keys = np.empty(0, np.int64)  # rising; see `_to_keys`
        self._counts = np.empty(0, np.int64)

    @property
    def candidates(self) -> np.ndarray:
        """Number of p-values of each type, shape (types,), int64."""
        bounds = np.searchsorted(self._keys, np.arange(self.types + 1) * _PER_TYPE)
        return np.diff(np.concatenate([[0], np.cumsum(self._counts)])[bounds])

    def add(self, p: np.ndarray, modification_index: np.ndarray | int) -> None:
        """Count the p-values of candidates, called or not.

        Raises ValueError if a number is not a p-value.

        Parameters
        ----------
        p : np.ndarray, shape (N,)
            Above 0, at most 1; nan is not counted.
        modification_index : np.ndarray, shape (N,), int, or int
            Type of each p-value.
        """
        keys, known = _to_keys(p, modification_index)
        self._add_counts(*np.unique(keys[known], return_counts=True))

    def merge(self, other: PValueCounts) -> None:
        """Add the counts of another part of the scan, which must have the same types."""
        if other.types != self.types:
            raise ValueError(f"cannot add counts of {other.types} types to those of {self.types}")
        self._add_counts(other._keys, other._counts)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain numbers and lists."""
        return {"types": self.types, "places": self._keys.tolist(), "counts": self._counts.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PValueCounts:
        """Restore counts from :meth:`to_json`."""
        counts = cls(values["types"])
        counts._keys = np.array(values["places"], np.int64)
        counts._counts = np.array(values["counts"], np.int64)
        return counts

    def q_values(self) -> QValues:
        """Compute the q-value of every p-value that was counted."""
        modification_index = self._keys // _PER_TYPE
        p = _to_numbers(self._keys)
        q = np.empty(len(p))
        at_most = np.empty(len(p), np.int64)
        for m in range(self.types):
            rows = modification_index == m
            at_most[rows] = np.cumsum(self._counts[rows])
            share = p[rows] * (self._counts[rows].sum() / at_most[rows])
            q[rows] = np.minimum.accumulate(share[::-1])[::-1]
        rounded = _to_numbers(_to_keys(np.minimum(q, 1), 0)[0])
        return QValues(self._keys, rounded, at_most, self.candidates)

    def _add_counts(self, keys: np.ndarray, counts: np.ndarray) -> None:
        merged, index = np.unique(np.concatenate([self._keys, keys]), return_inverse=True)
        total = np.zeros(len(merged), np.int64)
        np.add.at(total, index, np.concatenate([self._counts, counts]))
        self._keys, self._counts = merged, total


@dataclass(frozen=True, eq=False)
class QValues:
    """The q-values of a scan (:meth:`PValueCounts.q_values`)."""

    keys: np.ndarray  # (K,), int64: Type and rounded p-value in one number, rising
    q: np.ndarray  # (K,), float64: Rounded; rising within a type, at most 1
    at_most: np.ndarray  # (K,), int64: Number of p-values of the type that are as low or lower
    candidates: np.ndarray  # (types,), int64: Number of p-values of each type

    def lookup(self, p: np.ndarray, modification_index: np.ndarray | int) -> np.ndarray:
        """Return the q-values (N,) of sites with p-values (N,), nan where these are.

        Raises ValueError if a p-value was never counted.
        """
        keys, known = _to_keys(p, modification_index)
        q = np.full(keys.shape, np.nan)
        index = np.searchsorted(self.keys, keys[known])
        if not np.array_equal(np.append(self.keys, -1)[index], keys[known]):
            raise ValueError("a p-value was not among those that were counted")
        q[known] = self.q[index]
        return q

    def lowest(self) -> np.ndarray:
        """Return the lowest q-value of each type, shape (types,); nan for one without p-values."""
        first = np.searchsorted(self.keys, np.arange(len(self.candidates)) * _PER_TYPE)
        lowest = np.full(len(self.candidates), np.nan)
        known = self.candidates > 0
        lowest[known] = self.q[first[known]]
        return lowest

    def unreachable(self, fdr: float, floors: Sequence[float]) -> list[UnreachableType]:
        """List the types of which no site can have a q-value of `fdr` or less.

        For these types even the smallest p-value that the null supports, at the number of sites
        that have it (or one), has a q-value above `fdr`.

        Parameters
        ----------
        floors : sequence of float, one per type
            Smallest p-value of each null; nan without a null.
        """
        types = []
        for m, (floor, candidates) in enumerate(zip(floors, self.candidates, strict=True)):
            if not candidates or np.isnan(floor):
                continue
            low, high = np.searchsorted(self.keys, np.array([m, m + 1]) * _PER_TYPE)
            (key,), _ = _to_keys(np.array([floor]), m)
            at_floor = np.searchsorted(self.keys[low:high], key, side="right")
            sites = self.at_most[low + at_floor - 1] if at_floor else 1
            lowest = min(floor * candidates / sites, float(self.q[low]), 1.0)
            if lowest > fdr:
                types.append(UnreachableType(m, int(candidates), lowest))
        return types


@dataclass(frozen=True)
class UnreachableType:
    """A type whose null is too small for its number of candidates."""

    modification_index: int
    candidates: int
    lowest: float  # Lowest possible q-value

    def describe(self, symbol: str, null: int, fdr: float) -> str:
        """Return a line with the symbol of the type, the size of its null and the limit."""
        return (
            f"{symbol}: a null of {null:,} positions cannot support a q-value below "
            f"{self.lowest:.2g} over {self.candidates:,} candidates: --fdr {fdr:g} filters out "
            "everything"
        )


def _to_keys(p: np.ndarray, modification_index: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """Return integers that rise with type and rounded p-value, and which p-values are not nan.

    A key is the type times `_PER_TYPE`, plus the decade times `_PER_DECADE`, plus the digits.
    """
    p = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(p)
    if ((p[known] <= 0) | (p[known] > 1)).any():
        raise ValueError("p-values must be above 0 and at most 1")
    digits, decade = _digits(np.where(known, p, 1))
    key = (decade + _DECADES) * _PER_DECADE + digits - _LOWEST
    return key + np.asarray(modification_index, np.int64) * _PER_TYPE, known


def _digits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round to significant digits: the digits as an integer, and the decade of the first."""
    decade = np.floor(np.log10(values)).astype(np.int64)
    power = DIGITS - 1 - decade
    high = np.minimum(power, 22)  # powers of ten are exact up to there
    digits = np.round(values * 10.0**high * 10.0 ** (power - high)).astype(np.int64)
    over = digits == 10 * _LOWEST
    return np.where(over, _LOWEST, digits), decade + over


def _to_numbers(keys: np.ndarray) -> np.ndarray:
    """Return the p-values of keys."""
    decade, digits = np.divmod(keys % _PER_TYPE, _PER_DECADE)
    power = DIGITS - 1 - (decade - _DECADES)
    high = np.minimum(power, 22)
    return (digits + _LOWEST) / 10.0**high / 10.0 ** (power - high)
