"""Weak negatives: positions nobody calls modified, beside known sites and in shuffled sequence.

Random negatives of one type also count, weakly, against the other types of their base. The others
join the batch of real windows as rows of their own, so that statistics over the batch are the
same for both: with batches of their own the network is normalised by them and learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.config import TrainingConfig
from vqrna.data.annotated import annotated
from vqrna.data.windows import POSITIVE, RANDOM, UNKNOWN, Windows
from vqrna.sequence import centre, dinucleotide_shuffle, recentre, windows_around

OFF_SITE, SHUFFLED = "loss_off_site", "loss_shuffled"
OTHER_TYPES = "loss_other_types"


def negatives_of_other_types(windows: Windows) -> np.ndarray:
    """Tell for which types windows can stand in as negatives, though nobody drew them for these.

    Parameters
    ----------
    windows : Windows

    Returns
    -------
    np.ndarray, shape (N, M), bool
        True where a random negative of some type, modified for none, has an unknown label, and the
        base and context that the type needs.
    """
    random = windows.negative_set == windows.negative_sets.index(RANDOM)
    serves = random.any(axis=1) & ~(windows.labels == POSITIVE).any(axis=1)
    return serves[:, None] & (windows.labels == UNKNOWN) & windows.candidates()


@dataclass(frozen=True, eq=False)
class WeakRows:
    """Weak negatives for one batch.

    Attributes
    ----------
    tokens : np.ndarray, shape (E, L), uint8
        Windows about the positions.
    negative : np.ndarray, shape (E, M), bool
        The types that each counts against.
    terms : dict of str to slice
        Which rows belong to which term of the loss.
    """

    tokens: np.ndarray
    negative: np.ndarray
    terms: dict[str, slice]


@dataclass(frozen=True, eq=False)
class WeakNegatives:
    """Where weak negatives come from.

    Parameters
    ----------
    windows : Windows
        As long as they are: what is longer than the model's window gives positions beside sites.
    known : np.ndarray, shape (N, L), bool
        Annotated sites, which are no negatives (see :func:`vqrna.data.annotated.annotated`).
    length : int
        Of the model's windows in nt.
    config : TrainingConfig
    """

    windows: Windows
    known: np.ndarray
    length: int
    config: TrainingConfig

    @classmethod
    def of(cls, windows: Windows, length: int, config: TrainingConfig) -> WeakNegatives | None:
        """Prepare what a training needs; None if it wants no weak negatives.

        Parameters
        ----------
        windows : Windows
            For training; at least as long as the model's.
        length : int
            Of the model's windows in nt.
        config : TrainingConfig
        """
        if config.off_site_weight == 0 and config.shuffled_weight == 0:
            return None
        known = np.zeros(windows.tokens.shape, dtype=bool)
        if config.off_site_weight:
            known = annotated(windows.tokens, windows)
        return cls(windows, known, length, config)

    def draw(self, rows: np.ndarray, generator: np.random.Generator) -> WeakRows:
        """Draw weak negatives from the windows of a batch.

        Parameters
        ----------
        rows : np.ndarray, int
            Windows of the batch, in random order: a share of them serves.
        generator : np.random.Generator
        """
        few = max(1, round(self.config.unlabelled_share * len(rows)))
        parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        if self.config.off_site_weight:
            parts[OFF_SITE] = self._off_site(rows, few, generator)
        if self.config.shuffled_weight:
            parts[SHUFFLED] = self._shuffled(rows[-few:], generator)
        ends = np.cumsum([len(tokens) for tokens, _ in parts.values()])
        return WeakRows(
            np.concatenate([tokens for tokens, _ in parts.values()]),
            np.concatenate([negative for _, negative in parts.values()]),
            {
                name: slice(int(end) - len(tokens), int(end))
                for end, (name, (tokens, _)) in zip(ends, parts.items(), strict=True)
            },
        )

    def _off_site(
        self, rows: np.ndarray, few: int, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Take another candidate of the same type beside each of a few modified sites."""
        kinds = self.windows.modifications
        half = centre(self.length)
        found = [np.empty((0, self.length), dtype=np.uint8)]
        negative = [np.empty((0, len(kinds)), dtype=bool)]
        for row in rows[(self.windows.labels[rows] == POSITIVE).any(axis=1)][:few]:
            tokens = self.windows.tokens[row]
            m = int(generator.choice(np.flatnonzero(self.windows.labels[row] == POSITIVE)))
            free = kinds[m].candidates(tokens) & ~self.known[row]
            free[centre(len(tokens))] = False
            if len(tokens) > self.length:  # only where the whole window is there
                free[:half] = free[len(tokens) - half :] = False
            if free.any():
                at = generator.choice(np.flatnonzero(free), 1)
                found.append(windows_around(tokens, at, self.length))
                negative.append(np.arange(len(kinds))[None] == m)
        return np.concatenate(found), np.concatenate(negative)

    def _shuffled(
        self, rows: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Shuffle the dinucleotides of windows; their centre counts against all it could carry."""
        windows = recentre(self.windows.tokens[rows], self.length)
        tokens = np.stack([dinucleotide_shuffle(window, generator) for window in windows])
        site = centre(self.length)
        kinds = self.windows.modifications
        return tokens, np.stack([m.candidates(tokens)[:, site] for m in kinds], axis=1)
