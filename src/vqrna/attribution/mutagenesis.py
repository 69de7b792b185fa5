"""Saturation mutagenesis: what every substitution of a window does to its logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from vqrna.attribution.folded import Folded, fold
from vqrna.attribution.reach import Substituted, WindowCodes
from vqrna.attribution.rows import WindowContext
from vqrna.nn.model import Network, SiteNetwork
from vqrna.sequence import ALPHABET, one_hot

AT_ONCE = 2048
"""Substitutions at a time."""

BATCH = 64
"""Windows at a time where a network is evaluated window by window."""


class Mutated(NamedTuple):
    """A window with every one of its substitutions.

    Attributes
    ----------
    logits : np.ndarray, shape (4, L, M), float64
        With each base at each column; `reference` where it is the one that stands there.
    reference : np.ndarray, shape (M,), float64
        Of the window itself.
    """

    logits: np.ndarray
    reference: np.ndarray


def substitutions(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List all substitutions of a window.

    Parameters
    ----------
    tokens : np.ndarray, shape (L,), uint8

    Returns
    -------
    columns, bases : np.ndarray, shape (N,), int64
        By column, then by base; three a column, four where the letter is ambiguous.
    """
    other = tokens[:, None] != np.arange(len(ALPHABET))
    columns, bases = np.nonzero(other)
    return columns, bases


@torch.no_grad()
def mutate(network: Network, tokens: np.ndarray) -> Iterator[Mutated]:
    """Evaluate windows with every one of their substitutions.

    Our network is recomputed only where a substitution reaches, and the context only where codes
    change; the numbers are those of whole evaluations, to within rounding. Others are evaluated
    whole up to the codes, and from there once for each different string of codes.

    Parameters
    ----------
    network : Network
        In evaluation mode. Ours is worked on on the CPU, wherever it is.
    tokens : np.ndarray, shape (N, L), uint8
        Windows of the network's length.

    Yields
    ------
    Mutated
        A window at a time.
    """
    if isinstance(network, SiteNetwork):
        local = LocalMutagenesis(fold(network))
        for window in tokens:
            yield local(window)
        return
    for window in tokens:
        yield by_code_strings(network, window)


class LocalMutagenesis:
    """Mutates windows in our network, recomputing only what a substitution reaches.

    Parameters
    ----------
    folded : Folded
        On the CPU.
    """

    def __init__(self, folded: Folded) -> None:
        self._codes = WindowCodes(folded)
        self._context = WindowContext(folded, self._codes.tokens)

    @torch.no_grad()
    def __call__(self, window: np.ndarray) -> Mutated:
        """Mutate a window (L,), uint8, of the network's length."""
        columns, bases = (torch.from_numpy(part) for part in substitutions(window))
        codes = self._codes.begin(torch.from_numpy(window.astype(np.int64)))
        reference = self._context.begin(codes)
        found = reference.repeat(len(ALPHABET), len(window), 1)
        for at in range(0, len(columns), AT_ONCE):
            part = slice(at, at + AT_ONCE)
            strings, kind = different(self._codes.substituted(columns[part], bases[part]))
            logits = torch.cat([self._context.logits(strings), reference[None]])
            found[bases[part], columns[part]] = logits[kind]
        return Mutated(found.double().numpy(), reference.double().numpy())


def different(variants: Substituted) -> tuple[Substituted, torch.Tensor]:
    """Keep one variant of each string of codes, none of that of the window.

    Returns
    -------
    kept : Substituted
    kind : torch.Tensor, shape (N,), int64
        Which of the kept ones each is; their number for the window's own.
    """
    where, nth = torch.nonzero(variants.changed, as_tuple=True)
    n = len(variants.first)
    # What is changed, and into what, as sums of arbitrary large numbers; they wrap around
    token = variants.first[where] + nth
    mixed = (token * 0x9E3779B97F4A7C1 + variants.codes[where, nth] + 1) * 0x2545F4914F6CDD1D
    mixed = (mixed ^ (mixed >> 29)) * 0x1B873593CC9E2D51
    mixed = (mixed ^ (mixed >> 32)) * 0x2545F4914F6CDD1D
    key = torch.zeros(n, dtype=torch.int64).index_add_(0, where, mixed)
    changed = torch.nonzero(variants.changed.any(1))[:, 0]
    unique, of_changed = torch.unique(key[changed], return_inverse=True)
    first = torch.empty_like(unique).scatter_(0, of_changed, changed)
    kind = torch.full((n,), len(unique))
    kind[changed] = of_changed
    return Substituted(*(part[first] for part in variants)), kind


@torch.no_grad()
def by_code_strings(network: Network, window: np.ndarray) -> Mutated:
    """Mutate one window in any network that predicts from codes alone."""
    device = next(network.parameters()).device
    columns, bases = substitutions(window)
    variants = np.repeat(window[None], len(columns) + 1, axis=0)
    variants[np.arange(len(columns)), columns] = bases
    letters = torch.from_numpy(variants).to(device)
    codes = torch.cat([network(_columns(network, part)).codes for part in letters.split(BATCH)])
    strings, kind = torch.unique(codes, dim=0, return_inverse=True)
    logits = torch.cat([network.logits_from_codes(part) for part in strings.split(BATCH)])
    every = logits.double().cpu().numpy()[kind.cpu().numpy()]
    found = np.empty((len(ALPHABET), len(window), every.shape[1]))
    found[:] = every[-1]
    found[bases, columns] = every[:-1]
    return Mutated(found, every[-1])


def _columns(network: Network, tokens: torch.Tensor) -> torch.Tensor:
    """One-hot columns in the precision of the network."""
    return one_hot(tokens).to(next(network.parameters()).dtype)
