"""Write an atlas: table, motifs, deletion curve, pictures and the page to browse."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.interpret.atlas import Atlas
from vqrna.interpret.html import page, plain, types_of
from vqrna.interpret.meme import meme
from vqrna.interpret.spectrum import SURE
from vqrna.plots.atlas import CodeLogo, deletion_curves, top_codes
from vqrna.plots.palette import BASES, type_colors
from vqrna.plots.style import dark, save_figure
from vqrna.runtime.files import output_directory, write_table, write_text
from vqrna.runtime.provenance import header_lines, signature

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

    Parameters and errors are as in :func:`vqrna.interpret.spectrum_files.write_spectrum`.
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
