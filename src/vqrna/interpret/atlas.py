"""Codebook atlas: motif, usage, positions, specificity and effect of every code.

`atlas` computes it, and `write_atlas` writes tables, motifs, pictures and a page to browse.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vqrna.data.benchmark import split_windows
from vqrna.data.overlap import clusters
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.interpret.codes import CodedWindows, TokenLayout, read_codes
from vqrna.interpret.html import page, plain, type_entries
from vqrna.interpret.knockout import (
    CURVE_WINDOWS,
    SAMPLE,
    Knockout,
    curve_rows,
    deletion_curve,
    knock_out,
)
from vqrna.interpret.meme import meme_text
from vqrna.interpret.mutagenesis import mutate
from vqrna.interpret.pwm import CodeMatrices, code_matrices
from vqrna.interpret.spectrum import FDR_CUTOFF, PERMUTATIONS, Spectrum, spectrum
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.plots.atlas import CodeLogo, deletion_curves, top_codes
from vqrna.plots.style import BASES, save_figure, type_colors
from vqrna.runtime.files import output_files, results_directory, write_table, write_text
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import header_lines, signature
from vqrna.runtime.run_record import add_run_record
from vqrna.sequence import centre, recentre

NEAREST = 5  # neighbours in the codebook that are listed for each code
TOP = 4  # codes of each type that are drawn
_BIN = 3  # tokens per bin of the positions on the page


@dataclass(frozen=True, eq=False)
class Atlas:
    """Description of all codes of a codebook.

    Attributes
    ----------
    spectrum : Spectrum
    matrices : CodeMatrices
        Base frequencies of each code, each cluster of overlapping windows counting once.
    usage : np.ndarray, shape (K,)
        Share of all tokens.
    holding : np.ndarray, shape (K,)
        Share of windows that contain the code.
    profile : np.ndarray, shape (K, 2, T), int
        Number of modified (0) and unmodified (1) windows with the code at each token, for
        the type that the code is most specific for.
    profiled : np.ndarray, shape (K, 2), int
        Number of windows counted.
    knockout : Knockout
        Effect of replacing the code anywhere in a window.
    knockout_site : Knockout
        Effect of replacing it at tokens that cover the site.
    nearest : np.ndarray, shape (K, NEAREST), int
        Codes with the smallest distance in the codebook.
    distance : np.ndarray, shape (K, NEAREST), float64
        Euclidean distance to them.
    deletion : pandas.DataFrame
        From :func:`vqrna.interpret.knockout.deletion_curve`.
    layout : TokenLayout
    """

    spectrum: Spectrum
    matrices: CodeMatrices
    usage: np.ndarray
    holding: np.ndarray
    profile: np.ndarray
    profiled: np.ndarray
    knockout: Knockout
    knockout_site: Knockout
    nearest: np.ndarray
    distance: np.ndarray
    deletion: pd.DataFrame
    layout: TokenLayout

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """Types of the spectrum."""
        return self.spectrum.modifications

    @property
    def codebook_size(self) -> int:
        """Number of codes K, including unused ones."""
        return len(self.usage)

    def table(self) -> pd.DataFrame:
        """Return one row per code, in codebook order; ``docs/codes.md`` describes the columns."""
        codes, spectrum = np.arange(self.codebook_size), self.spectrum
        own = spectrum.group
        symbols = np.array([m.symbol for m in self.modifications], dtype=object)
        used = self.usage > 0

        def if_used(values: np.ndarray) -> np.ndarray:
            return np.where(used, values, np.nan)

        columns: dict[str, object] = {
            "code": codes,
            "reads": list(spectrum.reads),
            "usage": self.usage,
            "tokens": self.matrices.sites,
            "windows_share": self.holding,
            "type": np.where(used, symbols[own], ""),
            "log_odds_site": if_used(spectrum.values[codes, own]),
            "q_site": spectrum.q[0, codes, own],
            "knock_out_site": self.knockout_site.effect[codes, own],
            "knock_out_site_error": self.knockout_site.error[codes, own],
            "knock_out": self.knockout.effect[codes, own],
            "knock_out_error": self.knockout.error[codes, own],
            "nearest": [
                ",".join(f"{n}:{d:.3g}" for n, d in zip(near, far, strict=True))
                for near, far in zip(self.nearest, self.distance, strict=True)
            ],
        }
        for t, symbol in enumerate(symbols):
            contrast = spectrum.contrasts[t]
            columns[f"log_odds_site_{symbol}"] = if_used(contrast.log_odds[:, 0])
            columns[f"q_site_{symbol}"] = spectrum.q[0, :, t]
            columns[f"log_odds_window_{symbol}"] = if_used(contrast.log_odds[:, 1])
            columns[f"q_window_{symbol}"] = spectrum.q[1, :, t]
            columns[f"knock_out_site_{symbol}"] = self.knockout_site.effect[:, t]
            columns[f"knock_out_{symbol}"] = self.knockout.effect[:, t]
        return pd.DataFrame(columns)


def atlas(
    model: TrainedModel,
    windows: Windows,
    *,
    negatives: str = "random",
    permutations: int = PERMUTATIONS,
    sample: int = SAMPLE,
    curve_windows: int = CURVE_WINDOWS,
    seed: int = 0,
    show_progress: bool = False,
) -> Atlas:
    """Describe every code of a model's codebook.

    Parameters
    ----------
    model : TrainedModel
    windows : Windows
        Labelled; types without windows of both classes are left out.
    negatives, permutations, seed
        As in :func:`vqrna.interpret.spectrum.spectrum`.
    sample : int
        Modified windows of each type in which a code is knocked out.
    curve_windows : int
        Modified windows of each type for the deletion curve.
    show_progress : bool

    Returns
    -------
    Atlas
        Logo, usage, positions, effect of a knock-out and nearest codes of every code.

    Raises
    ------
    DataError
        If no type has windows of both classes.
    """
    windows = windows.take((windows.labels != UNKNOWN).any(axis=1))
    strings = read_codes(model, windows.tokens, show_progress=show_progress)
    codes_by_type = spectrum(
        model, windows, negatives=negatives, permutations=permutations, seed=seed, strings=strings,
        show_progress=show_progress,
    )  # fmt: skip
    types = codes_by_type.modifications
    column = {m.symbol: c for c, m in enumerate(windows.modifications)}
    heads = {m.symbol: c for c, m in enumerate(model.modifications)}
    labels = windows.labels[:, [column[m.symbol] for m in types]]
    predicted = [
        (m, heads[m.symbol], np.flatnonzero(labels[:, t] == POSITIVE))
        for t, m in enumerate(types)
        if m.symbol in heads
    ]
    anywhere, at_site = (
        _with_all_types(
            knock_out(
                model, strings, [(c, rows) for _, c, rows in predicted],
                places=places, sample=sample, seed=seed, show_progress=show_progress,
            ),
            types, [m for m, _, _ in predicted],
        )
        for places in (None, strings.layout.at_site)
    )  # fmt: skip
    importance = {}
    with progress(len(predicted), "mutating windows", unit="types", show=show_progress) as bar:
        for m, c, rows in predicted:
            drawn = windows.tokens[curve_rows(strings, c, rows, curve_windows)]
            importance[m.symbol] = _importance(model, strings.layout, drawn, c)
            bar.advance()
    curves = deletion_curve(
        model, strings, predicted, _specificity(codes_by_type, strings),
        importance=importance, windows=curve_windows, seed=seed, show_progress=show_progress,
    )  # fmt: skip
    cluster = clusters(windows.tokens)
    weights = 1 / np.bincount(cluster)[cluster]
    segments = strings.layout.segments(windows.tokens)
    profile, profiled = _profile(strings, labels, codes_by_type.group)
    nearest, distance = _nearest(model)
    return Atlas(
        codes_by_type,
        code_matrices(strings.codes, segments, strings.codebook_size, weights),
        strings.usage(),
        _holding(strings),
        profile,
        profiled,
        anywhere,
        at_site,
        nearest,
        distance,
        curves,
        strings.layout,
    )


def _specificity(result: Spectrum, strings: CodedWindows) -> dict[str, np.ndarray]:
    """Return for each type the log-odds of each code at each token, (T, K)."""
    at_site = strings.layout.at_site
    weights = {}
    for m, contrast in zip(result.modifications, result.contrasts, strict=True):
        site, window = contrast.log_odds.T
        weights[m.symbol] = np.where(at_site[:, None], site + window, window)
    return weights


def _importance(
    model: TrainedModel, layout: TokenLayout, tokens: np.ndarray, column: int
) -> np.ndarray:
    """Sum the effects of substitutions over the nt nearest to each token, (N, T)."""
    length, stride = model.length, int(np.diff(layout.starts[:2])[0])
    width = len(layout.starts)
    importance = np.zeros((len(tokens), width))
    first = np.ceil(layout.middles - stride / 2).astype(int) + centre(length)
    cut = np.ascontiguousarray(recentre(tokens, length))
    for i, mutated in enumerate(mutate(model.network.eval(), cut)):
        # The observed base adds 0
        lost = (mutated.reference[column] - mutated.logits[:, :, column]).sum(axis=0) / 3
        for t in range(width):
            importance[i, t] = lost[max(first[t], 0) : max(first[t] + stride, 0)].sum()
    return importance


def _holding(strings: CodedWindows) -> np.ndarray:
    """Return the share of windows that contain each code."""
    k = strings.codebook_size
    row = np.arange(len(strings.codes))[:, None]
    pairs = np.unique(row.astype(np.int64) * k + strings.codes)
    return np.bincount(pairs % k, minlength=k) / max(len(strings.codes), 1)


def _profile(
    strings: CodedWindows, labels: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count each code at each token of modified and unmodified windows of its own type."""
    width, k = strings.codes.shape[1], strings.codebook_size
    profile = np.zeros((k, 2, width), dtype=int)
    profiled = np.zeros((k, 2), dtype=int)
    token = np.arange(width)
    for t in range(labels.shape[1]):
        own = group == t
        for side, label in enumerate((POSITIVE, NEGATIVE)):
            codes = strings.codes[labels[:, t] == label]
            flat = (codes.astype(np.int64) * width + token).ravel()
            counts = np.bincount(flat, minlength=k * width).reshape(k, width)
            profile[own, side] = counts[own]
            profiled[own, side] = len(codes)
    return profile, profiled


def _nearest(model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        book = model.network.quantizer.codebook.detach().cpu().double()
        distance = torch.cdist(book, book)
        distance.fill_diagonal_(torch.inf)
        near = distance.topk(min(NEAREST, len(book) - 1), largest=False)
    return near.indices.numpy(), near.values.numpy()


def _with_all_types(
    result: Knockout, modifications: tuple[Modification, ...], predicted: list[Modification]
) -> Knockout:
    """Add columns of nan for types that the model does not predict."""
    k = len(result.effect)
    effect, error = (np.full((k, len(modifications)), np.nan) for _ in range(2))
    windows = np.zeros((k, len(modifications)), dtype=int)
    columns = [modifications.index(m) for m in predicted]
    effect[:, columns], error[:, columns] = result.effect, result.error
    windows[:, columns] = result.windows
    return Knockout(effect, error, windows)


_NOTES = (
    "A code represents a short sequence segment. The logo shows the bases of all segments with "
    "the code, against the base frequencies of all windows; windows that overlap count once. The "
    "consensus is the same in IUPAC code, with N where there is little information.",
    "“Log-odds at the site”: how much more often the code is used at modified than at unmodified "
    "sites of the same base, minus the same for the rest of the windows. FDR: over all codes and "
    "modifications, from permutations of whole clusters of overlapping windows; pale numbers are "
    "not significant. “In whole windows” includes the region. With “all” modifications, numbers "
    "are for the modification that the code is most specific for.",
    "“Knock-out at the site”: mean decrease of the logit of the modification when the code is "
    "replaced at the site of modified windows, by codes drawn with their usage frequencies; "
    "“anywhere”: at all tokens of a window, mostly far from the site. Positive values support "
    "the modification. This describes the model, not biology.",
    "“Position”: share of windows of the code's own modification with the code at each position, "
    "modified (coloured) and unmodified (grey); the line in the middle is the site.",
)


def write_atlas(
    result: Atlas,
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    split: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``codebook.tsv``, ``codes.meme``, ``deletion.tsv``, pictures, ``atlas.html``.

    As every command, also ``run.json``.

    Parameters and errors are as in :func:`vqrna.interpret.spectrum.write_spectrum`.
    """
    colors = type_colors(result.modifications, palette)
    names = [m.symbol for m in result.modifications]
    bases = BASES[palette]
    head, remark = header_lines(model_hash, split=split), signature(model_hash)
    motifs = result.matrices.motifs(result.spectrum.order.tolist())
    html = page("atlas", page_data(result, colors, bases, model_hash, split))
    with results_directory(directory) as folder, output_files(folder) as files:
        for name, table in (("codebook.tsv", result.table()), ("deletion.tsv", result.deletion)):
            write_table(files.path(name), table)
        write_text(files.path("codes.meme"), meme_text(motifs, result.matrices.background, head))
        figure = top_codes(
            [_top_codes(result, t) for t in range(len(names))], names, colors, bases,
            title=f"Most specific codes of model {model_hash}, {split_windows(split)}",
            remark=remark,
        )  # fmt: skip
        save_figure(figure, files.picture("top_codes"))
        figure = deletion_curves(
            result.deletion,
            names,
            colors,
            title=f"Deletion curve, {split_windows(split)}",
            remark=remark,
        )
        save_figure(figure, files.picture("deletion"))
        write_text(files.path("atlas.html"), html)
        add_run_record(files, "atlas", model=model_hash, settings={"split": split})
    return files.paths


def _top_codes(result: Atlas, t: int) -> list[CodeLogo]:
    spectrum = result.spectrum
    values, q = spectrum.values[:, t], spectrum.q[0, :, t]
    significant = np.flatnonzero((q < FDR_CUTOFF) & (values > 0))
    bits, offsets = result.matrices.information, result.layout.offsets
    logos = []
    for k in significant[np.argsort(-values[significant], kind="stable")][:TOP]:
        effect = result.knockout_site.effect[k, t]
        knocked_out = "" if np.isnan(effect) else f", knock-out {effect:+.2f}"
        label = f"code {k}: log-odds {values[k]:.1f}, FDR {q[k]:.1g}{knocked_out}"
        logos.append(CodeLogo(bits[k], offsets, label))
    return logos


def page_data(
    result: Atlas, colors: list[str], bases: dict[str, str], model_hash: str, split: str
) -> dict[str, object]:
    """Return the data of the page as JSON values: motif, usage and effects of each code."""
    spectrum, layout = result.spectrum, result.layout
    contrasts = spectrum.contrasts
    facts = " · ".join(line.removeprefix("# ") for line in header_lines(model_hash, split=split))
    return {
        "about": f"{int((result.usage > 0).sum())} of {len(result.usage)} codes of model "
        f"{model_hash} are used in {split_windows(split)}. A code covers {layout.reach} nt.",
        "facts": facts,
        "types": type_entries(result.modifications, colors),
        "bases": bases,
        "first": int(layout.offsets[0]),
        "span": int(layout.starts[-1] + layout.reach - layout.starts[0]),
        "bits": plain(result.matrices.information, 2),
        "reads": list(spectrum.reads),
        "usage": plain(result.usage),
        "holding": plain(result.holding),
        "sites": plain(result.matrices.sites),
        "group": plain(spectrum.group),
        "log_odds": plain(spectrum.values),
        "q": plain(spectrum.q[0]),
        "whole": plain(np.stack([c.log_odds[:, 1] for c in contrasts], axis=1)),
        "q_whole": plain(spectrum.q[1]),
        "knock_out": plain(result.knockout_site.effect),
        "knock_out_error": plain(result.knockout_site.error, 2),
        "knock_out_all": plain(result.knockout.effect),
        "profile": plain(_binned(result.profile)),
        "profiled": plain(result.profiled),
        "nearest": plain(result.nearest),
        "distance": plain(result.distance),
        "notes": _NOTES,
    }


def _binned(profile: np.ndarray) -> np.ndarray:
    """Sum neighbouring tokens (K, 2, T) in bins centred on the middle token."""
    width = profile.shape[2]
    side = -(-(width // 2 - _BIN // 2) // _BIN) * _BIN + _BIN // 2
    before = side - width // 2
    behind = 2 * side + 1 - width - before
    padded = np.pad(profile, ((0, 0), (0, 0), (max(before, 0), max(behind, 0))))
    usable = padded.shape[2] // _BIN * _BIN
    return padded[:, :, :usable].reshape(*profile.shape[:2], -1, _BIN).sum(axis=3)
