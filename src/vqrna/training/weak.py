"""Weak negatives: positions nobody calls modified, off the sites and in shuffled sequence.

A network evaluates all positions on a grid of its own stride at little more cost than one. So some
windows of each batch also tell it what is unmodified elsewhere in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vqrna.config import TrainingConfig
from vqrna.data.annotated import annotated
from vqrna.data.records import POSITIVE, Windows
from vqrna.nn.lattice import Lattice
from vqrna.nn.model import SiteNetwork
from vqrna.sequence import centre, one_hot
from vqrna.shuffling import dinucleotide_shuffle
from vqrna.training.augmentation import crop, substitute
from vqrna.training.losses import off_site_loss

CROPPED = 0.5
"""Share of these windows that are made short, since short sequences are scanned, too."""


@dataclass(frozen=True, eq=False)
class WeakNegatives:
    """Where weak negatives of some windows are.

    Parameters
    ----------
    windows : Windows
        As long as they are: what is longer than the model's window gives positions.
    lattice : Lattice
        Sites on the network's grid whose windows fit in.
    known : np.ndarray, shape (N, L), bool
        Annotated sites (see :func:`vqrna.data.annotated.annotated`).
    """

    windows: Windows
    lattice: Lattice
    known: np.ndarray

    @classmethod
    def of(
        cls, windows: Windows, network: SiteNetwork, config: TrainingConfig
    ) -> WeakNegatives | None:
        """Prepare what a training needs; None if it wants no weak negatives."""
        if config.off_site_weight == 0 and config.shuffled_weight == 0:
            return None
        known = np.zeros(windows.tokens.shape, dtype=bool)
        if config.off_site_weight:
            known = annotated(windows.tokens, windows)
        return cls(windows, network.grid(windows.length), known)

    def off_site(self, rows: np.ndarray) -> np.ndarray:
        """Choose the weak negatives of modified windows, for the types they are modified with.

        They are candidates of the type on the grid, off the centre, annotated for no type.

        Returns
        -------
        np.ndarray, shape (len(rows), M, sites), bool
        """
        chosen = self._candidates(self.windows.tokens[rows])
        chosen &= ~self.known[rows][:, None, self.positions()]
        chosen &= (self.windows.labels[rows] == POSITIVE)[:, :, None]
        chosen[:, :, self.lattice.sites // 2] = False
        return chosen

    def shuffled(
        self, rows: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Shuffle the dinucleotides of windows; every candidate in them is a weak negative.

        Returns
        -------
        tokens : np.ndarray, shape (len(rows), L), uint8
        chosen : np.ndarray, shape (len(rows), M, sites), bool
        """
        tokens = np.stack([dinucleotide_shuffle(x, generator) for x in self.windows.tokens[rows]])
        return tokens, self._candidates(tokens)

    def positions(self) -> np.ndarray:
        """Positions (sites,) of the grid in a window."""
        steps = np.arange(self.lattice.sites) - self.lattice.sites // 2
        return centre(self.windows.length) + steps * self.lattice.spacing

    def _candidates(self, tokens: np.ndarray) -> np.ndarray:
        """Which types each site of the grid can carry: (N, L) to (N, M, sites)."""
        at = self.positions()
        return np.stack([m.candidates(tokens)[:, at] for m in self.windows.modifications], axis=1)


def weak_loss(
    network: SiteNetwork,
    weak: WeakNegatives,
    rows: np.ndarray,
    config: TrainingConfig,
    generator: torch.Generator,
) -> dict[str, torch.Tensor]:
    """Loss on the weak negatives of some windows of a batch.

    Parameters
    ----------
    network : SiteNetwork
    weak : WeakNegatives
    rows : np.ndarray, int
        Windows of the batch; the first modified ones of a share of them give off-site positions,
        as many are shuffled.
    config : TrainingConfig
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    dict
        ``loss_off_site`` and ``loss_shuffled``, unweighted; those with a weight of 0 are left out.
    """
    few = max(2, round(config.weak_share * len(rows)))  # statistics over a batch need two
    parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    if config.off_site_weight and weak.lattice.sites > 1:
        modified = (weak.windows.labels[rows] == POSITIVE).any(axis=1)
        if len(chosen := rows[modified][:few]):
            parts["loss_off_site"] = weak.windows.tokens[chosen], weak.off_site(chosen)
    if config.shuffled_weight:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        parts["loss_shuffled"] = weak.shuffled(rows[-few:], np.random.default_rng(seed))
    if not parts:
        return {}
    tokens = torch.from_numpy(np.concatenate([part for part, _ in parts.values()]))
    tokens = substitute(tokens, config.substitution_rate, generator)
    tokens, inside = crop(tokens, CROPPED, config.mask_min_flank, generator)
    seen = inside[:, torch.from_numpy(weak.positions())]  # (N, sites)
    device = next(network.parameters()).device
    # In evaluation mode: a few shuffled windows must move neither the statistics nor the codebook
    network.eval()
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        _, logits = network.on_grid(one_hot(tokens.to(device)), weak.lattice)
    network.train()
    found, start = {}, 0
    for name, (_, chosen) in parts.items():
        mine = slice(start, start + len(chosen))
        start += len(chosen)
        mask = torch.from_numpy(chosen) & seen[mine, None]
        found[name] = off_site_loss(logits[mine], mask.to(device), config.label_smoothing)
    return found
