"""The feature spectrum: which codes tell which modification.

Which codes modified sites use more than unmodified ones, and whether that is chance.

Codes as the words of modifications: term frequency, inverse document frequency, z-scores.

Write a spectrum: the table of the published system, all that was measured, picture, page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.data.overlap import clusters
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.errors import DataError, UsageError
from vqrna.interpret.codes import CodeStrings, read_codes
from vqrna.interpret.html import page, plain, types_of
from vqrna.interpret.pwm import matrices
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.plots.spectrum import feature_spectrum
from vqrna.plots.style import dark, save_figure, type_colors
from vqrna.runtime.files import output_directory, write_table, write_text
from vqrna.runtime.provenance import header_lines, signature

PSEUDO = 4.0
"""Tokens that are added to a code's count, divided between the classes as all tokens are."""

RAREST = 10
"""Codes that stand fewer times than this in both classes together are not tested."""

_BLOCK = 250


@dataclass(frozen=True, eq=False)
class Contrast:
    """Modified against unmodified windows of one type.

    Parameters
    ----------
    log_odds : np.ndarray, shape (K, 2), float64
        Natural logarithm of the ratio of the odds that a token is this code: of the tokens that
        see the site, less the same of all other tokens of the windows (column 0); and of all
        tokens (column 1).
    p : np.ndarray, shape (K, 2), float64
        Two-sided, from permutations; nan for codes that are too rare to be tested.
    at_site : np.ndarray, shape (K, 2), int
        How often the code sees the site, in modified and in unmodified windows.
    everywhere : np.ndarray, shape (K, 2), int
        How often it stands anywhere in them.
    windows : tuple of int
        Modified and unmodified ones.
    clusters : int
        Of overlapping windows; what the permutations move.
    """

    log_odds: np.ndarray
    p: np.ndarray
    at_site: np.ndarray
    everywhere: np.ndarray
    windows: tuple[int, int]
    clusters: int


def contrast(
    codes: np.ndarray,
    modified: np.ndarray,
    cluster: np.ndarray,
    at_site: np.ndarray,
    codebook_size: int,
    *,
    permutations: int,
    seed: int = 0,
) -> Contrast:
    """Compare how modified and unmodified windows of one type use the codebook.

    The site is told from the region around it by the windows themselves: what the rest of a window
    shows, too, is subtracted. In each permutation whole clusters of overlapping windows change
    classes: as many clusters stay mostly modified as there are, and those that are moved from one
    side to the other have the labels of all their windows turned.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    modified : np.ndarray, shape (N,), bool
    cluster : np.ndarray, shape (N,), int
    at_site : np.ndarray, shape (T,), bool
        Which tokens see the site.
    codebook_size : int
        K.
    permutations : int
        The smallest p-value is one in so many and one; none leaves p nan.
    seed : int
    """
    labels = np.asarray(modified, dtype=bool)
    cluster = np.unique(cluster, return_inverse=True)[1]
    n = int(cluster.max(initial=-1)) + 1
    k = codebook_size
    # (class, cluster, zone, code): zone 0 sees the site, zone 1 does not
    counts = np.zeros((2, n, 2, k), dtype=np.float32)
    zone = np.broadcast_to(np.where(at_site, 0, 1), codes.shape)
    rows = np.broadcast_to(cluster[:, None], codes.shape)
    which = np.broadcast_to(np.where(labels, 0, 1)[:, None], codes.shape)
    np.add.at(counts, (which, rows, zone, codes), 1)

    found = counts.sum(axis=1)  # (class, zone, code)
    observed = _log_odds(found[0][None], found[1][None])[0]  # (2, K)
    p = np.full((2, k), np.nan)
    if permutations:
        p = _permuted(counts, labels, cluster, observed, permutations, seed)
    near, everywhere = found[:, 0].T, found.sum(axis=1).T
    p[0, near.sum(axis=1) < RAREST] = np.nan
    p[1, everywhere.sum(axis=1) < RAREST] = np.nan
    return Contrast(
        observed.T,
        p.T,
        near.astype(int),
        everywhere.astype(int),
        (int(labels.sum()), int((~labels).sum())),
        n,
    )


def _permuted(
    counts: np.ndarray,
    labels: np.ndarray,
    cluster: np.ndarray,
    observed: np.ndarray,
    permutations: int,
    seed: int,
) -> np.ndarray:
    """Share of the permutations that are as far from 0 as what was observed, shape (2, K)."""
    n = counts.shape[1]
    side = np.bincount(cluster, np.where(labels, 1, -1), minlength=n) > 0
    both = counts.sum(axis=(0, 1))  # (zone, K)
    turned = (counts[0] - counts[1]).reshape(n, -1)
    least = counts[1].sum(axis=0)
    rng = np.random.default_rng(seed)
    beyond = np.ones(observed.shape)
    # Rounding must not make an equal value a smaller one
    edge = np.abs(observed) - 1e-6
    for start in range(0, permutations, _BLOCK):
        drawn = np.tile(side, (min(_BLOCK, permutations - start), 1))
        stays = rng.permuted(drawn, axis=1) == side
        first = (stays.astype(np.float32) @ turned).reshape(-1, *both.shape) + least
        value = _log_odds(first, both - first)
        beyond += (np.abs(value) >= edge).sum(axis=0)
    return beyond / (permutations + 1)


def _log_odds(modified: np.ndarray, unmodified: np.ndarray) -> np.ndarray:
    """Turn counts (B, zone, K) of both classes into both log-odds ratios, (B, 2, K)."""
    near, far = (_ratio(modified[:, zone], unmodified[:, zone]) for zone in (0, 1))
    whole = _ratio(modified.sum(axis=1), unmodified.sum(axis=1))
    return np.stack([near - far, whole], axis=1)


def _ratio(modified: np.ndarray, unmodified: np.ndarray) -> np.ndarray:
    """Log-odds ratio of each code among the tokens (B, K) of two classes."""
    totals = [x.sum(axis=-1, keepdims=True) for x in (modified, unmodified)]
    both = np.maximum(totals[0] + totals[1], 1)
    odds = []
    for count, total in zip((modified, unmodified), totals, strict=True):
        added = PSEUDO * total / both
        odds.append((count + added) / np.maximum(total - count + added, 1e-9))
    return np.log(np.maximum(odds[0], 1e-9)) - np.log(np.maximum(odds[1], 1e-9))


def term_frequency(codes: np.ndarray, rows: Sequence[np.ndarray], codebook_size: int) -> np.ndarray:
    """Count each code a window, by type.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    rows : sequence of np.ndarray, length M
        Indices of the windows of each type; a window may stand twice.
    codebook_size : int
        K.

    Returns
    -------
    np.ndarray, shape (K, M), float64
        Mean number of times a code stands in a window; nan for a type without windows.
    """
    frequency = np.full((codebook_size, len(rows)), np.nan)
    for m, chosen in enumerate(rows):
        if len(chosen):
            counts = np.bincount(codes[chosen].ravel(), minlength=codebook_size)
            frequency[:, m] = counts / len(chosen)
    return frequency


def inverse_document_frequency(frequency: np.ndarray) -> np.ndarray:
    """Weigh codes by how few types they occur in: ``ln(1 + T / df)``.

    T is the number of types, df the number of those in which the code occurs.

    Parameters
    ----------
    frequency : np.ndarray, shape (K, M)

    Returns
    -------
    np.ndarray, shape (K,), float64
        0 for a code that occurs nowhere.
    """
    there = (frequency > 0).sum(axis=1)
    found = np.zeros(len(frequency))
    used = there > 0
    found[used] = np.log1p(frequency.shape[1] / there[used])
    return found


def tf_idf(frequency: np.ndarray) -> np.ndarray:
    """Term frequency times inverse document frequency, shape (K, M)."""
    return frequency * inverse_document_frequency(frequency)[:, None]


def z_over_types(values: np.ndarray) -> np.ndarray:
    """Standardise each code over the types, with the population's standard deviation.

    A factor that is the same for all types of a code, such as its IDF, cancels here. A code with
    the same value in all types gets zeros.

    Parameters
    ----------
    values : np.ndarray, shape (K, M)

    Returns
    -------
    np.ndarray, shape (K, M)
    """
    spread = values.std(axis=1, keepdims=True)
    apart = values - values.mean(axis=1, keepdims=True)
    # A spread of rounding errors is none
    flat = spread <= 1e-12 * np.abs(values).max(axis=1, keepdims=True, initial=0)
    return np.where(flat, 0.0, apart / np.where(flat, 1.0, spread))


def by_type(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put codes into groups by the type of their largest value, and in falling order of that.

    Parameters
    ----------
    values : np.ndarray, shape (K, M)

    Returns
    -------
    order : np.ndarray, shape (K,), int
        Codes, group by group; equal values in the order of the codes.
    group : np.ndarray, shape (K,), int
        Type of each code, in the order of `values`.
    """
    group = values.argmax(axis=1)
    best = values.max(axis=1)
    return np.lexsort((np.arange(len(values)), -best, group)), group


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


CANCELS = (
    "The published spectrum is a z-score over the types of TF-IDF. The IDF of a code is one factor "
    "for all types, and a z-score takes such a factor out again: the published spectrum is exactly "
    "the z-score of the plain counts, and IDF has no part in it."
)

_READING = {
    False: (
        "A code stands for a short stretch of sequence: the model sees each window as a string of "
        "codes, and predicts from nothing else. A bar says how much more (up) or less (down) often "
        "the code is used at modified than at unmodified sites, as a log-odds ratio: 0.69 is twice "
        "the odds, 2.3 ten times.",
        "“At the site” counts tokens that see the site itself, and subtracts the same log-odds "
        "ratio of all other tokens of the same windows. Negatives have the same base as the "
        "modification. So neither the base nor the region (CpG islands, say) makes a bar; only "
        "what is particular to the place of the site does. “In whole windows” leaves the "
        "region in.",
        "Full colour: false discovery rate below 5 % (Benjamini-Hochberg over all codes and "
        "types) by permutations that move whole clusters of overlapping windows. Pale bars may be "
        "chance; codes that stand fewer than ten times at sites are never tested.",
        "TF-IDF is of modified windows: mean count of the code in a window, times ln(1 + T/df). "
        "Most codes occur with every type, where the IDF is ln 2 and says nothing. " + CANCELS,
    ),
    True: (
        "As published: mean count of a code in the windows of a type, modified and unmodified "
        "together (TF), times ln(1 + T/df) (IDF), as a z-score over the types.",
        CANCELS + " It shows above all the base at the site and the regions that the windows of a "
        "type come from, since unmodified windows count, too. The spectrum without --paper "
        "compares modified with unmodified sites.",
    ),
}  # fmt: skip


def write_spectrum(
    found: Spectrum,
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    split: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``tf_idf_matrix_sorted.csv``, ``spectrum.tsv``, picture and page.

    Parameters
    ----------
    found : Spectrum
    directory : path-like
        Made if it is not there.
    model_hash, split : str
        To tell in every file.
    palette : str
        One of :data:`vqrna.plots.style.PALETTES`.

    Returns
    -------
    list of pathlib.Path
        The files; ``spectrum.tsv`` is not among them in the published way.

    Raises
    ------
    DataError
        If one cannot be written; each file is whole or not there.
    """
    colors = type_colors(found.modifications, palette)
    folder = output_directory(directory)
    head = header_lines(model_hash, split=split)
    matrix = folder / "tf_idf_matrix_sorted.csv"
    write_table(matrix, found.matrix(), head, separator=",", digits=8)
    written = [matrix]
    if not found.paper:
        table = folder / "spectrum.tsv"
        write_table(table, found.table(), head)
        written.append(table)
    way = "as published" if found.paper else "modified against unmodified sites"
    order = found.order
    sure = (
        ""
        if found.paper
        else f"full colour: FDR < {SURE:.0%}; too rare to be tested: last in a group · "
    )
    figure = feature_spectrum(
        found.values[order],
        found.group[order],
        [m.symbol for m in found.modifications],
        colors,
        sure=None if found.paper else found.q[0][order] < SURE,
        unit="z-score of TF-IDF" if found.paper else "log-odds at the site",
        title=f"Feature spectrum of model {model_hash} on {split}: {way}",
        remark=sure + signature(model_hash),
    )
    written += save_figure(figure, folder / "VQRNA_feature_spectrum")
    html = folder / "VQRNA_feature_spectrum.html"
    write_text(html, page("spectrum", _data(found, colors, model_hash, split)))
    return [*written, html]


def _data(found: Spectrum, colors: list[str], model_hash: str, split: str) -> dict[str, object]:
    """Gather what the page shows."""
    order = found.order
    names = {"site": "at the site", "window": "in whole windows"}
    scopes: list[dict[str, object]] = []
    columns: list[str] = []
    for s, scope in enumerate(SCOPES if found.contrasts else ()):
        values = np.stack([c.log_odds[:, s] for c in found.contrasts], axis=1)[order]
        q = plain(found.q[s][order])
        unit = f"log-odds {names[scope]}"
        scopes.append({"name": unit, "unit": unit, "values": plain(values), "q": q})
        columns += [unit, "FDR"]
    if found.paper:
        z = plain(found.values[order])
        scopes.append({"name": "z-score of TF-IDF", "unit": "z-score", "values": z})
        columns.append("z-score")
    scopes.append({"name": "TF-IDF", "unit": "TF-IDF", "values": plain(found.tf_idf[order])})
    columns.append("TF-IDF")
    counts = None
    if found.contrasts:
        counts = np.stack([c.at_site for c in found.contrasts], axis=1)[order].tolist()
        columns.append("times at the site, modified / unmodified")
    way = "as published" if found.paper else "modified against unmodified sites of the same base"
    facts = " · ".join(line.removeprefix("# ") for line in header_lines(model_hash, split=split))
    return {
        "about": f"{len(order)} codes of model {model_hash}, on {split} windows: {way}.",
        "facts": facts,
        "types": types_of(found.modifications, colors, [dark(c) for c in colors]),
        "codes": order.tolist(),
        "reads": [found.reads[k] for k in order],
        "group": found.group[order].tolist(),
        "scopes": scopes,
        "columns": columns,
        "counts": counts,
        "reading": _READING[found.paper],
    }
