"""Saturation mutagenesis: the logits of a window with every possible substitution."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from vqrna.model.inference import evaluating
from vqrna.nn.dense import supports_dense
from vqrna.nn.dense.variant_codes import WindowCodes
from vqrna.nn.dense.variant_context import WindowContext
from vqrna.nn.dense.weights import fold
from vqrna.nn.model import EnsembleNetwork, Network, SiteNetwork, average, site_networks
from vqrna.sequence import ALPHABET, one_hot

AT_ONCE = 2048  # substitutions evaluated at a time
BATCH = 64  # windows evaluated at a time for networks without incremental evaluation


class Mutated(NamedTuple):
    """Logits of a window with every substitution."""

    # (4, L, M), float64: Logits with each base at each column; `reference` for the observed base
    logits: np.ndarray
    reference: np.ndarray  # (M,), float64: Logits of the unchanged window


def substitutions(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List all substitutions of a window.

    Parameters
    ----------
    tokens : np.ndarray, shape (L,), uint8

    Returns
    -------
    columns, bases : np.ndarray, shape (N,), int64
        Sorted by column, then base; three per column, four for an ambiguous letter.
    """
    other = tokens[:, None] != np.arange(len(ALPHABET))
    columns, bases = np.nonzero(other)
    return columns, bases


@torch.no_grad()
def mutate(network: Network, tokens: np.ndarray) -> Iterator[Mutated]:
    """Evaluate windows with every one of their substitutions.

    A `SiteNetwork` is recomputed only within the receptive field of a substitution, and its
    context only where codes change; the results equal complete evaluations up to rounding. Other
    networks are evaluated completely up to the codes, then once for each distinct string of codes.

    Parameters
    ----------
    network : Network
        In evaluation mode. A `SiteNetwork` is evaluated on the CPU.
    tokens : np.ndarray, shape (N, L), uint8
        Windows of the network's length.

    Yields
    ------
    Mutated
        For each window.
    """
    if supports_dense(network):
        local = LocalMutagenesis(network)
        for window in tokens:
            yield local(window)
        return
    for window in tokens:
        yield by_code_strings(network, window)


class LocalMutagenesis:
    """Mutagenesis on the CPU that recomputes only the receptive field of a substitution.

    Parameters
    ----------
    network : SiteNetwork or EnsembleNetwork
        One that the dense engine supports; evaluated as in evaluation mode.
    """

    def __init__(self, network: SiteNetwork | EnsembleNetwork) -> None:
        on_cpu = next(network.parameters()).device.type == "cpu"
        parts = site_networks(network if on_cpu else copy.deepcopy(network).cpu())
        self._each = []
        for folded in map(fold, parts):
            codes = WindowCodes(folded)
            self._each.append((codes, WindowContext(folded, codes.tokens)))

    def __call__(self, window: np.ndarray) -> Mutated:
        """Mutate a window (L,), uint8, of the network's length."""
        columns, bases = substitutions(window)
        reference, changed = self.substitute(window, columns, bases)
        logits = np.tile(reference, (len(ALPHABET), len(window), 1))
        logits[bases, columns] = changed
        return Mutated(logits, reference)

    @torch.no_grad()
    def substitute(
        self, window: np.ndarray, columns: np.ndarray, bases: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate some substitutions of a window.

        Parameters
        ----------
        window : np.ndarray, shape (L,), uint8
            Of the network's length.
        columns, bases : np.ndarray, shape (N,), int64
            Sorted by column.

        Returns
        -------
        reference : np.ndarray, shape (M,), float64
            Logits of the window.
        logits : np.ndarray, shape (N, M), float64
            Logits with each substitution.
        """
        at, letters = torch.from_numpy(columns), torch.from_numpy(bases)
        tokens = torch.from_numpy(window.astype(np.int64))
        each = [_substitute(*parts, tokens, at, letters) for parts in self._each]
        reference, logits = (average(values) for values in zip(*each, strict=True))
        return reference.double().numpy(), logits.double().numpy()


def _substitute(
    codes: WindowCodes,
    context: WindowContext,
    window: torch.Tensor,
    columns: torch.Tensor,
    bases: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Evaluate substitutions with one network: logits (M,) of the window and (N, M)."""
    reference = context.set_window(codes.set_window(window)).flatten()
    logits = reference.new_empty(len(columns), len(reference))
    for start in range(0, len(columns), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        logits[part] = context.logits(codes.substitute(columns[part], bases[part]))
    return reference, logits


def by_code_strings(network: Network, window: np.ndarray) -> Mutated:
    """Mutate one window in any network that predicts from codes alone."""
    device = next(network.parameters()).device
    columns, bases = substitutions(window)
    variants = np.repeat(window[None], len(columns) + 1, axis=0)
    variants[np.arange(len(columns)), columns] = bases
    letters = torch.from_numpy(variants).to(device)
    with evaluating(network):
        codes = torch.cat([network(_columns(network, part)).codes for part in letters.split(BATCH)])
        strings, index = torch.unique(codes, dim=0, return_inverse=True)
        logits = torch.cat([network.logits_from_codes(part) for part in strings.split(BATCH)])
    every = logits.double().cpu().numpy()[index.cpu().numpy()]
    mutated = np.empty((len(ALPHABET), len(window), every.shape[1]))
    mutated[:] = every[-1]
    mutated[bases, columns] = every[:-1]
    return Mutated(mutated, every[-1])


def _columns(network: Network, tokens: torch.Tensor) -> torch.Tensor:
    """One-hot columns in the precision of the network."""
    return one_hot(tokens).to(next(network.parameters()).dtype)
