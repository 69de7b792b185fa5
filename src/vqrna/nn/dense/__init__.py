"""The dense engine: our network at every position of a sequence, exactly and fast.

:func:`dense_network` is the whole interface: it returns an evaluator of a network, which maps
tokens (N, W + length - 1) to a :class:`DenseOutput` for the W central positions. Every position
gets the numbers of the window around it. Networks for which :func:`supports_dense` is false are
evaluated window by window instead. The networks themselves do not know this package.
"""

from vqrna.nn.dense.cache import dense_network, supports_dense
from vqrna.nn.dense.ensemble import DenseEnsemble
from vqrna.nn.dense.network import DenseNetwork, DenseOutput

__all__ = ["DenseEnsemble", "DenseNetwork", "DenseOutput", "dense_network", "supports_dense"]
