"""Put labels side by side that would lie on one another, each as near its place as can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spread(places: Sequence[float] | np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Move places apart.

    Of all ways to keep the order and the gap, the one with the smallest sum of squared moves
    (isotonic regression, by pooling neighbours that would collide).

    Parameters
    ----------
    places : sequence of float, shape (N,)
        Where the labels would stand, rising.
    gap : float
        Smallest distance of two.
    low, high : float
        Bounds; if there is no room for all, they stand evenly between them.

    Returns
    -------
    np.ndarray, shape (N,)
    """
    wanted = np.asarray(places, dtype=float)
    n = len(wanted)
    if n == 0:
        return wanted
    if n > 1 and (n - 1) * gap > high - low:
        return np.linspace(low, high, n)
    steps = gap * np.arange(n)
    pools: list[list[float]] = []  # each a mean and how many it stands for
    for place in wanted - steps:
        pools.append([place, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, count = pools.pop()
            before, pooled = pools[-1]
            pools[-1] = [(before * pooled + mean * count) / (pooled + count), pooled + count]
    level = np.concatenate([np.full(int(count), mean) for mean, count in pools])
    return np.clip(level, low, high - steps[-1]) + steps
