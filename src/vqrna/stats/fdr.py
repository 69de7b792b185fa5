"""How many of the sites that are kept may be false: q-values over a whole scan, by type.

Benjamini and Hochberg (1995): the q-value of a site is the share of false ones to be expected
among all sites whose p-value is as low. It needs the ranks of all p-values of a scan, called or
not. Since p-values are rounded to `DIGITS` significant digits, it is enough to count how often each
occurs, and the counts of parts of a scan can be put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DIGITS = 4
"""Significant digits of the p-values that are counted, and of q-values."""

_LOWEST = 10 ** (DIGITS - 1)
_A_DECADE = 9 * _LOWEST  # rounded numbers from 1 to below 10
_DECADES = 330  # below 1, as far as float64 goes
_A_TYPE = (_DECADES + 1) * _A_DECADE


class PValueCounts:
    """How often each p-value occurred, by type: at most 9,000 counts a decade.

    Parameters
    ----------
    types : int
        Number of types.
    """

    def __init__(self, types: int) -> None:
        self.types = types
        self._places = np.empty(0, np.int64)  # type and rounded p-value in one number, rising
        self._counts = np.empty(0, np.int64)

    @property
    def candidates(self) -> np.ndarray:
        """Number of p-values of each type, shape (types,), int64."""
        bounds = np.searchsorted(self._places, np.arange(self.types + 1) * _A_TYPE)
        total = np.concatenate([[0], np.cumsum(self._counts)])
        return np.diff(total[bounds])

    def add(self, p: np.ndarray, modification_index: np.ndarray | int) -> None:
        """Count the p-values of candidates: all of them, called or not.

        Parameters
        ----------
        p : np.ndarray, shape (N,)
            Above 0, at most 1; nan is not counted.
        modification_index : np.ndarray, shape (N,), int, or int
            Which type each belongs to.

        Raises
        ------
        ValueError
            If a number is no p-value.
        """
        places, known = _places(p, modification_index)
        self._include(*np.unique(places[known], return_counts=True))

    def merge(self, other: PValueCounts) -> None:
        """Include what another part of the scan counted.

        Raises
        ------
        ValueError
            If it has other types.
        """
        if other.types != self.types:
            raise ValueError(f"counts of {other.types} types are no part of {self.types}")
        self._include(other._places, other._counts)

    def to_json(self) -> dict[str, Any]:
        """Give the counts as plain numbers and lists."""
        return {
            "types": self.types,
            "places": self._places.tolist(),
            "counts": self._counts.tolist(),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> PValueCounts:
        """Take counts back from :meth:`to_json`."""
        counts = cls(told["types"])
        counts._places = np.array(told["places"], np.int64)
        counts._counts = np.array(told["counts"], np.int64)
        return counts

    def q_values(self) -> QValues:
        """Work out the q-value of every p-value that was counted."""
        modification_index = self._places // _A_TYPE
        p = _numbers(self._places)
        q = np.empty(len(p))
        at_most = np.empty(len(p), np.int64)
        for each in range(self.types):
            rows = modification_index == each
            at_most[rows] = np.cumsum(self._counts[rows])
            share = p[rows] * (self._counts[rows].sum() / at_most[rows])
            q[rows] = np.minimum.accumulate(share[::-1])[::-1]
        return QValues(self._places, _rounded(np.minimum(q, 1)), at_most, self.candidates)

    def _include(self, places: np.ndarray, counts: np.ndarray) -> None:
        both = np.concatenate([self._places, places])
        order = np.argsort(both, kind="stable")
        both = both[order]
        first = np.flatnonzero(np.diff(both, prepend=-1))
        number = np.concatenate([self._counts, counts])[order]
        self._places = both[first]
        self._counts = np.add.reduceat(number, first) if len(first) else number


@dataclass(frozen=True, eq=False)
class QValues:
    """The q-values of a scan (:meth:`PValueCounts.q_values`).

    Parameters
    ----------
    places : np.ndarray, shape (K,), int64
        Type and rounded p-value in one number, rising.
    q : np.ndarray, shape (K,), float64
        Rounded; rising within a type, at most 1.
    at_most : np.ndarray, shape (K,), int64
        How many p-values of the type are as low or lower.
    candidates : np.ndarray, shape (types,), int64
        Number of p-values of each type.
    """

    places: np.ndarray
    q: np.ndarray
    at_most: np.ndarray
    candidates: np.ndarray

    def of(self, p: np.ndarray, modification_index: np.ndarray | int) -> np.ndarray:
        """Look up the q-values of sites.

        Parameters
        ----------
        p : np.ndarray, shape (N,)
        modification_index : np.ndarray, shape (N,), int, or int

        Returns
        -------
        np.ndarray, shape (N,), float64
            nan where `p` is.

        Raises
        ------
        ValueError
            If a p-value was never counted.
        """
        wanted, known = _places(p, modification_index)
        found = np.full(wanted.shape, np.nan)
        at = np.searchsorted(self.places, wanted[known])
        if not np.array_equal(np.append(self.places, -1)[at], wanted[known]):
            raise ValueError("a p-value was not among those that were counted")
        found[known] = self.q[at]
        return found

    def unreachable(self, fdr: float, floors: Sequence[float]) -> list[Unreachable]:
        """Find the types of which no site can have a q-value of `fdr` or less.

        Not because their sites score low, but because the null cannot give p-values that are low
        enough for so many candidates: those at its floor, or one if there is none, would have a
        q-value above `fdr`.

        Parameters
        ----------
        fdr : float
        floors : sequence of float, one a type
            Smallest p-value that each null can give; nan where there is none.
        """
        found = []
        for modification_index, (floor, candidates) in enumerate(
            zip(floors, self.candidates, strict=True)
        ):
            if not candidates or np.isnan(floor):
                continue
            low, high = np.searchsorted(
                self.places, np.array([modification_index, modification_index + 1]) * _A_TYPE
            )
            (place,), _ = _places(np.array([floor]), modification_index)
            at_floor = np.searchsorted(self.places[low:high], place, side="right")
            reached = self.at_most[low + at_floor - 1] if at_floor else 1
            best = min(floor * candidates / reached, float(self.q[low]), 1.0)
            if best > fdr:
                found.append(Unreachable(modification_index, int(candidates), best))
        return found


@dataclass(frozen=True)
class Unreachable:
    """A type whose null is too small for the number of its candidates.

    Parameters
    ----------
    modification_index : int
        Which type.
    candidates : int
    lowest : float
        The lowest q-value that can come out.
    """

    modification_index: int
    candidates: int
    lowest: float

    def told(self, symbol: str, null: int, fdr: float) -> str:
        """Say so in one line.

        Parameters
        ----------
        symbol : str
            Of the type.
        null : int
            Number of positions of its null.
        fdr : float
        """
        return (
            f"{symbol}: no q-value below {self.lowest:.2g} can come out of a null of {null:,} "
            f"positions over {self.candidates:,} candidates: --fdr {fdr:g} filters out everything"
        )


def _places(p: np.ndarray, modification_index: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """Turn p-values into whole numbers that rise with type and p-value, and tell which are known.

    The number holds the decade and the `DIGITS` digits.
    """
    p = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(p)
    if ((p[known] <= 0) | (p[known] > 1)).any():
        raise ValueError("p-values lie above 0 and are at most 1")
    digits, decade = _digits(np.where(known, p, 1))
    place = (decade + _DECADES) * _A_DECADE + digits - _LOWEST
    return place + np.asarray(modification_index, np.int64) * _A_TYPE, known


def _digits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round to significant digits: the digits as a whole number, and the decade of the first."""
    decade = np.floor(np.log10(values)).astype(np.int64)
    power = DIGITS - 1 - decade
    high = np.minimum(power, 22)  # powers of ten are exact up to there
    digits = np.round(values * 10.0**high * 10.0 ** (power - high)).astype(np.int64)
    over = digits == 10 * _LOWEST
    return np.where(over, _LOWEST, digits), decade + over


def _numbers(places: np.ndarray) -> np.ndarray:
    """Turn the numbers of :func:`_places` back into p-values."""
    decade, digits = np.divmod(places % _A_TYPE, _A_DECADE)
    power = DIGITS - 1 - (decade - _DECADES)
    high = np.minimum(power, 22)
    return (digits + _LOWEST) / 10.0**high / 10.0 ** (power - high)


def _rounded(values: np.ndarray) -> np.ndarray:
    return _numbers(_places(values, 0)[0])
