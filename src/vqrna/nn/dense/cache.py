"""The dense evaluation of a network, made once and again when its weights have changed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from vqrna.nn.dense.network import DenseNetwork
from vqrna.nn.dense.weights import fold

if TYPE_CHECKING:
    from vqrna.nn.model import SiteNetwork


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A dense evaluation, and the weights that it was made from.

    The tensors are held so that no other can take their place in memory.
    """

    dense: DenseNetwork
    tensors: tuple[torch.Tensor, ...]
    versions: tuple[int, ...]


_kept: WeakKeyDictionary[SiteNetwork, dict[torch.dtype | None, _Prepared]] = WeakKeyDictionary()
_lock = threading.Lock()


def dense(network: SiteNetwork, context_dtype: torch.dtype | None = None) -> DenseNetwork:
    """Give the dense evaluation of a network as its weights are now.

    Kept beside the network, not in it: it is no part of what is copied, saved or sent.

    Parameters
    ----------
    network : SiteNetwork
        Evaluated as in evaluation mode.
    context_dtype : torch.dtype, optional
        Of all that comes behind the codes; that of the codebook if not given.
    """
    tensors = (*network.parameters(), *network.buffers())
    versions = tuple(_version(tensor) for tensor in tensors)
    with _lock:
        kept = _kept.setdefault(network, {})
        found = kept.get(context_dtype)
        if found is None or not _same(found, tensors, versions):
            made = DenseNetwork(fold(network, context_dtype))
            held = tuple(tensor.detach() for tensor in tensors)
            found = kept[context_dtype] = _Prepared(made, held, versions)
    return found.dense


def _version(tensor: torch.Tensor) -> int:
    """Count how often a tensor was written to; -1 where that is not known."""
    return -1 if tensor.is_inference() else tensor._version


def _same(found: _Prepared, tensors: tuple[torch.Tensor, ...], versions: tuple[int, ...]) -> bool:
    return (
        -1 not in versions
        and found.versions == versions
        and all(
            ours.data_ptr() == theirs.data_ptr() and ours.dtype == theirs.dtype
            for ours, theirs in zip(found.tensors, tensors, strict=True)
        )
    )
