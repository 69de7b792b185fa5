"""The atlas of a codebook: what every code reads, where it stands, what it tells, what it does.

Write an atlas: table, motifs, deletion curve, pictures and the page to browse.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vqrna.data.overlap import clusters
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.interpret.codes import CodeStrings, Reading, read_codes
from vqrna.interpret.html import page, plain, types_of
from vqrna.interpret.knockout import SAMPLE, WINDOWS, Knockout, chosen, deletion, knock_out
from vqrna.interpret.meme import meme
from vqrna.interpret.mutagenesis import mutate
from vqrna.interpret.pwm import Matrices, matrices
from vqrna.interpret.spectrum import PERMUTATIONS, SURE, Spectrum, spectrum
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.plots.atlas import CodeLogo, deletion_curves, top_codes
from vqrna.plots.style import BASES, dark, save_figure, type_colors
from vqrna.runtime.files import output_directory, write_table, write_text
from vqrna.runtime.provenance import header_lines, signature
from vqrna.sequence import centre, recentre

NEAREST = 5
"""Neighbours in the codebook that are told of each code."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """All that is told of a codebook.

    Parameters
    ----------
    spectrum : Spectrum
        Which codes tell which type.
    matrices : Matrices
        What each code reads, each cluster of overlapping windows counting once.
    usage : np.ndarray, shape (K,)
        Share of all tokens.
    holding : np.ndarray, shape (K,)
        Share of windows that hold the code.
    profile : np.ndarray, shape (K, 2, T), int
        Times the code stands at each token of modified (0) and unmodified (1) windows of the type
        that it is most specific for.
    profiled : np.ndarray, shape (K, 2), int
        Windows behind that.
    knockout, knockout_site : Knockout
        Of the code wherever it stands in a window, and where it sees the site.
    nearest : np.ndarray, shape (K, NEAREST), int
        Codes with the smallest distance in the codebook.
    distance : np.ndarray, shape (K, NEAREST), float64
        Euclidean.
    deletion : pandas.DataFrame
        From :func:`vqrna.interpret.knockout.deletion`.
    reading : Reading
        Which nt each token sees.
    """

    spectrum: Spectrum
    matrices: Matrices
    usage: np.ndarray
    holding: np.ndarray
    profile: np.ndarray
    profiled: np.ndarray
    knockout: Knockout
    knockout_site: Knockout
    nearest: np.ndarray
    distance: np.ndarray
    deletion: pd.DataFrame
    reading: Reading

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """Types that codes are told for."""
        return self.spectrum.modifications

    @property
    def codebook_size(self) -> int:
        """Number of codes K, those included that nothing takes."""
        return len(self.usage)

    def table(self) -> pd.DataFrame:
        """Give one row a code, in the order of the codebook; told in ``docs/codes.md``."""
        k = self.codebook_size
        codes, spectrum = np.arange(k), self.spectrum
        own = spectrum.group
        symbols = np.array([m.symbol for m in self.modifications], dtype=object)
        used = self.usage > 0
        columns: dict[str, object] = {
            "code": codes,
            "reads": list(spectrum.reads),
            "usage": self.usage,
            "tokens": self.matrices.sites,
            "windows_share": self.holding,
            "type": np.where(used, symbols[own], ""),
            "log_odds_site": _where(used, spectrum.values[codes, own]),
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
            columns[f"log_odds_site_{symbol}"] = _where(used, contrast.log_odds[:, 0])
            columns[f"q_site_{symbol}"] = spectrum.q[0, :, t]
            columns[f"log_odds_window_{symbol}"] = _where(used, contrast.log_odds[:, 1])
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
    curve_windows: int = WINDOWS,
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

    Raises
    ------
    DataError
        If no type has windows of both classes.
    """
    windows = windows.take((windows.labels != UNKNOWN).any(axis=1))
    strings = read_codes(model, windows.tokens, show_progress=show_progress)
    told = spectrum(
        model, windows, negatives=negatives, permutations=permutations, seed=seed, strings=strings
    )
    column = {m.symbol: c for c, m in enumerate(windows.modifications)}
    heads = {m.symbol: c for c, m in enumerate(model.modifications)}
    labels = windows.labels[:, [column[m.symbol] for m in told.modifications]]
    modified = [np.flatnonzero(labels[:, t] == POSITIVE) for t in range(len(told.modifications))]
    tried = [
        (m, heads[m.symbol], rows)
        for m, rows in zip(told.modifications, modified, strict=True)
        if m.symbol in heads
    ]
    anywhere, at_site = (
        _spread(
            knock_out(
                model, strings, [(c, rows) for _, c, rows in tried],
                places=places, sample=sample, seed=seed, show_progress=show_progress,
            ),
            told.modifications, [m for m, _, _ in tried],
        )
        for places in (None, strings.reading.at_site)
    )  # fmt: skip
    importance = {
        m.symbol: _importance(
            model, strings.reading,
            windows.tokens[chosen(strings, c, rows, curve_windows)], c,
        )
        for m, c, rows in tried
    }  # fmt: skip
    curves = deletion(
        model, strings, tried, _weights(told, strings),
        importance=importance, windows=curve_windows, seed=seed, show_progress=show_progress,
    )  # fmt: skip
    cluster = clusters(windows.tokens)
    weights = 1 / np.bincount(cluster)[cluster]
    seen = strings.reading.seen(windows.tokens)
    profile, profiled = _profile(strings, labels, told.group)
    nearest, distance = _nearest(model)
    return Atlas(
        told,
        matrices(strings.codes, seen, strings.codebook_size, weights),
        strings.usage(),
        _holding(strings),
        profile,
        profiled,
        anywhere,
        at_site,
        nearest,
        distance,
        curves,
        strings.reading,
    )


def _weights(told: Spectrum, strings: CodeStrings) -> dict[str, np.ndarray]:
    """For each type how specific a code is in each place: log-odds (T, K)."""
    at_site = strings.reading.at_site
    found = {}
    for m, contrast in zip(told.modifications, told.contrasts, strict=True):
        site, window = contrast.log_odds.T
        found[m.symbol] = np.where(at_site[:, None], site + window, window)
    return found


def _importance(
    model: TrainedModel, reading: Reading, tokens: np.ndarray, column: int
) -> np.ndarray:
    """Sum what substitutions take from the logit over the nt that each token is nearest to."""
    length, stride = model.length, int(np.diff(reading.starts[:2])[0])
    width = len(reading.starts)
    found = np.zeros((len(tokens), width))
    first = np.ceil(reading.middles - stride / 2).astype(int) + centre(length)
    cut = np.ascontiguousarray(recentre(tokens, length))
    for i, mutated in enumerate(mutate(model.network.eval(), cut)):
        # The base that stands there adds nothing
        lost = (mutated.reference[column] - mutated.logits[:, :, column]).sum(axis=0) / 3
        for t in range(width):
            found[i, t] = lost[max(first[t], 0) : max(first[t] + stride, 0)].sum()
    return found


def _holding(strings: CodeStrings) -> np.ndarray:
    """Share of windows that hold each code."""
    k = strings.codebook_size
    row = np.arange(len(strings.codes))[:, None]
    pairs = np.unique(row.astype(np.int64) * k + strings.codes)
    return np.bincount(pairs % k, minlength=k) / max(len(strings.codes), 1)


def _profile(
    strings: CodeStrings, labels: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count each code at each token of the windows of its own type, modified and not."""
    width, k = strings.codes.shape[1], strings.codebook_size
    profile = np.zeros((k, 2, width), dtype=int)
    profiled = np.zeros((k, 2), dtype=int)
    place = np.arange(width)
    for t in range(labels.shape[1]):
        own = group == t
        for side, label in enumerate((POSITIVE, NEGATIVE)):
            codes = strings.codes[labels[:, t] == label]
            flat = (codes.astype(np.int64) * width + place).ravel()
            counts = np.bincount(flat, minlength=k * width).reshape(k, width)
            profile[own, side] = counts[own]
            profiled[own, side] = len(codes)
    return profile, profiled


def _nearest(model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest codes of each code."""
    with torch.no_grad():
        book = model.network.quantizer.codebook.detach().cpu().double()
        distance = torch.cdist(book, book)
        distance.fill_diagonal_(torch.inf)
        near = distance.topk(min(NEAREST, len(book) - 1), largest=False)
    return near.indices.numpy(), near.values.numpy()


def _spread(
    found: Knockout, modifications: tuple[Modification, ...], tried: list[Modification]
) -> Knockout:
    """Give types that the model does not tell a column of nothing."""
    k = len(found.effect)
    effect, error = (np.full((k, len(modifications)), np.nan) for _ in range(2))
    windows = np.zeros((k, len(modifications)), dtype=int)
    for i, m in enumerate(tried):
        t = modifications.index(m)
        effect[:, t], error[:, t] = found.effect[:, i], found.error[:, i]
        windows[:, t] = found.windows[:, i]
    return Knockout(effect, error, windows)


def _where(used: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Leave out what is told of codes that nothing takes."""
    return np.where(used, values, np.nan)


TOP = 4
"""Codes of each type that are drawn."""

_BIN = 3

_READING = (
    "A code stands for a short stretch of sequence. The logo shows the bases of all stretches "
    "that took the code, against the base frequencies of all windows; windows that overlap count "
    "once. The letters under “reads” are the same in IUPAC code: places that say little are N.",
    "“Log-odds at the site”: how much more often the code is used at modified than at unmodified "
    "sites of the same base, less the same of the rest of the windows. FDR: over all codes and "
    "types, by permutations that move whole clusters of overlapping windows; pale numbers are not "
    "sure. “In whole windows” leaves the region in. With “all” types, numbers are those of the "
    "type that the code is most specific for.",
    "“Knock-out at the site”: mean fall of the logit of the type when the code is replaced where "
    "it sees the site of a modified window, by codes drawn as often as they are used; "
    "“anywhere”: wherever it stands in a window, mostly far from the site. Above 0 the code "
    "speaks for the modification, below 0 against it. It says what the model does, not what a "
    "cell does.",
    "“Where”: share of windows of the code's own type that hold it in each place, modified "
    "(coloured) and unmodified (grey); the line in the middle is the site.",
)


def write_atlas(
    found: Atlas,
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    split: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``codebook.tsv``, ``codes.meme``, ``deletion.tsv``, pictures and ``atlas.html``.

    Parameters and errors are as in :func:`vqrna.interpret.spectrum.write_spectrum`.
    """
    colors = type_colors(found.modifications, palette)
    names = [m.symbol for m in found.modifications]
    bases = BASES[palette]
    folder = output_directory(directory)
    head = header_lines(model_hash, split=split)
    written = []
    for name, table in (("codebook.tsv", found.table()), ("deletion.tsv", found.deletion)):
        write_table(folder / name, table, head)
        written.append(folder / name)
    motifs = folder / "codes.meme"
    each = found.matrices.motifs(found.spectrum.order.tolist())
    write_text(motifs, meme(each, found.matrices.background, head))
    remark = signature(model_hash)
    figure = top_codes(
        [_tops(found, t) for t in range(len(names))], names, colors, bases,
        title=f"Most specific codes of model {model_hash} on {split}", remark=remark,
    )  # fmt: skip
    pictures = [*save_figure(figure, folder / "top_codes")]
    figure = deletion_curves(
        found.deletion, names, colors, title=f"Deletion curve, {split}", remark=remark
    )
    pictures += save_figure(figure, folder / "deletion")
    html = folder / "atlas.html"
    write_text(html, page("atlas", _data(found, colors, bases, model_hash, split)))
    return [*written, motifs, *pictures, html]


def _tops(found: Atlas, t: int) -> list[CodeLogo]:
    """Take the codes that are most specific to a type, the sure ones only."""
    spectrum = found.spectrum
    values, q = spectrum.values[:, t], spectrum.q[0, :, t]
    sure = np.flatnonzero((q < SURE) & (values > 0))
    bits, place = found.matrices.information, found.reading.offsets
    logos = []
    for k in sure[np.argsort(-values[sure], kind="stable")][:TOP]:
        effect = found.knockout_site.effect[k, t]
        out = "" if np.isnan(effect) else f", knock-out {effect:+.2f}"
        words = f"code {k}: log-odds {values[k]:.1f}, FDR {q[k]:.1g}{out}"
        logos.append(CodeLogo(bits[k], place, words))
    return logos


def _data(
    found: Atlas, colors: list[str], bases: dict[str, str], model_hash: str, split: str
) -> dict[str, object]:
    """Gather what the page shows."""
    spectrum, reading = found.spectrum, found.reading
    profile = _binned(found.profile)
    contrasts = spectrum.contrasts
    types = types_of(found.modifications, colors, [dark(c) for c in colors])
    told = " · ".join(line.removeprefix("# ") for line in header_lines(model_hash, split=split))
    return {
        "about": f"{int((found.usage > 0).sum())} codes of model {model_hash}, described on "
        f"{split} windows. A code sees {reading.reach} nt.",
        "facts": told,
        "types": types,
        "bases": bases,
        "first": int(reading.offsets[0]),
        "span": int(reading.starts[-1] + reading.reach - reading.starts[0]),
        "bits": plain(found.matrices.information, 2),
        "reads": list(spectrum.reads),
        "usage": plain(found.usage),
        "holding": plain(found.holding),
        "sites": plain(found.matrices.sites),
        "group": plain(spectrum.group),
        "log_odds": plain(spectrum.values),
        "q": plain(spectrum.q[0]),
        "whole": plain(np.stack([c.log_odds[:, 1] for c in contrasts], axis=1)),
        "q_whole": plain(spectrum.q[1]),
        "knock_out": plain(found.knockout_site.effect),
        "knock_out_error": plain(found.knockout_site.error, 2),
        "knock_out_all": plain(found.knockout.effect),
        "profile": plain(profile),
        "profiled": plain(found.profiled),
        "nearest": plain(found.nearest),
        "distance": plain(found.distance),
        "reading": _READING,
    }


def _binned(profile: np.ndarray) -> np.ndarray:
    """Add up neighbouring tokens (K, 2, T) in bins about the middle one."""
    width = profile.shape[2]
    side = -(-(width // 2 - _BIN // 2) // _BIN) * _BIN + _BIN // 2
    before = side - width // 2
    behind = 2 * side + 1 - width - before
    padded = np.pad(profile, ((0, 0), (0, 0), (max(before, 0), max(behind, 0))))
    usable = padded.shape[2] // _BIN * _BIN
    return padded[:, :, :usable].reshape(*profile.shape[:2], -1, _BIN).sum(axis=3)
