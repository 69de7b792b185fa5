"""Attributions and motifs to files: arrays, tables, MEME, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.errors import UsageError
from vqrna.formats.text import table_name
from vqrna.interpret.attributions import Attributions
from vqrna.interpret.discovery import Motif
from vqrna.interpret.meme import MemeMotif, meme
from vqrna.interpret.site_windows import SiteWindows
from vqrna.modifications import Modification
from vqrna.plots.importance import importance_bars
from vqrna.plots.logos import MotifLogo, importance_logos, motif_logos
from vqrna.plots.style import BASES, save_figure
from vqrna.runtime.files import atomic_path, write_arrays, write_table, write_text
from vqrna.runtime.provenance import lines_of
from vqrna.sequence import ALPHABET, decode

FORMATS = ("npz", "tsv")
"""What attributions are written as."""

SHOWN = 12
"""So many motifs are drawn."""


def parse_formats(given: Sequence[str] | None) -> tuple[str, ...]:
    """Take formats as ``["npz,tsv"]`` or ``["npz", "tsv"]``; all if none are given.

    Raises
    ------
    UsageError
        If one is unknown.
    """
    words = [word.strip() for text in given or FORMATS for word in text.split(",") if word.strip()]
    for word in words:
        if word not in FORMATS:
            raise UsageError(f"unknown format '{word}' (known: {', '.join(FORMATS)})")
    return tuple(name for name in FORMATS if name in words)


def write_attributions(
    folder: Path,
    windows: SiteWindows,
    found: Attributions,
    formats: Sequence[str],
    told: Mapping[str, str],
) -> list[Path]:
    """Write the attributions of all windows, and what they come to at each position.

    Parameters
    ----------
    folder : pathlib.Path
    windows : SiteWindows
    found : Attributions
    formats : sequence of str
        Of `FORMATS`.
    told : mapping of str to str
        Facts for the heads.
    """
    written = []
    if "npz" in formats:
        path = folder / "attributions.npz"
        write_arrays(
            path,
            attributions=found.shown.astype(np.float32),
            target=found.target,
            tokens=found.tokens,
            offsets=found.offsets,
            sequence=np.array(windows.names, dtype=np.str_),
            position=windows.positions + 1,
            heights=found.heights,
            importance=found.importance,
            alphabet=np.array(list(ALPHABET)),
            facts=np.array([f"{name}: {value}" for name, value in told.items()]),
        )
        written.append(path)
    if "tsv" in formats:
        path = folder / "attributions.tsv"
        with atomic_path(path) as temporary:
            _each(windows, found, told, temporary)
        written.append(path)
    path = folder / "importance.tsv"
    table = pd.DataFrame({"offset": found.offsets, "importance": found.importance})
    for base, row in zip(ALPHABET, found.heights, strict=True):
        table[base] = row
    write_table(path, table, lines_of(told), digits=6)
    return [*written, path]


def _each(windows: SiteWindows, found: Attributions, told: Mapping[str, str], path: Path) -> None:
    """Write a row for each window and position."""
    shown = found.shown
    names = ["attribution"] if found.convention == "projected" else [*ALPHABET]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines_of(told))
        file.write("\t".join(["sequence", "site", "offset", "base", *names]) + "\n")
        for n, name in enumerate(windows.names):
            values = found.observed[n][None] if len(names) == 1 else shown[n]
            start = f"{table_name(name)}\t{windows.positions[n] + 1}\t"
            letters = decode(found.tokens[n])
            for offset, letter, row in zip(found.offsets, letters, values.T, strict=True):
                file.write(f"{start}{offset}\t{letter}\t" + "\t".join(f"{x:.6g}" for x in row))
                file.write("\n")


def write_pictures(
    folder: Path, found: Attributions, modification: Modification, palette: str, remark: str = ""
) -> list[Path]:
    """Draw ``Importance_Score`` and ``motifs_combined`` as PNG and SVG, `remark` at their feet."""
    target = "sigmoid" if found.paper else "log-odds"
    means = "|mean change of the {}|" if found.paper else "mean |change of the {}|"
    label = means.format(target)
    count = len(found.tokens)
    number = f"{count:,} window{'s' * (count != 1)}"
    title = f"{modification.symbol}: what substitutions do, {number}"
    kind = f" ({found.convention} attributions)"
    bars = importance_bars(found.importance, found.offsets, label, title + kind, remark=remark)
    logos = importance_logos(
        found.heights, found.offsets, BASES[palette], label, title + kind, remark
    )
    return [
        *save_figure(bars, folder / "Importance_Score.svg"),
        *save_figure(logos, folder / "motifs_combined.svg"),
    ]


def write_motifs(
    folder: Path,
    motifs: Sequence[Motif],
    windows: int,
    modification: Modification,
    palette: str,
    told: Mapping[str, str],
    remark: str = "",
) -> list[Path]:
    """Write motifs as ``motifs.meme``, ``motifs.tsv`` and logos.

    Parameters
    ----------
    folder : pathlib.Path
    motifs : sequence of Motif
    windows : int
        How many windows were looked at.
    modification : Modification
    palette : str
    told : mapping of str to str
        Facts for the heads.
    remark : str
        At the foot of the picture.
    """
    background = motifs[0].background if motifs else np.full(len(ALPHABET), 1 / len(ALPHABET))
    path = folder / "motifs.meme"
    entries = [MemeMotif(m.name, m.consensus, m.frequencies, len(m.offsets)) for m in motifs]
    write_text(path, meme(entries, background, lines_of(told)))
    rows, drawn = [], []
    for motif in motifs:
        usual, share = motif.usual_offset
        rows.append(
            (motif.name, motif.consensus, motif.width, motif.sites, motif.sites / windows,
             len(motif.offsets), usual, share, int(np.median(motif.offsets)),
             motif.contributions.sum())
        )  # fmt: skip
        words = (
            f"in {motif.sites:,} of {windows:,} windows; "
            f"{share:.0%} of {len(motif.offsets):,} seqlets begin at {usual:+d}"
        )
        name = f"{motif.name}  {motif.consensus}"
        drawn.append(MotifLogo(motif.bits, name, words, motif.offsets, usual))
    columns = [
        "motif", "consensus", "width", "windows", "share", "seqlets", "usual_offset",
        "share_at_usual_offset", "median_offset", "contribution",
    ]  # fmt: skip
    table = folder / "motifs.tsv"
    write_table(table, pd.DataFrame(rows, columns=columns), lines_of(told), digits=6)
    more = f" (the first {SHOWN} of {len(motifs)})" if len(motifs) > SHOWN else ""
    figure = motif_logos(
        drawn[:SHOWN],
        BASES[palette],
        f"{modification.symbol}: motifs that raise the prediction{more}",
        "no motif: no group of seqlets is large enough",
        remark,
    )
    return [path, table, *save_figure(figure, folder / "motifs.svg")]


def write_comparison(folder: Path, table: pd.DataFrame, told: Mapping[str, str]) -> Path:
    """Write what Tomtom found as ``tomtom.tsv``."""
    path = folder / "tomtom.tsv"
    write_table(path, table, lines_of(told), digits=6)
    return path
