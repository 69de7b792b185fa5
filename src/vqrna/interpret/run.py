"""From FASTA to attributions, motifs and pictures in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna.interpret.attributions import CONVENTIONS, Attributions, attribute, member
from vqrna.interpret.discovery import Motif, find_motifs
from vqrna.interpret.files import (
    FORMATS,
    write_attributions,
    write_comparison,
    write_motifs,
    write_pictures,
)
from vqrna.interpret.meme import FEW, compare, read_meme
from vqrna.interpret.site_windows import SiteWindows, windows_at, windows_of
from vqrna.model import Model
from vqrna.modifications import modification as find
from vqrna.plots.style import type_colors
from vqrna.runtime.files import results_directory
from vqrna.runtime.provenance import facts, signature

Input = str | PathLike[str]


@dataclass(frozen=True, eq=False)
class Explained:
    """What was found of one type.

    Parameters
    ----------
    windows : SiteWindows
    attributions : Attributions
    motifs : tuple of Motif
    seqlets : int
        How many stretches matter; some join no motif.
    written : tuple of pathlib.Path
    few_known : int
        How many motifs there were to compare with, if too few for p-values.
    """

    windows: SiteWindows
    attributions: Attributions
    motifs: tuple[Motif, ...]
    seqlets: int
    written: tuple[Path, ...] = ()
    few_known: int = 0


def explain(
    fasta: Sequence[Input],
    model: Model,
    modification: str,
    out: Input,
    *,
    sites: Input | None = None,
    convention: str = CONVENTIONS[0],
    paper: bool = False,
    formats: Sequence[str] = FORMATS,
    known: Input | None = None,
    palette: str = "types",
    show_progress: bool = False,
) -> Explained:
    """Mutate windows, find motifs in what that shows, and write all of it to a folder.

    Parameters
    ----------
    fasta : sequence of path
        Windows with the site in their centre; with `sites`, sequences.
    model : Model
    modification : str
        One type of the model.
    out : path
        Folder.
    sites : path, optional
        Table of ``vqrna predict``: windows are cut around its sites of the type.
    convention : str
        ``projected`` or ``hypothetical``.
    paper : bool
        As published: changes of the sigmoid, the mean taken before the absolute value.
    formats : sequence of str
        ``npz``, ``tsv``.
    known : path, optional
        MEME file to compare the motifs with.
    palette : str
        ``types`` or ``colorblind``.
    show_progress : bool

    Raises
    ------
    DataError
        If an input is wrong.
    UsageError
        If a setting is.
    """
    kind = find(modification, model.modifications)
    type_colors((), palette)
    matrices = None if known is None else read_meme(known)
    model = member(model, kind)
    with results_directory(out) as folder:
        if sites is None:
            windows = windows_of(fasta, kind, model.length)
        else:
            windows = windows_at(fasta, sites, kind, model.length)
        found = attribute(
            model, windows.tokens, kind, convention=convention, paper=paper,
            show_progress=show_progress,
        )  # fmt: skip
        motifs, seqlets = find_motifs(found, kind)
        told = facts(
            model.hash,
            modification=kind.symbol,
            windows=str(len(windows)),
            target="sigmoid of the log-odds" if paper else "log-odds",
            convention=convention,
        )
        remark = signature(model.hash)
        written = write_attributions(folder, windows, found, formats, told)
        written += write_pictures(folder, found, kind, palette, remark)
        written += write_motifs(folder, motifs, len(windows), kind, palette, told, remark)
        if matrices is not None:
            written.append(write_comparison(folder, compare(motifs, matrices), told))
    few = len(matrices) if matrices is not None and len(matrices) < FEW else 0
    return Explained(windows, found, tuple(motifs), seqlets, tuple(written), few)
