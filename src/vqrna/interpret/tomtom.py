"""Motifs held against those of a user, by Tomtom, on one strand."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from vqrna.errors import UsageError
from vqrna.interpret.motif import Motif

FEW = 25
"""With fewer motifs to compare with, Tomtom's p-values are not to be trusted."""


def compare(motifs: Sequence[Motif], known: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Compare motifs with known ones.

    Parameters
    ----------
    motifs : sequence of Motif
    known : mapping of str to np.ndarray, shape (4, W)
        Frequencies by name.

    Returns
    -------
    pandas.DataFrame
        A row a pair, the best first for each motif: ``motif``, ``consensus``, ``known``,
        ``p_value``, ``e_value`` (times the number of known ones), ``q_value``, ``offset`` (column
        of the known one where ours begins; below 0 if it begins before), ``overlap`` (columns).

    Raises
    ------
    UsageError
        If memelite is not installed.
    """
    try:
        from memelite import tomtom
    except ImportError:
        raise UsageError("--compare needs memelite: pip install 'vqrna[motifs]'") from None
    names = list(known)
    rows = []
    if motifs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there are few is told by whoever asked
            p, _, offset, overlap, _ = tomtom(
                [m.frequencies for m in motifs],
                [known[name] for name in names],
                reverse_complement=False,  # RNA has one strand
                n_jobs=1,
            )
        p = np.clip(p, 0, 1)
        q = false_discovery_control(p.ravel()).reshape(p.shape)
        for i, motif in enumerate(motifs):
            for j in np.argsort(p[i], kind="stable"):
                rows.append(
                    (motif.name, motif.consensus, names[j], p[i, j], p[i, j] * len(names),
                     q[i, j], int(offset[i, j]), int(overlap[i, j]))
                )  # fmt: skip
    columns = [
        "motif", "consensus", "known", "p_value", "e_value", "q_value", "offset", "overlap",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
