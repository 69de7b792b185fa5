"""Negatives without a label: positions beside known sites, shuffled windows, and other types.

Random negatives of one type also count, with a low weight, against other types with the same base.
Positions and shuffled windows join each batch as rows of their own: in separate batches, batch
normalisation would treat them differently from labelled windows, and nothing would be learned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.config import TrainingConfig
from vqrna.data.annotated import annotated
from vqrna.data.windows import POSITIVE, RANDOM, UNKNOWN, Windows
from vqrna.sequence import centre, dinucleotide_shuffle, recentre, windows_around

OFF_SITE, SHUFFLED = "off_site", "shuffled"


def other_type_negatives(windows: Windows) -> np.ndarray:
    """Return the types for which windows can serve as negatives although they were not drawn so.

    Returns
    -------
    np.ndarray, shape (N, M), bool
        True where a random negative of some type, modified for none, has an unknown label and the
        base and context of the type.
    """
    random = windows.negative_set == windows.negative_sets.index(RANDOM)
    unmodified = random.any(axis=1) & ~(windows.labels == POSITIVE).any(axis=1)
    return unmodified[:, None] & (windows.labels == UNKNOWN) & windows.candidates()


@dataclass(frozen=True, eq=False)
class NegativeRows:
    """Unlabelled negatives for one batch."""

    tokens: np.ndarray  # (E, L), uint8: Windows centred on the positions
    negative: np.ndarray  # (E, M), bool: Types that each row is a negative of
    terms: dict[str, slice]  # Rows of each loss term, `OFF_SITE` and `SHUFFLED`


@dataclass(frozen=True, eq=False)
class UnlabelledNegatives:
    """Source of unlabelled negatives."""

    # Training windows; those longer than the model's provide positions beside sites
    windows: Windows
    # (N, L), bool: Annotated sites, which are never drawn (see
    # :func:`vqrna.data.annotated.annotated`)
    known: np.ndarray
    length: int  # Length of the model's windows in nt
    config: TrainingConfig
    beside: np.ndarray  # (N,), bool: Windows in which positions beside the site may be drawn

    @classmethod
    def from_windows(
        cls, windows: Windows, length: int, config: TrainingConfig, beside: np.ndarray | None = None
    ) -> UnlabelledNegatives | None:
        """Mark the annotated sites of windows; None if both weights are 0.

        Parameters are those of the class; all windows are allowed `beside` by default.
        """
        if config.off_site_weight == 0 and config.shuffled_weight == 0:
            return None
        if beside is None:
            beside = np.ones(len(windows), dtype=bool)
        known = np.zeros(windows.tokens.shape, dtype=bool)
        if config.off_site_weight:
            known = annotated(windows.tokens, windows)
        return cls(windows, known, length, config, beside)

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> NegativeRows:
        """Draw unlabelled negatives from a share of the windows of a batch.

        Parameters
        ----------
        rows : np.ndarray, int
            Windows of the batch, in random order.
        """
        count = max(1, round(self.config.unlabelled_share * len(rows)))
        parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        if self.config.off_site_weight:
            parts[OFF_SITE] = self._off_site(rows, count, rng)
        if self.config.shuffled_weight:
            parts[SHUFFLED] = self._shuffled(rows[-count:], rng)
        ends = np.cumsum([len(tokens) for tokens, _ in parts.values()])
        return NegativeRows(
            np.concatenate([tokens for tokens, _ in parts.values()]),
            np.concatenate([negative for _, negative in parts.values()]),
            {
                name: slice(int(end) - len(tokens), int(end))
                for end, (name, (tokens, _)) in zip(ends, parts.items(), strict=True)
            },
        )

    def _off_site(
        self, rows: np.ndarray, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw another candidate of the same type beside each of `count` modified sites."""
        modifications = self.windows.modifications
        half = centre(self.length)
        drawn = [np.empty((0, self.length), dtype=np.uint8)]
        negative = [np.empty((0, len(modifications)), dtype=bool)]
        usable = (self.windows.labels[rows] == POSITIVE).any(axis=1) & self.beside[rows]
        for row in rows[usable][:count]:
            tokens = self.windows.tokens[row]
            m = int(rng.choice(np.flatnonzero(self.windows.labels[row] == POSITIVE)))
            free = modifications[m].candidates(tokens) & ~self.known[row]
            free[centre(len(tokens))] = False
            if len(tokens) > self.length:  # the model's window must fit
                free[:half] = free[len(tokens) - half :] = False
            if free.any():
                position = rng.choice(np.flatnonzero(free), 1)
                drawn.append(windows_around(tokens, position, self.length))
                negative.append(np.arange(len(modifications))[None] == m)
        return np.concatenate(drawn), np.concatenate(negative)

    def _shuffled(
        self, rows: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Shuffle windows; each is a negative of all types that its new centre could carry."""
        windows = recentre(self.windows.tokens[rows], self.length)
        tokens = np.stack([dinucleotide_shuffle(window, rng) for window in windows])
        site = centre(self.length)
        candidates = [m.candidates(tokens)[:, site] for m in self.windows.modifications]
        return tokens, np.stack(candidates, axis=1)
