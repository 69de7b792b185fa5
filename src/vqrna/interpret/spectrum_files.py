"""Write a spectrum: the table of the published system, all that was measured, picture, page."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.interpret.html import page, plain, types_of
from vqrna.interpret.spectrum import SCOPES, SURE, Spectrum
from vqrna.plots.palette import type_colors
from vqrna.plots.spectrum import feature_spectrum
from vqrna.plots.style import dark, save_figure
from vqrna.runtime.files import output_directory, write_table, write_text
from vqrna.runtime.provenance import header_lines, signature

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
        One of :data:`vqrna.plots.palette.PALETTES`.

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
