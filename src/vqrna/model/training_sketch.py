"""A small sketch of training windows, which tells whether a site was among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.sequence import AMBIGUOUS, centre, recentre

WORD = 24
"""Nucleotides of a word: long enough that unrelated sequence shares none by chance."""

STEP = 16
"""Of so many neighbouring words, that with the smallest hash is kept (a minimiser)."""

BESIDE = 50
"""Nucleotides on either side of a site that are looked up."""

KEPT = 2 * BESIDE
"""Nucleotides on either side of a training site that are kept: enough to know again every site
within `BESIDE` nt of it."""

BITS = 10
"""Of the filter, for each word."""

PROBES = 7
"""Bits that a word sets, the best number for so many bits a word."""

_WINDOWS_AT_ONCE = 1024

_LOOKED_UP_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class TrainingSketch:
    """Sampled words of training windows in a Bloom filter (Bloom, CACM 13:422, 1970).

    Words of `WORD` nt are sampled as minimisers (Roberts et al., Bioinformatics 20:3363, 2004):
    of each `STEP` neighbouring words, that with the smallest hash. So the same sequence gives the
    same samples wherever it stands, and none is farther than `STEP` from the next.

    Parameters
    ----------
    bits : np.ndarray, shape (B,), uint8
        Eight bits of the filter in each.
    words : int
        How many different words it holds.
    windows : int
        How many windows they are from.
    """

    bits: np.ndarray
    words: int
    windows: int

    @classmethod
    def of(cls, tokens: np.ndarray) -> TrainingSketch:
        """Sketch the `KEPT` nt on either side of the sites of windows.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows with the site at ``L // 2``.
        """
        found = [np.empty(0, dtype=np.uint64)]
        seen = recentre(tokens, min(2 * KEPT + 1, tokens.shape[1]))
        for start in range(0, len(seen), _WINDOWS_AT_ONCE):
            # An ambiguous letter behind each: no word runs from one window into the next
            part = seen[start : start + _WINDOWS_AT_ONCE]
            rows = np.pad(part, ((0, 0), (0, 1)), constant_values=AMBIGUOUS)
            smallest, whole = _minimisers(rows.ravel())
            found.append(np.unique(smallest[whole]))
        words = np.unique(np.concatenate(found))
        bits = np.zeros(max(1, -(-len(words) * BITS // 8)), dtype=np.uint8)
        for probe in _probes(words, 8 * len(bits)):
            np.bitwise_or.at(bits, probe >> np.uint64(3), _bit(probe))
        return cls(bits, len(words), len(tokens))

    def near(self, tokens: np.ndarray, sites: np.ndarray) -> np.ndarray:
        """Tell which sites of a sequence lie in a neighbourhood that was trained on.

        Of all runs of `STEP` words within `BESIDE` nt of a site that have no ambiguous letter,
        two of five must have their minimiser in the sketch, and more than one minimiser can
        cover. A copy of a repeat that differs here and there does not suffice; a difference of
        one base hardly ever does harm.

        Parameters
        ----------
        tokens : np.ndarray, shape (S,), uint8
            One sequence, with `BESIDE` nt of context around the sites, or as much as there is.
        sites : np.ndarray, shape (N,), int
            0-based positions in it.

        Returns
        -------
        np.ndarray, shape (N,), bool
        """
        if len(tokens) < WORD + STEP or not len(sites):
            return np.zeros(len(sites), dtype=bool)
        smallest, whole = _minimisers(tokens)
        there = np.zeros(len(smallest), dtype=bool)
        there[whole] = self._holds(smallest[whole])
        both = np.zeros((2, len(smallest) + 1), dtype=np.int64)
        np.cumsum(whole, out=both[0, 1:])
        np.cumsum(there, out=both[1, 1:])
        extent = WORD + STEP - 1
        low = np.maximum(sites - BESIDE, 0)
        high = np.minimum(sites + BESIDE + 1, len(tokens)) - extent + 1
        high = np.maximum(high, low)
        runs, known = both[:, high] - both[:, low]
        return (known > STEP) & (5 * known >= 2 * runs)

    def holds(self, tokens: np.ndarray) -> np.ndarray:
        """Tell which windows (N, L), uint8, have their site in such a neighbourhood: (N,), bool."""
        seen = recentre(tokens, min(2 * BESIDE + 1, tokens.shape[1]))
        found = np.zeros(len(seen), dtype=bool)
        for start in range(0, len(seen), _WINDOWS_AT_ONCE):
            part = slice(start, start + _WINDOWS_AT_ONCE)
            # What a site looks up ends before the next window begins
            rows = np.pad(seen[part], ((0, 0), (0, BESIDE)), constant_values=AMBIGUOUS)
            sites = np.arange(len(rows)) * rows.shape[1] + centre(seen.shape[1])
            found[part] = self.near(rows.ravel(), sites)
        return found

    def _holds(self, words: np.ndarray) -> np.ndarray:
        """Look words up, (N,) uint64; neighbours that are the same are looked up once."""
        if not len(words):
            return np.zeros(0, dtype=bool)
        opens = np.ones(len(words), dtype=bool)
        opens[1:] = words[1:] != words[:-1]
        once = words[opens]
        found = np.ones(len(once), dtype=bool)
        for start in range(0, len(once), _LOOKED_UP_AT_ONCE):
            part = slice(start, start + _LOOKED_UP_AT_ONCE)
            for probe in _probes(once[part], 8 * len(self.bits)):
                found[part] &= (self.bits[probe >> np.uint64(3)] & _bit(probe)) > 0
        return found[np.cumsum(opens) - 1]


def _minimisers(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the smallest hash of each run of `STEP` words, and whether all its letters are bases.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8

    Returns
    -------
    smallest : np.ndarray, shape (R,), uint64
        Of the run that begins at each position.
    whole : np.ndarray, shape (R,), bool
    """
    count = max(0, len(tokens) - WORD + 1)
    runs = max(0, count - STEP + 1)
    # Words of 3, 6, 12, 24 letters, each made of two of half the length
    word, size = tokens.astype(np.uint64) & np.uint64(3), 1
    word = word[:-2] << np.uint64(4) | word[1:-1] << np.uint64(2) | word[2:]
    size = 3
    while size < WORD:
        word = word[:-size] << np.uint64(2 * size) | word[size:]
        size *= 2
    smallest, reach = _mixed(word), 1
    while reach < STEP:
        smallest = np.minimum(smallest[:-reach], smallest[reach:])
        reach *= 2
    wrong = np.concatenate([[0], np.cumsum(tokens == AMBIGUOUS)])
    extent = WORD + STEP - 1
    whole = wrong[extent:] == wrong[: len(wrong) - extent]
    return smallest[:runs], whole[:runs]


def _mixed(x: np.ndarray) -> np.ndarray:
    """Mix the bits of numbers, (N,) uint64, one to one (the end of Steele et al.'s SplitMix64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _probes(words: np.ndarray, size: int) -> list[np.ndarray]:
    """Give the bits of words in a filter of some size (Kirsch and Mitzenmacher, 2006)."""
    # Minimisers are small numbers: they are mixed anew
    mixed = _mixed(words)
    first, step = mixed & np.uint64(0xFFFFFFFF), mixed >> np.uint64(32) | np.uint64(1)
    return [(first + np.uint64(i) * step) % np.uint64(size) for i in range(PROBES)]


def _bit(probe: np.ndarray) -> np.ndarray:
    """Give the place of bits within their byte, as a byte in which they alone are set."""
    return _BITS[(probe & np.uint64(7)).astype(np.intp)]


_BITS = np.left_shift(1, np.arange(8)).astype(np.uint8)
