"""Build the dense evaluator of a network once, and again when its weights have changed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TypeGuard
from weakref import WeakKeyDictionary

import torch

from vqrna.nn.dense.ensemble import DenseEnsemble
from vqrna.nn.dense.network import DenseNetwork
from vqrna.nn.dense.weights import fold
from vqrna.nn.model import EnsembleNetwork, Network, SiteNetwork, site_networks


@dataclass(frozen=True, eq=False)
class _Entry:
    """An evaluator, with the tensors it was made from and their version counters.

    The tensors are kept alive so that no other tensor can reuse their memory addresses.
    """

    dense: DenseNetwork
    tensors: tuple[torch.Tensor, ...]
    versions: tuple[int, ...]

    def is_current(self, tensors: tuple[torch.Tensor, ...], versions: tuple[int, ...]) -> bool:
        return (
            -1 not in versions
            and self.versions == versions
            and all(
                kept.data_ptr() == tensor.data_ptr() and kept.dtype == tensor.dtype
                for kept, tensor in zip(self.tensors, tensors, strict=True)
            )
        )


# Beside the networks, not in them: an evaluator must not be copied, saved or sent with a network
_cache: WeakKeyDictionary[SiteNetwork, dict[torch.dtype | None, _Entry]] = WeakKeyDictionary()
_lock = threading.Lock()


def supports_dense(network: Network) -> TypeGuard[SiteNetwork | EnsembleNetwork]:
    """Return whether the dense engine can evaluate a network."""
    parts = site_networks(network)
    return bool(parts) and all(part.quantizer.dense for part in parts)


def dense_network(
    network: SiteNetwork | EnsembleNetwork, context_dtype: torch.dtype | None = None
) -> DenseNetwork | DenseEnsemble:
    """Return the dense evaluator of a network or an ensemble with its current weights.

    Threads may share it.

    Parameters
    ----------
    network : SiteNetwork or EnsembleNetwork
        One that :func:`supports_dense` accepts; is evaluated as in evaluation mode.
    context_dtype : torch.dtype, optional
        Precision of everything after the codes; that of the codebook by default.
        ``torch.bfloat16`` is faster and changes the logits; the codes stay the same.
    """
    evaluators = [_of_one(part, context_dtype) for part in site_networks(network)]
    return evaluators[0] if len(evaluators) == 1 else DenseEnsemble(evaluators)


def _of_one(network: SiteNetwork, context_dtype: torch.dtype | None) -> DenseNetwork:
    tensors = (*network.parameters(), *network.buffers())
    # The counters show writes in place; inference tensors have none
    versions = tuple(-1 if tensor.is_inference() else tensor._version for tensor in tensors)
    with _lock:
        entries = _cache.setdefault(network, {})
        entry = entries.get(context_dtype)
        if entry is None or not entry.is_current(tensors, versions):
            made = DenseNetwork(fold(network, context_dtype))
            entry = _Entry(made, tuple(tensor.detach() for tensor in tensors), versions)
            entries[context_dtype] = entry
    return entry.dense
