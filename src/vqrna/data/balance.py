"""Hand out clusters to splits so that every type and class is divided in the same proportions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def balance(
    cluster: np.ndarray, stratum: np.ndarray, fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Hand out whole clusters so that every stratum is divided as the fractions say.

    Largest first, each goes where the chi-square distance between the counts and what the
    fractions ask for stays smallest; clusters of one size come in random order.

    Parameters
    ----------
    cluster : np.ndarray, shape (N,), int
    stratum : np.ndarray, shape (N,), int
        Type and class of each window.
    fractions : sequence of float
    seed : int

    Returns
    -------
    np.ndarray, shape (N,), int8
        Index into `fractions` for each window.
    """
    n_clusters, n_strata = int(cluster.max()) + 1, int(stratum.max()) + 1
    counts = np.zeros((n_clusters, n_strata))
    np.add.at(counts, (cluster, stratum), 1)
    usable = np.flatnonzero(np.asarray(fractions) > 0)
    wanted = np.outer(np.asarray(fractions)[usable], counts.sum(axis=0))  # (splits, strata)
    have = np.zeros_like(wanted)
    order = np.random.default_rng(seed).permutation(n_clusters)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    place = np.empty(n_clusters, dtype=np.int8)
    for c in order:
        held = np.flatnonzero(counts[c])
        more, goal, now = counts[c, held], wanted[:, held], have[:, held]
        # (now + more - goal)^2 - (now - goal)^2, over goal
        rise = (more * (2 * (now - goal) + more) / goal).sum(axis=1)
        best = int(rise.argmin())
        have[best, held] += more
        place[c] = usable[best]
    return place[cluster]
