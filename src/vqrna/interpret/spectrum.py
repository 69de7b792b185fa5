"""Feature spectrum: which codes of a codebook are specific for which modification.

`spectrum` compares modified with unmodified sites; `paper_spectrum` computes the published
z-scores of TF-IDF over all windows. `write_spectrum` writes tables, picture and page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.data.benchmark import split_windows
from vqrna.data.overlap import clusters
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.errors import DataError, UsageError
from vqrna.interpret.codes import CodedWindows, read_codes
from vqrna.interpret.contrast import Contrast, contrast
from vqrna.interpret.html import page, plain, type_entries
from vqrna.interpret.pwm import code_matrices
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.plots.spectrum import feature_spectrum
from vqrna.plots.style import save_figure, type_colors
from vqrna.runtime.files import output_files, results_directory, write_table, write_text
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import header_lines, signature
from vqrna.runtime.run_record import add_run_record

PERMUTATIONS = 10_000

SCOPES = ("site", "window")
"""Where codes are compared: at the site, minus the rest of the windows; and in whole windows."""

FDR_CUTOFF = 0.05  # false discovery rate below which a code is significant
PAPER_TYPES = 10  # the published spectrum contains the types with numbers up to this one
_UNTESTED_OFFSET = 1000.0


def term_frequency(codes: np.ndarray, rows: Sequence[np.ndarray], codebook_size: int) -> np.ndarray:
    """Return how often each code occurs in a window of each type.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    rows : sequence of np.ndarray, length M
        Indices of the windows of each type; repeated indices count repeatedly.
    codebook_size : int
        Number of codes K.

    Returns
    -------
    np.ndarray, shape (K, M), float64
        Mean count per window; nan for a type without windows.
    """
    frequency = np.full((codebook_size, len(rows)), np.nan)
    for m, own in enumerate(rows):
        if len(own):
            counts = np.bincount(codes[own].ravel(), minlength=codebook_size)
            frequency[:, m] = counts / len(own)
    return frequency


def inverse_document_frequency(frequency: np.ndarray) -> np.ndarray:
    """Return ``ln(1 + T / df)`` of each code: T types, df of which contain the code.

    Parameters
    ----------
    frequency : np.ndarray, shape (K, M)

    Returns
    -------
    np.ndarray, shape (K,), float64
        0 for a code that does not occur.
    """
    document_frequency = (frequency > 0).sum(axis=1)
    idf = np.zeros(len(frequency))
    used = document_frequency > 0
    idf[used] = np.log1p(frequency.shape[1] / document_frequency[used])
    return idf


def tf_idf(frequency: np.ndarray) -> np.ndarray:
    """Multiply term frequency (K, M) by inverse document frequency."""
    return frequency * inverse_document_frequency(frequency)[:, None]


def z_over_types(values: np.ndarray) -> np.ndarray:
    """Standardise each code over the types, with the population standard deviation.

    Parameters
    ----------
    values : np.ndarray, shape (K, M)

    Returns
    -------
    np.ndarray, shape (K, M)
        0 for a code with the same value for all types. A factor common to all types of a code,
        for example its IDF, cancels.
    """
    spread = values.std(axis=1, keepdims=True)
    deviation = values - values.mean(axis=1, keepdims=True)
    # Ignore a spread that is only rounding error
    flat = spread <= 1e-12 * np.abs(values).max(axis=1, keepdims=True, initial=0)
    return np.where(flat, 0.0, deviation / np.where(flat, 1.0, spread))


def order_by_type(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group codes by the type of their largest value, and sort each group by descending value.

    Parameters
    ----------
    values : np.ndarray, shape (K, M)

    Returns
    -------
    order : np.ndarray, shape (K,), int
        Codes, group by group; ties in the order of the codes.
    group : np.ndarray, shape (K,), int
        Type of each code, in the order of `values`.
    """
    group = values.argmax(axis=1)
    best = values.max(axis=1)
    return np.lexsort((np.arange(len(values)), -best, group)), group


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Codes of one codebook against types.

    Attributes
    ----------
    modifications : tuple of Modification
        Types in the order of the columns.
    order : np.ndarray, shape (U,), int
        Codes in use, by type and descending specificity.
    group : np.ndarray, shape (K,), int
        Type for which each code is most specific.
    tf_idf : np.ndarray, shape (K, M), float64
        TF-IDF of modified windows; in the published spectrum of all windows.
    values : np.ndarray, shape (K, M), float64
        Values that are drawn and sorted by: log-odds at the site, or z-scores of the TF-IDF
        (published).
    contrasts : tuple of Contrast
        Empty in the published spectrum.
    q : np.ndarray, shape (2, K, M), float64
        False discovery rates over all codes and types for each of `SCOPES`; nan where not
        tested.
    reads : tuple of str
        Consensus of each code in IUPAC letters.
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
        """Return TF-IDF, or its z-scores (published): sorted codes in rows, types in columns."""
        values = self.values if self.paper else self.tf_idf
        columns = [m.symbol for m in self.modifications]
        table = pd.DataFrame(values[self.order], columns=columns)
        table.insert(0, "code", self.order)
        return table

    def table(self) -> pd.DataFrame:
        """Return one row per code and type, sorted; ``docs/codes.md`` describes the columns."""
        parts = []
        for m, (modification, result) in enumerate(
            zip(self.modifications, self.contrasts, strict=True)
        ):
            part = pd.DataFrame({"code": self.order, "reads": [self.reads[k] for k in self.order]})
            part["modification"] = modification.symbol
            part["group"] = [self.modifications[g].symbol for g in self.group[self.order]]
            part["modified_windows"], part["unmodified_windows"] = result.windows
            for zone, counts in (("at_site", result.at_site), ("anywhere", result.everywhere)):
                part[f"modified_{zone}"], part[f"unmodified_{zone}"] = counts[self.order].T
            for s, scope in enumerate(SCOPES):
                part[f"log_odds_{scope}"] = result.log_odds[self.order, s]
                part[f"p_{scope}"] = result.p[self.order, s]
                part[f"q_{scope}"] = self.q[s, self.order, m]
            part["tf_idf"] = self.tf_idf[self.order, m]
            parts.append(part)
        whole = pd.concat(parts)  # the index is the rank of the code
        return whole.sort_index(kind="stable").reset_index(drop=True)

    def summary(self) -> list[tuple[Modification, int, list[int]]]:
        """Return for each type the number of significant codes, and those in its own group."""
        rows = []
        for t, m in enumerate(self.modifications):
            significant = self.q[0, :, t] < FDR_CUTOFF
            own = [int(k) for k in self.order if significant[k] and self.group[k] == t]
            rows.append((m, int(significant.sum()), own))
        return rows


def spectrum(
    model: TrainedModel,
    windows: Windows,
    *,
    negatives: str = "random",
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    strings: CodedWindows | None = None,
    show_progress: bool = False,
) -> Spectrum:
    """Compare how modified and unmodified sites use the codebook, type by type.

    Positives are compared with negatives of the same base, and the log-odds of the rest of the
    windows are subtracted, so neither the base nor the region contributes.

    Parameters
    ----------
    model : TrainedModel
    windows : Windows
        Labelled; types without windows of both classes are left out.
    negatives : str
        Set of negatives; types without it are compared with ``random``.
    permutations, seed : int
        As in :func:`vqrna.interpret.contrast.contrast`.
    strings : CodedWindows, optional
        Codes of the windows, if already computed.
    show_progress : bool

    Returns
    -------
    Spectrum
        TF-IDF, log-odds and false discovery rates of each code and modification.

    Raises
    ------
    DataError
        If no type has windows of both classes.
    UsageError
        If the set of negatives is unknown.
    """
    if negatives not in windows.negative_sets:
        known = ", ".join(windows.negative_sets)
        raise UsageError(f"unknown negatives '{negatives}' (known: {known})")
    classes = {m: _classes(windows, c, negatives) for c, m in enumerate(windows.modifications)}
    types = tuple(m for m, (yes, no) in classes.items() if len(yes) and len(no))
    if not types:
        present = set(windows.negative_set[windows.negative_set >= 0].tolist())
        others = [windows.negative_sets[i] for i in sorted(present)]
        hint = f" ('{negatives}' negatives); try --negatives {others[0]}" if others else ""
        raise DataError(f"no modification has both modified and unmodified windows{hint}")
    labelled = (windows.labels != UNKNOWN).any(axis=1)
    strings = strings or read_codes(model, windows.tokens, show_progress=show_progress)
    cluster = clusters(windows.tokens)
    at_site, size = strings.layout.at_site, strings.codebook_size
    contrasts = []
    with progress(len(types), "permuting labels", unit="types", show=show_progress) as bar:
        for m in types:
            rows = np.concatenate(classes[m])
            modified = np.arange(len(rows)) < len(classes[m][0])
            contrasts.append(
                contrast(strings.codes[rows], modified, cluster[rows], at_site, size,
                         permutations=permutations, seed=seed)
            )  # fmt: skip
            bar.advance()
    values = np.stack([c.log_odds[:, 0] for c in contrasts], axis=1)
    p = np.stack([c.p for c in contrasts], axis=2)  # (K, 2, M)
    q = np.stack([_false_discovery(p[:, s]) for s in range(len(SCOPES))])
    # Untested codes come last in the group of their type
    order, group = order_by_type(values - _UNTESTED_OFFSET * np.isnan(p[:, 0]))
    used = strings.usage() > 0
    return Spectrum(
        types,
        order[used[order]],
        group,
        tf_idf(term_frequency(strings.codes, [classes[m][0] for m in types], size)),
        values,
        tuple(contrasts),
        q,
        _consensus(strings, windows.tokens, labelled, cluster),
    )


def paper_spectrum(
    model: TrainedModel,
    windows: Windows,
    *,
    strings: CodedWindows | None = None,
    show_progress: bool = False,
) -> Spectrum:
    """Compute the published spectrum: TF-IDF of all windows of a type, z-scores over types.

    Positives and unnamed negatives are pooled, and types beyond the tenth are left out.

    Raises DataError if none of the ten types has windows.
    """
    columns = [
        (c, m)
        for c, m in enumerate(windows.modifications)
        if m.index is not None and m.index <= PAPER_TYPES
    ]
    rows = [np.concatenate(_classes(windows, c, "random")) for c, _ in columns]
    if not sum(map(len, rows)):
        raise DataError("there are no windows of the ten published modifications")
    present = [i for i, own in enumerate(rows) if len(own)]
    strings = strings or read_codes(model, windows.tokens, show_progress=show_progress)
    size = strings.codebook_size
    weighted = tf_idf(term_frequency(strings.codes, [rows[i] for i in present], size))
    values = z_over_types(weighted)
    order, group = order_by_type(values)
    known = np.isin(np.arange(len(windows)), np.concatenate(rows))
    used = weighted.sum(axis=1) > 0
    return Spectrum(
        tuple(columns[i][1] for i in present),
        order[used[order]],
        group,
        weighted,
        values,
        (),
        np.full((len(SCOPES), *values.shape), np.nan),
        _consensus(strings, windows.tokens, known, clusters(windows.tokens)),
        paper=True,
    )


def _classes(windows: Windows, column: int, negatives: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the modified and of the unmodified windows of one type."""
    labels, sets = windows.labels[:, column], windows.negative_set[:, column]
    wanted = windows.negative_sets.index(negatives)
    if not (sets == wanted).any():
        wanted = 0
    return (
        np.flatnonzero(labels == POSITIVE),
        np.flatnonzero((labels == NEGATIVE) & (sets == wanted)),
    )


def _false_discovery(p: np.ndarray) -> np.ndarray:
    """Apply Benjamini-Hochberg to all tests together; nan stays nan."""
    from scipy.stats import false_discovery_control

    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q


def _consensus(
    strings: CodedWindows, tokens: np.ndarray, rows: np.ndarray, cluster: np.ndarray
) -> tuple[str, ...]:
    """Return the consensus of every code, each cluster of windows counting once."""
    weights = np.where(rows, 1 / np.bincount(cluster)[cluster], 0)
    segments = strings.layout.segments(tokens)
    matrices = code_matrices(strings.codes, segments, strings.codebook_size, weights)
    return tuple(matrices.consensus(k) for k in range(strings.codebook_size))


_CANCELS = (
    "The published spectrum is a z-score over the modifications of TF-IDF. The IDF of a code is "
    "the same factor for all modifications and cancels in the z-score: the published spectrum "
    "equals the z-score of the plain counts."
)

_NOTES = {
    False: (
        "A code represents a short sequence segment: the model encodes each window as a string of "
        "codes and predicts from these alone. A bar shows how much more (up) or less (down) often "
        "the code is used at modified than at unmodified sites, as a log-odds ratio: 0.69 is twice "
        "the odds, 2.3 ten times.",
        "“At the site” counts tokens that cover the site, minus the same log-odds ratio of all "
        "other tokens of the windows. Negatives have the same base as the modification, so "
        "neither the base nor the region (CpG islands, for example) contributes. “In whole "
        "windows” includes the region.",
        "Full colour: false discovery rate below 5 % (Benjamini-Hochberg over all codes and "
        "types), from permutations of whole clusters of overlapping windows. Pale bars may be "
        "chance; codes with fewer than ten tokens at sites are not tested.",
        "TF-IDF is of modified windows: mean count of the code in a window, times ln(1 + T/df). "
        "Most codes occur with every modification and have the same IDF, ln 2. " + _CANCELS,
    ),
    True: (
        "As published: mean count of a code in the windows of a modification, modified and "
        "unmodified together (TF), times ln(1 + T/df) (IDF), as a z-score over the modifications.",
        _CANCELS + " It shows mainly the base at the site and the regions that the windows of a "
        "type come from, because unmodified windows are included. The spectrum without --paper "
        "compares modified with unmodified sites.",
    ),
}  # fmt: skip


def write_spectrum(
    result: Spectrum,
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    split: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``tf_idf_matrix_sorted.csv``, ``spectrum.tsv``, picture and page.

    Raises DataError if a file cannot be written; then no file appears, and older ones stay.

    Parameters
    ----------
    directory : path-like
        Created if it does not exist.
    model_hash, split : str
        Written to ``run.json`` and the pictures.
    palette : str
        One of :data:`vqrna.plots.style.PALETTES`.

    Returns
    -------
    list of pathlib.Path
        The files; without ``spectrum.tsv`` for the published spectrum.
    """
    colors = type_colors(result.modifications, palette)
    order, paper = result.order, result.paper
    method = "as published" if paper else "modified against unmodified sites"
    colour = f"full colour: FDR < {FDR_CUTOFF:.0%}; codes not tested: last in a group · "
    figure = feature_spectrum(
        result.values[order],
        result.group[order],
        [m.symbol for m in result.modifications],
        colors,
        significant=None if paper else result.q[0][order] < FDR_CUTOFF,
        unit="z-score of TF-IDF" if paper else "log-odds at the site",
        title=f"Feature spectrum of model {model_hash}, {split_windows(split)}: {method}",
        remark=("" if paper else colour) + signature(model_hash),
    )
    html = page("spectrum", _page_data(result, colors, model_hash, split))
    with results_directory(directory) as folder, output_files(folder) as files:
        matrix = files.path("tf_idf_matrix_sorted.csv")
        write_table(matrix, result.matrix(), separator=",", digits=8)
        if not paper:
            write_table(files.path("spectrum.tsv"), result.table())
        save_figure(figure, files.picture("VQRNA_feature_spectrum"))
        write_text(files.path("VQRNA_feature_spectrum.html"), html)
        settings = {"split": split, "paper": paper}
        add_run_record(files, "spectrum", model=model_hash, settings=settings)
    return files.paths


def _page_data(
    result: Spectrum, colors: list[str], model_hash: str, split: str
) -> dict[str, object]:
    order = result.order
    names = {"site": "at the site", "window": "in whole windows"}
    scopes: list[dict[str, object]] = []
    columns: list[str] = []
    for s, scope in enumerate(SCOPES if result.contrasts else ()):
        values = np.stack([c.log_odds[:, s] for c in result.contrasts], axis=1)[order]
        q = plain(result.q[s][order])
        unit = f"log-odds {names[scope]}"
        scopes.append({"name": unit, "unit": unit, "values": plain(values), "q": q})
        columns += [unit, "FDR"]
    if result.paper:
        z = plain(result.values[order])
        scopes.append({"name": "z-score of TF-IDF", "unit": "z-score", "values": z})
        columns.append("z-score")
    scopes.append({"name": "TF-IDF", "unit": "TF-IDF", "values": plain(result.tf_idf[order])})
    columns.append("TF-IDF")
    counts = None
    if result.contrasts:
        counts = np.stack([c.at_site for c in result.contrasts], axis=1)[order].tolist()
        columns.append("tokens at the site, modified / unmodified")
    method = (
        "as published" if result.paper else "modified against unmodified sites of the same base"
    )
    facts = " · ".join(line.removeprefix("# ") for line in header_lines(model_hash, split=split))
    return {
        "about": f"{len(order)} codes of model {model_hash}, {split_windows(split)}: {method}.",
        "facts": facts,
        "types": type_entries(result.modifications, colors),
        "codes": order.tolist(),
        "reads": [result.reads[k] for k in order],
        "group": result.group[order].tolist(),
        "scopes": scopes,
        "columns": columns,
        "counts": counts,
        "notes": _NOTES[result.paper],
    }
