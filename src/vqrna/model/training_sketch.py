"""A small sketch of the training windows, to report whether a site was among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.sequence import AMBIGUOUS, centre, recentre

WORD = 24
"""Nucleotides of a word; unrelated sequences share none by chance."""

STEP = 16
"""Neighbouring words of which the one with the smallest hash is kept (a minimiser)."""

BESIDE = 50
"""Nucleotides on either side of a site that are looked up."""

KEPT = 2 * BESIDE
"""Nucleotides on either side of a training site that are stored: enough to recognise every site
within `BESIDE` nt of it."""

BITS = 10
"""Bits of the filter per word."""

PROBES = 7
"""Bits that a word sets; the best number for `BITS`."""

PERIODS = (1, 2)
"""Lengths of repeats that do not count, such as poly(A), because they occur everywhere."""

_WINDOWS_AT_ONCE = 1024

_WORDS_AT_ONCE = 1 << 16

_BITS = np.left_shift(1, np.arange(8)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class TrainingSketch:
    """Sampled words of training windows in a Bloom filter (Bloom, CACM 13:422, 1970).

    Words of `WORD` nt are sampled as minimisers (Roberts et al., Bioinformatics 20:3363, 2004):
    of each `STEP` neighbouring words, the one with the smallest hash. The same sequence then has
    the same samples at any place, at most `STEP` apart.
    """

    bits: np.ndarray  # (B,), uint8: Eight bits of the filter each
    # words, windows: Number of different words stored, and of the windows that they are from
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
        parts = [np.empty(0, dtype=np.uint64)]
        cut = recentre(tokens, min(2 * KEPT + 1, tokens.shape[1]))
        for start in range(0, len(cut), _WINDOWS_AT_ONCE):
            # An ambiguous letter after each window, so that no word spans two of them
            part = cut[start : start + _WINDOWS_AT_ONCE]
            rows = np.pad(part, ((0, 0), (0, 1)), constant_values=AMBIGUOUS)
            smallest, whole = _minimisers(rows.ravel())
            parts.append(np.unique(smallest[whole]))
        words = np.unique(np.concatenate(parts))
        bits = np.zeros(max(1, -(-len(words) * BITS // 8)), dtype=np.uint8)
        for probe in _probes(words, 8 * len(bits)):
            np.bitwise_or.at(bits, probe >> np.uint64(3), _bit(probe))
        return cls(bits, len(words), len(tokens))

    def near(
        self,
        tokens: np.ndarray,
        sites: np.ndarray,
        begin: np.ndarray | int = 0,
        end: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return which sites of a sequence are in the neighbourhood of a training site.

        Of all runs of `STEP` words within `BESIDE` nt of a site without an ambiguous letter, two of
        five must have their minimiser in the sketch, and more than one minimiser can cover. A
        diverged copy of a repeat does not reach this; a single substitution rarely prevents it.
        Runs of one letter or of two in turn (`PERIODS`) do not count.

        Parameters
        ----------
        tokens : np.ndarray, shape (S,), uint8
            One sequence, with up to `BESIDE` nt of context around the sites.
            Several may be joined with ambiguous letters between them.
        sites : np.ndarray, shape (N,), int
            0-based positions.
        begin, end : np.ndarray, shape (N,), int, optional
            Bounds of the sequence of each site in `tokens`, half-open.

        Returns
        -------
        np.ndarray, shape (N,), bool
        """
        end = np.full(len(sites), len(tokens)) if end is None else end
        if np.max(end - begin, initial=0) < WORD + STEP:
            return np.zeros(len(sites), dtype=bool)
        smallest, whole = _minimisers(tokens)
        whole &= ~_periodic(tokens, len(smallest))
        stored = np.zeros(len(smallest), dtype=bool)
        stored[whole] = self._contains(smallest[whole])
        before = np.zeros((2, len(smallest) + 1), dtype=np.int64)
        np.cumsum(whole, out=before[0, 1:])
        np.cumsum(stored, out=before[1, 1:])
        extent = WORD + STEP - 1
        low = np.minimum(np.maximum(sites - BESIDE, begin), len(smallest))
        high = np.minimum(sites + BESIDE + 1, end) - extent + 1
        high = np.maximum(high, low)
        runs, known = before[:, high] - before[:, low]
        return (known > STEP) & (5 * known >= 2 * runs)

    def holds(self, tokens: np.ndarray) -> np.ndarray:
        """Return :meth:`near` for the sites of windows: (N, L), uint8, to (N,), bool."""
        cut = recentre(tokens, min(2 * BESIDE + 1, tokens.shape[1]))
        known = np.zeros(len(cut), dtype=bool)
        for start in range(0, len(cut), _WINDOWS_AT_ONCE):
            part = slice(start, start + _WINDOWS_AT_ONCE)
            # The neighbourhood of a site ends before the next window begins
            rows = np.pad(cut[part], ((0, 0), (0, BESIDE)), constant_values=AMBIGUOUS)
            sites = np.arange(len(rows)) * rows.shape[1] + centre(cut.shape[1])
            known[part] = self.near(rows.ravel(), sites)
        return known

    def _contains(self, words: np.ndarray) -> np.ndarray:
        """Look up words, (N,) uint64; equal neighbours are looked up once."""
        if not len(words):
            return np.zeros(0, dtype=bool)
        opens = np.ones(len(words), dtype=bool)
        opens[1:] = words[1:] != words[:-1]
        once = words[opens]
        known = np.ones(len(once), dtype=bool)
        for start in range(0, len(once), _WORDS_AT_ONCE):
            part = slice(start, start + _WORDS_AT_ONCE)
            for probe in _probes(once[part], 8 * len(self.bits)):
                known[part] &= (self.bits[probe >> np.uint64(3)] & _bit(probe)) > 0
        return known[np.cumsum(opens) - 1]


def _minimisers(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest hash of each run of `STEP` words, and whether the run has bases only.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8

    Returns
    -------
    smallest : np.ndarray, shape (R,), uint64
    whole : np.ndarray, shape (R,), bool
    """
    count = max(0, len(tokens) - WORD + 1)
    runs = max(0, count - STEP + 1)
    # Words of 3, 6, 12, 24 letters, each made of two of half the length
    word = tokens.astype(np.uint64) & np.uint64(3)
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


def _periodic(tokens: np.ndarray, runs: int) -> np.ndarray:
    """Return which runs of `STEP` words repeat one letter, or two in turn: (runs,), bool."""
    periodic = np.zeros(runs, dtype=bool)
    for period in PERIODS:
        differ = np.concatenate([[0], np.cumsum(tokens[period:] != tokens[:-period])])
        extent = WORD + STEP - 1 - period
        periodic |= differ[extent:][:runs] == differ[:-extent][:runs]
    return periodic


def _mixed(x: np.ndarray) -> np.ndarray:
    """Mix the bits of numbers, (N,) uint64, one to one (finaliser of SplitMix64, Steele et al.)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _probes(words: np.ndarray, size: int) -> list[np.ndarray]:
    """Return the bits of words in a filter of `size` bits (Kirsch and Mitzenmacher, 2006)."""
    mixed = _mixed(words)  # again: minimisers are small numbers
    first, step = mixed & np.uint64(0xFFFFFFFF), mixed >> np.uint64(32) | np.uint64(1)
    return [(first + np.uint64(i) * step) % np.uint64(size) for i in range(PROBES)]


def _bit(probe: np.ndarray) -> np.ndarray:
    """Return bytes in which only the bit of each probe is set."""
    return _BITS[(probe & np.uint64(7)).astype(np.intp)]
