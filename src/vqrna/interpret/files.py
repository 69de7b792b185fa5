"""Write attributions and motifs: arrays, tables, MEME files, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.errors import UsageError
from vqrna.formats.text import table_cell
from vqrna.interpret.attributions import Attributions
from vqrna.interpret.discovery import Motif
from vqrna.interpret.meme import MemeMotif, meme_text
from vqrna.interpret.site_windows import SiteWindows
from vqrna.modifications import Modification
from vqrna.plots.logos import MotifLogo, importance_bars, importance_logos, motif_logos
from vqrna.plots.style import BASES, save_figure
from vqrna.runtime.files import OutputFiles, write_arrays, write_table, write_text
from vqrna.runtime.provenance import lines_of
from vqrna.sequence import ALPHABET, decode

FORMATS = ("npz", "tsv")  # file formats of attributions
MAX_DRAWN = 12  # largest number of motifs in a picture


def parse_formats(given: Sequence[str] | None) -> tuple[str, ...]:
    """Parse formats given as ``["npz,tsv"]`` or ``["npz", "tsv"]``; all formats by default.

    Raises UsageError if a format is unknown.
    """
    words = [word.strip() for text in given or FORMATS for word in text.split(",") if word.strip()]
    for word in words:
        if word not in FORMATS:
            raise UsageError(f"unknown format '{word}' (known: {', '.join(FORMATS)})")
    return tuple(name for name in FORMATS if name in words)


def write_attributions(
    files: OutputFiles,
    windows: SiteWindows,
    attributions: Attributions,
    formats: Sequence[str],
    header: Mapping[str, str],
) -> None:
    """Write the attributions of all windows, and the importance of each position.

    `formats` are any of `FORMATS`; `header` are facts on the origin, for the arrays.
    """
    if "npz" in formats:
        write_arrays(
            files.path("attributions.npz"),
            attributions=attributions.shown.astype(np.float32),
            target=attributions.target,
            tokens=attributions.tokens,
            offsets=attributions.offsets,
            sequence=np.array(windows.names, dtype=np.str_),
            position=windows.positions + 1,
            heights=attributions.heights,
            importance=attributions.importance,
            alphabet=np.array(list(ALPHABET)),
            facts=np.array([f"{name}: {value}" for name, value in header.items()]),
        )
    if "tsv" in formats:
        _write_rows(windows, attributions, files.path("attributions.tsv"))
    table = pd.DataFrame({"offset": attributions.offsets, "importance": attributions.importance})
    for base, row in zip(ALPHABET, attributions.heights, strict=True):
        table[base] = row
    write_table(files.path("importance.tsv"), table, digits=6)


def _write_rows(windows: SiteWindows, attributions: Attributions, path: Path) -> None:
    shown = attributions.shown
    names = ["attribution"] if attributions.convention == "projected" else [*ALPHABET]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(["sequence", "site", "offset", "base", *names]) + "\n")
        for n, name in enumerate(windows.names):
            values = attributions.observed[n][None] if len(names) == 1 else shown[n]
            start = f"{table_cell(name)}\t{windows.positions[n] + 1}\t"
            letters = decode(attributions.tokens[n])
            for offset, letter, row in zip(attributions.offsets, letters, values.T, strict=True):
                file.write(f"{start}{offset}\t{letter}\t" + "\t".join(f"{x:.6g}" for x in row))
                file.write("\n")


def write_pictures(
    files: OutputFiles,
    attributions: Attributions,
    modification: Modification,
    palette: str,
    remark: str = "",
) -> None:
    """Draw ``Importance_Score`` and ``motifs_combined`` as PNG and SVG with a `remark` below.

    Windows that are shorter than the model's are padded: positions outside all of them are not
    drawn.
    """
    inside = np.flatnonzero((attributions.tokens < len(ALPHABET)).any(axis=0))
    drawn = slice(inside[0], inside[-1] + 1) if len(inside) else slice(None)
    importance, offsets = attributions.importance[drawn], attributions.offsets[drawn]
    target = "sigmoid" if attributions.paper else "log-odds"
    means = "|mean change of the {}|" if attributions.paper else "mean |change of the {}|"
    label = means.format(target)
    count = len(attributions.tokens)
    number = f"{count:,} window{'s' * (count != 1)}"
    title = (
        f"{modification.symbol}: effect of substitutions, {number} "
        f"({attributions.convention} attributions)"
    )
    bars = importance_bars(importance, offsets, label, title, remark=remark)
    logos = importance_logos(
        attributions.heights[:, drawn], offsets, BASES[palette], label, title, remark
    )
    save_figure(bars, files.picture("Importance_Score"))
    save_figure(logos, files.picture("motifs_combined"))


def write_motifs(
    files: OutputFiles,
    motifs: Sequence[Motif],
    windows: int,
    seqlets: int,
    modification: Modification,
    palette: str,
    header: Mapping[str, str],
    remark: str = "",
) -> None:
    """Write motifs as ``motifs.meme``, ``motifs.tsv`` and logos.

    `windows` and `seqlets` are their numbers, `header` are the facts at the head of the MEME file,
    and `remark` is the text below the picture.
    """
    background = motifs[0].background if motifs else np.full(len(ALPHABET), 1 / len(ALPHABET))
    entries = [MemeMotif(m.name, m.consensus, m.frequencies, len(m.offsets)) for m in motifs]
    write_text(files.path("motifs.meme"), meme_text(entries, background, lines_of(header)))
    rows, drawn = [], []
    for motif in motifs:
        usual, share = motif.usual_offset
        rows.append(
            (motif.name, motif.consensus, motif.width, motif.sites, motif.sites / windows,
             len(motif.offsets), usual, share, int(np.median(motif.offsets)),
             motif.contributions.sum())
        )  # fmt: skip
        label = (
            f"in {motif.sites:,} of {windows:,} windows; "
            f"{share:.0%} of {len(motif.offsets):,} seqlets begin at {usual:+d}"
        )
        name = f"{motif.name}  {motif.consensus}"
        drawn.append(MotifLogo(motif.bits, name, label, motif.offsets, usual))
    columns = [
        "motif", "consensus", "width", "windows", "share", "seqlets", "usual_offset",
        "share_at_usual_offset", "median_offset", "contribution",
    ]  # fmt: skip
    write_table(files.path("motifs.tsv"), pd.DataFrame(rows, columns=columns), digits=6)
    more = f" (the first {MAX_DRAWN} of {len(motifs)})" if len(motifs) > MAX_DRAWN else ""
    figure = motif_logos(
        drawn[:MAX_DRAWN],
        BASES[palette],
        f"{modification.symbol}: motifs that raise the prediction{more}",
        f"no motifs: {'all groups of seqlets are too small' if seqlets else 'no seqlets'}",
        remark,
    )
    save_figure(figure, files.picture("motifs"))
