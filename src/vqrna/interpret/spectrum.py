"""The feature spectrum: which codes tell which modification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqrna.data.overlap import clusters
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.errors import DataError, UsageError
from vqrna.interpret.codes import CodeStrings, read_codes
from vqrna.interpret.contrast import Contrast, contrast
from vqrna.interpret.frequency import by_type, term_frequency, tf_idf, z_over_types
from vqrna.interpret.pwm import matrices
from vqrna.model import TrainedModel
from vqrna.modifications import Modification

PERMUTATIONS = 10_000

SCOPES = ("site", "window")
"""Where codes are compared: at the site, less the rest of the windows; and in whole windows."""

SURE = 0.05
"""False discovery rate below which a code is said to tell a type."""

_BEHIND = 1000.0

PAPER_TYPES = 10
"""The published spectrum is of the types with numbers up to this one."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Codes of one codebook against types.

    Parameters
    ----------
    modifications : tuple of Modification, length M
        Types in the order of the columns.
    order : np.ndarray, shape (U,), int
        Codes that are in use, by type and falling specificity.
    group : np.ndarray, shape (K,), int
        Type for which each code is most specific.
    tf_idf : np.ndarray, shape (K, M), float64
        Of modified windows; in the published way of all windows.
    values : np.ndarray, shape (K, M), float64
        What is drawn, and decides the order: log-odds at the site, or z-scores of the TF-IDF
        (published).
    contrasts : tuple of Contrast, length M
        Empty in the published way.
    q : np.ndarray, shape (2, K, M), float64
        False discovery rates over all codes and types, for each of `SCOPES`; nan where nothing
        was tested.
    reads : tuple of str, length K
        IUPAC letters that each code stands for.
    paper : bool
        Whether this is the published spectrum.
    """

    modifications: tuple[Modification, ...]
    order: np.ndarray
    group: np.ndarray
    tf_idf: np.ndarray
    values: np.ndarray
    contrasts: tuple[Contrast, ...]
    q: np.ndarray
    reads: tuple[str, ...]
    paper: bool = False

    def matrix(self) -> pd.DataFrame:
        """Codes (rows, sorted) by types (columns): TF-IDF, or its z-scores (published)."""
        values = self.values if self.paper else self.tf_idf
        columns = [m.symbol for m in self.modifications]
        table = pd.DataFrame(values[self.order], columns=columns)
        table.insert(0, "code", self.order)
        return table

    def table(self) -> pd.DataFrame:
        """Give one row a code and type, in the order of the spectrum, with all that was measured.

        The columns are told in ``docs/codes.md``.
        """
        parts = []
        for m, (kind, found) in enumerate(zip(self.modifications, self.contrasts, strict=True)):
            part = pd.DataFrame({"code": self.order, "reads": [self.reads[k] for k in self.order]})
            part["modification"] = kind.symbol
            part["group"] = [self.modifications[g].symbol for g in self.group[self.order]]
            part["modified_windows"], part["unmodified_windows"] = found.windows
            for zone, counts in (("at_site", found.at_site), ("anywhere", found.everywhere)):
                part[f"modified_{zone}"], part[f"unmodified_{zone}"] = counts[self.order].T
            for s, scope in enumerate(SCOPES):
                part[f"log_odds_{scope}"] = found.log_odds[self.order, s]
                part[f"p_{scope}"] = found.p[self.order, s]
                part[f"q_{scope}"] = self.q[s, self.order, m]
            part["tf_idf"] = self.tf_idf[self.order, m]
            parts.append(part)
        whole = pd.concat(parts, ignore_index=True)
        rank = np.argsort(np.argsort(whole.index.to_numpy() % len(self.order), kind="stable"))
        return whole.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)

    def summary(self) -> list[tuple[Modification, int, list[int]]]:
        """Tell for each type how many codes are sure at the site, and those of its own group."""
        found = []
        for t, m in enumerate(self.modifications):
            sure = self.q[0, :, t] < SURE
            own = [int(k) for k in self.order if sure[k] and self.group[k] == t]
            found.append((m, int(sure.sum()), own))
        return found


def spectrum(
    model: TrainedModel,
    windows: Windows,
    *,
    negatives: str = "random",
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    strings: CodeStrings | None = None,
    show_progress: bool = False,
) -> Spectrum:
    """Compare how modified and unmodified sites use the codebook, type by type.

    Positives are compared with negatives of the same base; what the rest of the windows shows as
    well is subtracted, so that neither the base nor the region counts. Windows that overlap move
    together in the permutations.

    Parameters
    ----------
    model : TrainedModel
    windows : Windows
        Labelled; types without windows of both classes are left out.
    negatives : str
        Which set of negatives; types that have none of it are compared with ``random``.
    permutations, seed : int
    strings : CodeStrings, optional
        Codes of the windows, if they were read before.
    show_progress : bool

    Raises
    ------
    DataError
        If no type has windows of both classes.
    UsageError
        If there is no such set of negatives.
    """
    if negatives not in windows.negative_sets:
        known = ", ".join(windows.negative_sets)
        raise UsageError(f"there are no negatives '{negatives}' (there are: {known})")
    sides = {m: _sides(windows, c, negatives) for c, m in enumerate(windows.modifications)}
    kinds = tuple(m for m, (yes, no) in sides.items() if len(yes) and len(no))
    if not kinds:
        there = set(windows.negative_set[windows.negative_set >= 0].tolist())
        others = [windows.negative_sets[i] for i in sorted(there)]
        other = f" ('{negatives}' negatives); --negatives {others[0]} has some" if others else ""
        raise DataError(f"no type has both modified and unmodified windows{other}")
    labelled = (windows.labels != UNKNOWN).any(axis=1)
    strings = strings or read_codes(model, windows.tokens, show_progress=show_progress)
    cluster = clusters(windows.tokens)
    at_site, size = strings.reading.at_site, strings.codebook_size
    found = []
    for m in kinds:
        rows = np.concatenate(sides[m])
        modified = np.arange(len(rows)) < len(sides[m][0])
        found.append(
            contrast(strings.codes[rows], modified, cluster[rows], at_site, size,
                     permutations=permutations, seed=seed)
        )  # fmt: skip
    values = np.stack([c.log_odds[:, 0] for c in found], axis=1)
    p = np.stack([c.p for c in found], axis=2)  # (K, 2, M)
    q = np.stack([_false_discovery(p[:, s]) for s in range(len(SCOPES))])
    # What was too rare to be tested is behind what was, in the group of its type
    order, group = by_type(values - _BEHIND * np.isnan(p[:, 0]))
    used = strings.usage() > 0
    return Spectrum(
        kinds,
        order[used[order]],
        group,
        tf_idf(term_frequency(strings.codes, [sides[m][0] for m in kinds], size)),
        values,
        tuple(found),
        q,
        _reads(strings, windows.tokens, labelled, cluster),
    )


def paper_spectrum(
    model: TrainedModel,
    windows: Windows,
    *,
    strings: CodeStrings | None = None,
    show_progress: bool = False,
) -> Spectrum:
    """Compute the spectrum as published: TF-IDF of all windows of a type, z-scores over types.

    Positives and unnamed negatives count alike, and types beyond the tenth are left out. The
    z-score over the types takes a code's IDF, one factor for all of them, out again.

    Raises
    ------
    DataError
        If none of the ten types has windows.
    """
    columns = [
        (c, m)
        for c, m in enumerate(windows.modifications)
        if m.index is not None and m.index <= PAPER_TYPES
    ]
    rows = [np.concatenate(_sides(windows, c, "random")) for c, _ in columns]
    if not sum(map(len, rows)):
        raise DataError("there are no windows of the ten published types")
    there = [i for i, chosen in enumerate(rows) if len(chosen)]
    strings = strings or read_codes(model, windows.tokens, show_progress=show_progress)
    size = strings.codebook_size
    weighed = tf_idf(term_frequency(strings.codes, [rows[i] for i in there], size))
    values = z_over_types(weighed)
    order, group = by_type(values)
    known = np.isin(np.arange(len(windows)), np.concatenate(rows))
    used = weighed.sum(axis=1) > 0
    return Spectrum(
        tuple(columns[i][1] for i in there),
        order[used[order]],
        group,
        weighed,
        values,
        (),
        np.full((len(SCOPES), *values.shape), np.nan),
        _reads(strings, windows.tokens, known, clusters(windows.tokens)),
        paper=True,
    )


def _sides(windows: Windows, column: int, negatives: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the modified and of the unmodified windows of one type."""
    labels, sets = windows.labels[:, column], windows.negative_set[:, column]
    wanted = windows.negative_sets.index(negatives)
    if not (sets == wanted).any():
        wanted = 0
    return (
        np.flatnonzero(labels == POSITIVE),
        np.flatnonzero((labels == NEGATIVE) & (sets == wanted)),
    )


def _false_discovery(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg over all tests at once; nan stays nan."""
    from scipy.stats import false_discovery_control

    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q


def _reads(
    strings: CodeStrings, tokens: np.ndarray, rows: np.ndarray, cluster: np.ndarray
) -> tuple[str, ...]:
    """Write what every code stands for, each cluster of windows counting once."""
    weights = np.where(rows, 1 / np.bincount(cluster)[cluster], 0)
    seen = strings.reading.seen(tokens)
    found = matrices(strings.codes, seen, strings.codebook_size, weights)
    return tuple(found.consensus(k) for k in range(strings.codebook_size))
